#ifndef e2e_tracking_h
#define e2e_tracking_h
// Tracks and tracker hits of one event -> pixels of the stitched grid. Total on any bytes.
// Mirrors src/e2e/frames/reference_tracking.py.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "helix.h"
#include "places.h"

namespace e2e {

/// Tracks of one event, in columns; not owned. x, y, z: the point nearest the beam axis, where eta and phi hold.
struct TrackColumns {
  const float *pt, *eta, *phi;     // GeV, radian
  const float* charge;             // NaN: not known, followed straight
  const float *x, *y, *z;          // cm
  const float *d0Error, *dzError;  // cm
  const float* isHighPurity;       // NaN: not known
  std::size_t size;
};

/// Where tracks reach the ECAL and what a pixel says of them; one element a track, in the order of the tracks.
struct TrackPixels {
  std::vector<std::int32_t> pixel;                    // flat, of the stitched grid
  std::vector<float> pt;                              // GeV
  std::vector<float> d0, dz;                          // cm, to the primary vertex, signed as CMS does
  std::vector<float> d0Significance, dzSignificance;  // 0 where the uncertainty is not known

  void clear() {
    pixel.clear();
    for (std::vector<float>* quantity : {&pt, &d0, &dz, &d0Significance, &dzSignificance})
      quantity->clear();
  }
};

/// Hits of the tracker's layers in one event, in columns; not owned.
struct LayerHits {
  const float* layer;      // its number; see TRACKER_LAYERS in e2e.contract
  const float *x, *y, *z;  // cm
  std::size_t size;
};

/// cm.
struct ImpactParameters {
  double d0, dz;
};

/// The vertex itself where its coordinates are finite, 0 in place of those that are not.
inline Point finiteVertex(const Point& vertex) {
  const auto orZero = [](double coordinate) { return std::isfinite(coordinate) ? coordinate : 0; };
  return {orZero(vertex.x), orZero(vertex.y), orZero(vertex.z)};
}

/// dxy and dz of CMS's TrackBase: the track is taken straight between its point and the vertex.
inline ImpactParameters impactParameters(const Track& track, const Point& vertex) {
  const double x = track.x - vertex.x, y = track.y - vertex.y, z = track.z - vertex.z;
  const double cosine = std::cos(track.phi), sine = std::sin(track.phi);
  return {y * cosine - x * sine, z - (x * cosine + y * sine) * std::sinh(track.eta)};
}

/// As a pixel carries it; 0 for what is not finite.
inline float pixelValue(double value) {
  const auto single = static_cast<float>(value);
  return std::isfinite(single) ? single : 0;
}

/// Fill `out` with the tracks of the primary collision that reach the ECAL.
/// Left out: a track that is known not to be of high purity, of |eta| of 3 or more, without a pT between 0 and
/// `kMaxTrackPtGev`, or 0.1 cm and more from the vertex along the beam. The rest follows its helix in 3.8 T and is seen
/// from the origin where it reaches the ECAL's front. A coordinate of the vertex that is not finite counts as 0.
/// Source: track channels of cms-e2e/RecoE2E, and bhbam/MLAnalyzer for the propagation.
inline void trackPixels(const TrackColumns& tracks, const Point& vertex, TrackPixels& out) {
  out.clear();
  const Point primary = finiteVertex(vertex);
  for (std::size_t i = 0; i < tracks.size; ++i) {
    const float pt = tracks.pt[i];
    const bool isGood = pt > 0 && pt <= kMaxTrackPtGev && std::abs(tracks.eta[i]) < kTrackMaxEta &&
                        std::isfinite(tracks.phi[i]) && tracks.isHighPurity[i] != 0;
    if (!isGood)
      continue;
    const Track track{tracks.x[i],   tracks.y[i],   tracks.z[i],
                      tracks.eta[i], tracks.phi[i], bendOf(tracks.charge[i], pt)};
    const auto [d0, dz] = impactParameters(track, primary);
    if (!(std::abs(dz) < kTrackMaxDzCm))
      continue;
    const int pixel = stitchedPixel(toEcal(track));
    if (pixel == kNowhere)
      continue;
    out.pixel.push_back(pixel);
    out.pt.push_back(pt);
    out.d0.push_back(pixelValue(d0));
    out.dz.push_back(pixelValue(dz));
    out.d0Significance.push_back(pixelValue(d0 / tracks.d0Error[i]));
    out.dzSignificance.push_back(pixelValue(dz / tracks.dzError[i]));
  }
}

/// Fill `pixel` with the flat pixel of every hit of the layer, in their order, each at eta and phi of the line from the
/// vertex to it; `kNowhere`: outside the stitched grid. A coordinate of the vertex that is not finite counts as 0.
/// Source: layer channels of bhbam/MLAnalyzer.
inline void layerPixels(const LayerHits& hits, int layer, const Point& vertex, std::vector<std::int32_t>& pixel) {
  pixel.clear();
  const Point primary = finiteVertex(vertex);
  for (std::size_t i = 0; i < hits.size; ++i) {
    if (hits.layer[i] != static_cast<float>(layer))
      continue;
    const double x = hits.x[i] - primary.x, y = hits.y[i] - primary.y, z = hits.z[i] - primary.z;
    pixel.push_back(stitchedPixel(Position{std::asinh(z / std::sqrt(x * x + y * y)), std::atan2(y, x)}));
  }
}

}  // namespace e2e

#endif
