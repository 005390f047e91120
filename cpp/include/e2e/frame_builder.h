#ifndef e2e_frame_builder_h
#define e2e_frame_builder_h
// Hits -> sparse frame. Builders are total on any bytes and keep their scratch: one object per thread, many events.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "detid.h"
#include "geometry.h"
#include "pixel_accumulator.h"
#include "sparse_frame.h"

namespace e2e {

/// Rec hits of one event and subdetector, in columns; not owned.
struct Hits {
  const std::uint32_t* detid;
  const float* energy;  // GeV
  const float* time;    // ns
  std::size_t size;
};

/// Hits dropped while a frame was built, and times taken as 0; see HitCounts in src/e2e/frames/candidates.py.
struct HitCounts {
  std::int32_t undecodable = 0, badEnergy = 0, badTime = 0, duplicates = 0, conflicts = 0;
};

/// Time of a hit in ns, 0 where it has no finite one.
inline float timeOf(const Hits& hits, std::size_t i) { return std::isfinite(hits.time[i]) ? hits.time[i] : 0; }

/// Passes on the usable hits of one subdetector: valid and distinct channels, 0 < energy.
template <Subdetector kSubdetector>
class HitScreen {
public:
  HitScreen() : seen_(numChannelIndices<kSubdetector>()), firstHit_(numChannelIndices<kSubdetector>()) {}

  /// Call `accept(i, channel)` for each usable hit i, in order; `channel` is its `channelIndex`.
  template <typename Accept>
  void run(const Hits& hits, HitCounts& total, Accept&& accept) {
    HitCounts counts = total;  // kept in registers
    seen_.clear();
    for (std::size_t i = 0; i < hits.size; ++i) {
      const int channel = channelIndex<kSubdetector>(hits.detid[i]);
      if (channel < 0) {
        ++counts.undecodable;
        continue;
      }
      const float energy = hits.energy[i];
      if (!(std::abs(energy) <= kMaxHitEnergyGev)) {  // true for NaN
        ++counts.badEnergy;
        continue;
      }
      if (!seen_.insert(channel)) {
        const bool isSame = std::memcmp(&hits.energy[firstHit(channel)], &energy, sizeof energy) == 0;
        ++(isSame ? counts.duplicates : counts.conflicts);
        continue;
      }
      firstHit_[channel] = static_cast<std::uint32_t>(i);
      if (!(energy > 0))
        continue;  // zero suppression
      counts.badTime += !std::isfinite(hits.time[i]);
      accept(i, channel);
    }
    total = counts;
  }

  /// The hit that counts for a channel seen in the last run.
  std::size_t firstHit(int channel) const { return firstHit_[channel]; }

private:
  Bitmap seen_;
  std::vector<std::uint32_t> firstHit_;  // by channel; means nothing where not seen
};

/// EB hits -> barrel grid, energy and time. One crystal per pixel, so nothing is added up.
class BarrelFrameBuilder {
public:
  void build(const Hits& barrel, SparseFrame& frame, HitCounts& counts) {
    occupied_.clear();
    screen_.run(barrel, counts, [this](std::size_t, int channel) { occupied_.insert(channel); });

    frame.resize(kBarrelGrid, barrel.size, true);
    std::size_t position = 0;
    occupied_.visit([&](int pixel) {
      const std::size_t hit = screen_.firstHit(pixel);
      frame.pixel[position] = pixel;
      frame.energy[position] = barrel.energy[hit];
      frame.time[position] = timeOf(barrel, hit);
      ++position;
    });
    frame.resize(kBarrelGrid, position, true);
  }

private:
  HitScreen<Subdetector::EB> screen_;
  Bitmap occupied_{kBarrelGrid.numPixels()};
};

/// EB and EE hits -> stitched grid, energy only: several EE crystals share a pixel. EB is added first.
class StitchedFrameBuilder {
public:
  void build(const Hits& barrel, const Hits& endcap, SparseFrame& frame, HitCounts& counts) {
    barrel_.run(barrel, counts, [&](std::size_t i, int) {
      pixels_.add(stitchedPixel(unpackBarrel(barrel.detid[i])), barrel.energy[i]);
    });
    endcap_.run(endcap, counts, [&](std::size_t i, int) {
      pixels_.add(stitchedPixel(unpackEndcap(endcap.detid[i])), endcap.energy[i]);
    });
    pixels_.moveTo(frame);
  }

  /// Its sums, for others to use between two builds.
  PixelAccumulator& pixels() { return pixels_; }

private:
  HitScreen<Subdetector::EB> barrel_;
  HitScreen<Subdetector::EE> endcap_;
  PixelAccumulator pixels_{kStitchedGrid};
};

/// HB and HE hits -> HCAL grid, depths added; HB is added first.
class HcalFrameBuilder {
public:
  void build(const Hits& barrel, const Hits& endcap, SparseFrame& frame, HitCounts& counts) {
    barrel_.run(barrel, counts, [&](std::size_t i, int) { add(unpackTower(barrel.detid[i]), barrel.energy[i]); });
    endcap_.run(endcap, counts, [&](std::size_t i, int) { add(unpackTower(endcap.detid[i]), endcap.energy[i]); });
    pixels_.moveTo(frame);
  }

private:
  void add(Tower tower, float energy) {
    const HcalShare share = hcalShare(tower);
    const float part = energy / static_cast<float>(share.numPixels);
    for (int i = 0; i < share.numPixels && part > 0; ++i)  // half of the smallest float is 0
      pixels_.add(share.pixel[i], part);
  }

  HitScreen<Subdetector::HB> barrel_;
  HitScreen<Subdetector::HE> endcap_;
  PixelAccumulator pixels_{kHcalGrid};
};

/// HCAL frame -> stitched grid: each tower over 5 x 5 pixels of 1/25 of its energy, on the ECAL's phi axis.
inline void upsampleHcal(const SparseFrame& hcal, SparseFrame& stitched) {
  constexpr int kSide = kHcalUpsampling;
  stitched.resize(kStitchedGrid, hcal.pixel.size() * kSide * kSide, false);
  std::int32_t* pixel = stitched.pixel.data();
  float* energy = stitched.energy.data();
  for (int row = 0; row < kHcalGrid.rows; ++row) {
    std::ptrdiff_t width = 0;
    visitWindow(hcal, {row, 1, -kHcalColumnShift, kHcalGrid.columns}, [&](std::size_t position, int, int column) {
      const float share = hcal.energy[position] / static_cast<float>(kSide * kSide);
      for (int i = 0; i < kSide && share > 0; ++i, ++width) {
        pixel[width] = row * kSide * kStitchedGrid.columns + column * kSide + i;
        energy[width] = share;
      }
    });
    for (int below = 1; below < kSide; ++below) {
      const int step = below * kStitchedGrid.columns;
      std::transform(pixel, pixel + width, pixel + below * width, [step](std::int32_t first) { return first + step; });
      std::copy_n(energy, width, energy + below * width);
    }
    pixel += kSide * width;
    energy += kSide * width;
  }
  stitched.resize(kStitchedGrid, pixel - stitched.pixel.data(), false);
}

}  // namespace e2e

#endif
