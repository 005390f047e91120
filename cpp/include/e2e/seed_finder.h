#ifndef e2e_seed_finder_h
#define e2e_seed_finder_h
// Pixels to cut around. Of pixels with equal energy the one with the lower flat index is taken to be the higher.
#include <algorithm>
#include <optional>
#include <vector>

#include "sparse_frame.h"

namespace e2e {

struct Seed {
  int row, column;  // zero-based, of the frame's grid
  float energy;     // GeV
};

/// The pixels around (`row`, `column`); 2 * halfColumns + 1 is at most the grid's columns.
constexpr Window windowAround(int row, int column, int halfRows, int halfColumns) {
  return {row - halfRows, 2 * halfRows + 1, column - halfColumns, 2 * halfColumns + 1};
}

class SeedFinder {
public:
  /// Highest pixel of at least `minEnergy` around (`row`, `column`); phi wraps, eta is clipped.
  static std::optional<Seed> highestNear(const ChannelView& energy, int row, int column, int halfRows, int halfColumns,
                                         float minEnergy) {
    std::size_t best = energy.size;
    visitWindow(energy, windowAround(row, column, halfRows, halfColumns), [&](std::size_t position, int, int) {
      if (energy.value[position] >= minEnergy && (best == energy.size || isHigher(energy, position, best)))
        best = position;
    });
    return best < energy.size ? std::optional(seedAt(energy, best)) : std::nullopt;
  }

  static std::optional<Seed> highestNear(const SparseFrame& frame, int row, int column, int halfRows, int halfColumns,
                                         float minEnergy) {
    return highestNear(energyOf(frame), row, column, halfRows, halfColumns, minEnergy);
  }

  /// Highest pixel of the frame of at least `minEnergy`.
  static std::optional<Seed> leading(const SparseFrame& frame, float minEnergy) {
    const auto best = std::max_element(frame.energy.begin(), frame.energy.end());  // the first of equals
    if (best == frame.energy.end() || !(*best >= minEnergy))
      return std::nullopt;
    return seedAt(energyOf(frame), best - frame.energy.begin());
  }

  /// Every pixel of at least `minEnergy` with none higher within `halfWidth`; the highest first.
  const std::vector<Seed>& isolatedMaxima(const SparseFrame& frame, float minEnergy, int halfWidth) {
    const ChannelView energy = energyOf(frame);
    maxima_.clear();
    for (std::size_t i = 0; i < energy.size; ++i) {
      if (energy.value[i] >= minEnergy && isMaximum(energy, i, halfWidth))
        maxima_.push_back(i);
    }
    std::sort(maxima_.begin(), maxima_.end(), [&](auto a, auto b) { return isHigher(energy, a, b); });

    seeds_.clear();
    for (const std::size_t position : maxima_)
      seeds_.push_back(seedAt(energy, position));
    return seeds_;
  }

private:
  /// A total order: energy, then the lower position, which is the lower pixel.
  static bool isHigher(const ChannelView& energy, std::size_t a, std::size_t b) {
    return energy.value[a] != energy.value[b] ? energy.value[a] > energy.value[b] : a < b;
  }

  static bool isMaximum(const ChannelView& energy, std::size_t position, int halfWidth) {
    const Seed seed = seedAt(energy, position);
    bool isBeaten = false;
    visitWindow(energy, windowAround(seed.row, seed.column, halfWidth, halfWidth),
                [&](std::size_t other, int, int) { isBeaten |= isHigher(energy, other, position); });
    return !isBeaten;
  }

  static Seed seedAt(const ChannelView& energy, std::size_t position) {
    const int pixel = energy.pixel[position];
    return {pixel / energy.grid.columns, pixel % energy.grid.columns, energy.value[position]};
  }

  std::vector<std::size_t> maxima_;
  std::vector<Seed> seeds_;
};

}  // namespace e2e

#endif
