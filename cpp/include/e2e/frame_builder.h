#ifndef e2e_frame_builder_h
#define e2e_frame_builder_h
// Hits -> sparse frame. Builders are total on any bytes and keep their scratch: one object per thread, many events.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "e2e/detid.h"
#include "e2e/geometry.h"
#include "e2e/sparse_frame.h"

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

/// A set of small integers; its members come in ascending order.
class Bitmap {
public:
  explicit Bitmap(int size) : words_((size + 63) / 64), isOccupied_((words_.size() + 63) / 64) {}

  void clear() {
    std::fill(words_.begin(), words_.end(), 0);
    std::fill(isOccupied_.begin(), isOccupied_.end(), 0);
  }

  /// False where `member` was there already.
  bool insert(int member) {
    std::uint64_t& word = words_[member / 64];
    const std::uint64_t bit = bitOf(member);
    const bool isNew = (word & bit) == 0;
    word |= bit;
    isOccupied_[member / (64 * 64)] |= bitOf(member / 64);
    return isNew;
  }

  template <typename Visit>
  void visit(Visit&& visit) const {
    for (std::size_t i = 0; i < isOccupied_.size(); ++i)
      visitBits(isOccupied_[i], i, [&](int word) { visitBits(words_[word], word, visit); });
  }

private:
  static std::uint64_t bitOf(int member) { return std::uint64_t{1} << member % 64; }

  template <typename Visit>
  static void visitBits(std::uint64_t bits, std::size_t word, Visit&& visit) {
    for (; bits != 0; bits &= bits - 1)
      visit(static_cast<int>(word) * 64 + __builtin_ctzll(bits));  // std::countr_zero is C++20
  }

  std::vector<std::uint64_t> words_;
  std::vector<std::uint64_t> isOccupied_;  // one bit per word, so that empty words cost nothing
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

/// Adds energies pixel by pixel and gives the pixels back in order without sorting.
class PixelAccumulator {
public:
  explicit PixelAccumulator(Grid grid) : grid_(grid), occupied_(grid.numPixels()), energy_(grid.numPixels()) {}

  void add(int pixel, float energy) { energy_[pixel] = occupied_.insert(pixel) ? energy : energy_[pixel] + energy; }

  /// Fill `frame` with what was added, and begin anew.
  void moveTo(SparseFrame& frame) {
    frame.resize(grid_, 0, false);
    occupied_.visit([&](int pixel) {
      frame.pixel.push_back(pixel);
      frame.energy.push_back(energy_[pixel]);
    });
    occupied_.clear();
  }

private:
  Grid grid_;
  Bitmap occupied_;
  std::vector<float> energy_;  // by pixel; means nothing where not occupied
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
  stitched.resize(kStitchedGrid, 0, false);
  for (int fineRow = 0; fineRow < kStitchedGrid.rows; ++fineRow) {
    const Window turned{fineRow / kHcalUpsampling, 1, -kHcalColumnShift, kHcalGrid.columns};
    visitWindow(hcal, turned, [&](std::size_t position, int, int column) {
      const float share = hcal.energy[position] / static_cast<float>(kHcalUpsampling * kHcalUpsampling);
      for (int i = 0; i < kHcalUpsampling && share > 0; ++i) {
        stitched.pixel.push_back(fineRow * kStitchedGrid.columns + column * kHcalUpsampling + i);
        stitched.energy.push_back(share);
      }
    });
  }
}

}  // namespace e2e

#endif
