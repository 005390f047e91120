#ifndef e2e_geometry_h
#define e2e_geometry_h
// Where the channels are, seen from the origin of the detector. Mirrors src/e2e/detector/geometry.py, in double.
#include <cmath>

#include "detid.h"

namespace e2e {

inline constexpr double kPi = 3.14159265358979323846;

/// Direction; phi in radian, [-pi, pi) for the barrel and HCAL.
struct Position {
  double eta, phi;
};

/// phi in [-pi, pi).
inline double wrapPhi(double phi) {
  const double turned = std::fmod(phi + kPi, 2 * kPi);
  return (turned < 0 ? turned + 2 * kPi : turned) - kPi;
}

/// Front-face centre of a valid EB crystal.
inline Position position(BarrelCrystal crystal) {
  const int row = barrelRow(crystal.ieta);
  const int column = (crystal.iphi - 1) % kColumnsPerSupermodule;
  return {kBarrelEta[row][column], wrapPhi((crystal.iphi - 10.5) * (kPi / 180) + kBarrelPhiOffset[row][column])};
}

/// Front-face centre of a valid EE crystal; one quadrant is tabulated, the others are its mirror images.
inline Position position(EndcapCrystal crystal) {
  const bool isRight = crystal.ix > 50, isUpper = crystal.iy > 50;
  const double* point = kEndcapQuadrant[isRight ? crystal.ix - 51 : 50 - crystal.ix]
                                       [isUpper ? crystal.iy - 51 : 50 - crystal.iy];
  const double x = isRight ? point[0] : -point[0], y = isUpper ? point[1] : -point[1];
  return {std::asinh(point[2] / std::hypot(x, y)) * crystal.side, std::atan2(y, x)};
}

/// Centre of a valid HCAL tower; a tower of |ieta| > 20 is 10 degrees wide, of |ieta| > 39 (HF) 20 degrees.
inline Position position(Subdetector subdetector, Tower tower) {
  const int size = std::abs(tower.ieta);
  const bool isForward = subdetector == Subdetector::HF;
  const double* edges = isForward ? kHfEdges + size - 29 : kHbheEdges + size - 1;
  double low = edges[0], high = edges[1];
  if (subdetector == Subdetector::HE && size == kHcalMaxIeta && tower.depth == 3)
    high = 3.0;  // the deepest layer takes tower 29 in
  if (subdetector == Subdetector::HO)
    for (const auto& [ieta, gapLow, gapHigh] : kHoRingGaps)
      if (size == ieta)
        low = gapLow, high = gapHigh;

  double eta = (low + high) / 2;
  if (isForward)
    eta += std::log((tower.depth % 2 == 1 ? kHfLongFibre : kHfShortFibre) / kHfEdgePlane);
  const int width = size >= 40 ? 4 : size > kHcalLastFineIeta ? 2 : 1;  // in steps of 5 degrees
  const double phi = (5.0 * (tower.iphi - 1) + 2.5 * width) * (kPi / 180);
  return {tower.ieta > 0 ? eta : -eta, wrapPhi(phi)};
}

/// Flat pixel of a valid EB crystal on the stitched grid.
constexpr int stitchedPixel(BarrelCrystal crystal) {
  return channelIndex<Subdetector::EB>(pack(crystal)) + kEndcapRows * kStitchedGrid.columns;
}

/// Flat pixel of a valid EE crystal on the stitched grid.
constexpr int stitchedPixel(EndcapCrystal crystal) {
  const int pixel = kEndcapPixel[crystal.ix][crystal.iy];
  if (crystal.side > 0)
    return pixel;
  const int row = pixel / kStitchedGrid.columns, column = pixel % kStitchedGrid.columns;
  return (kStitchedGrid.rows - 1 - row) * kStitchedGrid.columns + column;
}

/// The one or two pixels of the HCAL grid that share a tower's energy evenly.
struct HcalShare {
  int numPixels;
  int pixel[2];
};

/// tower: HB or HE. ieta 29 is folded into 28; beyond |ieta| 20 iphi and iphi + 1 share.
constexpr HcalShare hcalShare(Tower tower) {
  const int size = tower.ieta < 0 ? -tower.ieta : tower.ieta;
  const int folded = size > kHcalMaxIeta ? kHcalMaxIeta : size;
  const int row = tower.ieta > 0 ? kHcalMaxIeta - 1 + folded : kHcalMaxIeta - folded;
  const int first = row * kHcalGrid.columns;
  return {size > kHcalLastFineIeta ? 2 : 1, {first + tower.iphi - 1, first + tower.iphi % kHcalGrid.columns}};
}

}  // namespace e2e

#endif
