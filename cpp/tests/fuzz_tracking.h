#ifndef e2e_tests_fuzz_tracking_h
#define e2e_tests_fuzz_tracking_h
// What must hold of the pixels of any tracks and tracker hits, and of the seeds of any particles and jets.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "draw.h"
#include "e2e/jet_seeds.h"
#include "e2e/object_seeds.h"
#include "e2e/tracking.h"
#include "expect.h"

namespace e2e::tests {

/// Of either sign; mostly within `width`.
inline float drawSigned(Random& random, float width) {
  if (below(random, 10) == 0)
    return drawNumber(random);
  return std::uniform_real_distribution<float>(-width, width)(random);
}

inline Track drawTrack(Random& random) {
  const double bend = bendOf(below(random, 3) - 1, drawNumber(random));
  return {drawSigned(random, 1), drawSigned(random, 1), drawSigned(random, 20), drawSigned(random, 2),
          drawSigned(random, 4), below(random, 10) == 0 ? drawNumber(random) : bend};
}

class TrackingFuzzer {
public:
  void checkTracks(Random& random) {
    draw(random, 10, 300, 0.5f);
    const auto& c = columns_;
    for (std::size_t i = 0; i < c[0].size(); ++i) {
      columns_[0][i] = drawNumber(random);
      columns_[9][i] = static_cast<float>(below(random, 3));
    }
    const Point vertex{drawSigned(random, 0.1f), drawSigned(random, 0.1f), drawSigned(random, 0.1f)};
    trackPixels({c[0].data(), c[1].data(), c[2].data(), c[3].data(), c[4].data(), c[5].data(), c[6].data(), c[7].data(),
                 c[8].data(), c[9].data(), c[0].size()},
                vertex, found_);
    const std::size_t size = found_.pixel.size();
    EXPECT(size <= c[0].size());
    for (const auto* quantity : {&found_.pt, &found_.d0, &found_.dz, &found_.d0Significance, &found_.dzSignificance}) {
      EXPECT(quantity->size() == size);
      EXPECT(std::all_of(quantity->begin(), quantity->end(), [](float value) { return std::isfinite(value); }));
    }
    for (std::size_t i = 0; i < size; ++i) {
      EXPECT(0 <= found_.pixel[i] && found_.pixel[i] < kStitchedGrid.numPixels());
      EXPECT(found_.pt[i] > 0 && std::abs(found_.dz[i]) <= static_cast<float>(kTrackMaxDzCm));
    }
  }

  void checkLayers(Random& random) {
    draw(random, 4, 300, 100);
    const int layer = below(random, 4);
    std::size_t hits = 0;
    for (float& number : columns_[0]) {
      number = below(random, 10) == 0 ? drawNumber(random) : static_cast<float>(below(random, 4));
      hits += number == static_cast<float>(layer);
    }
    const Point vertex{drawSigned(random, 1), drawSigned(random, 1), drawSigned(random, 1)};
    layerPixels({columns_[0].data(), columns_[1].data(), columns_[2].data(), columns_[3].data(), columns_[0].size()},
                layer, vertex, pixel_);
    EXPECT(pixel_.size() == hits);
    for (const std::int32_t pixel : pixel_)
      EXPECT(pixel == kNowhere || (0 <= pixel && pixel < kStitchedGrid.numPixels()));
  }

private:
  void draw(Random& random, std::size_t numColumns, int most, float width) {
    columns_.resize(numColumns);
    const std::size_t size = below(random, most);
    for (std::vector<float>& values : columns_) {
      values.resize(size);
      for (float& value : values)
        value = drawSigned(random, width);
    }
  }

  std::vector<std::vector<float>> columns_;
  TrackPixels found_;
  std::vector<std::int32_t> pixel_;
};

/// barrel: frame of the barrel grid.
inline void checkObjectSeed(Random& random, const SparseFrame& barrel) {
  const Track particle = drawTrack(random);
  const auto expected = barrelPixel(particle);
  const auto seed = objectSeed(barrel, particle);
  EXPECT(expected || !seed);
  if (expected) {
    EXPECT(0 <= expected->row && expected->row < kBarrelGrid.rows);
    EXPECT(0 <= expected->column && expected->column < kBarrelGrid.columns);
  }
  if (seed) {
    const int apart = std::abs(seed->column - expected->column);
    EXPECT(std::abs(seed->row - expected->row) <= kSeedSearchHalfRows && seed->energy >= kSeedMinEnergyGev);
    EXPECT(std::min(apart, kBarrelGrid.columns - apart) <= kSeedSearchHalfColumns);
  }
}

/// towers: frame of the HCAL grid.
inline void checkJetSeed(Random& random, const SparseFrame& towers) {
  FrameSpec spec;
  spec.rows = 1 + below(random, kStitchedGrid.rows);
  spec.centreRow = below(random, spec.rows);
  const auto seed = jetSeed(towers, drawSigned(random, 3), drawSigned(random, 4), spec);
  if (!seed)
    return;
  const int firstRow = seed->row - spec.centreRow;
  EXPECT(0 <= firstRow && firstRow + spec.rows <= kStitchedGrid.rows);
  EXPECT(0 <= seed->column && seed->column < kStitchedGrid.columns && seed->energy >= 0);
  EXPECT(seed->row % kHcalUpsampling == 2 && seed->column % kHcalUpsampling == 2);
}

}  // namespace e2e::tests

#endif
