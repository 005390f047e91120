#ifndef e2e_seed_finder_h
#define e2e_seed_finder_h
// Pixels to cut around. Of pixels with equal energy the one with the lower flat index is taken to be the higher.
#include <algorithm>
#include <optional>
#include <vector>

#include "e2e/sparse_frame.h"

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
  static std::optional<Seed> highestNear(const SparseFrame& frame, int row, int column, int halfRows, int halfColumns,
                                         float minEnergy) {
    std::size_t best = frame.pixel.size();
    visitWindow(frame, windowAround(row, column, halfRows, halfColumns), [&](std::size_t position, int, int) {
      if (frame.energy[position] >= minEnergy && (best == frame.pixel.size() || isHigher(frame, position, best)))
        best = position;
    });
    return best < frame.pixel.size() ? std::optional(seedAt(frame, best)) : std::nullopt;
  }

  /// Highest pixel of the frame of at least `minEnergy`.
  static std::optional<Seed> leading(const SparseFrame& frame, float minEnergy) {
    const auto best = std::max_element(frame.energy.begin(), frame.energy.end());  // the first of equals
    if (best == frame.energy.end() || !(*best >= minEnergy))
      return std::nullopt;
    return seedAt(frame, best - frame.energy.begin());
  }

  /// Every pixel of at least `minEnergy` with none higher within `halfWidth`; the highest first.
  const std::vector<Seed>& isolatedMaxima(const SparseFrame& frame, float minEnergy, int halfWidth) {
    maxima_.clear();
    for (std::size_t i = 0; i < frame.pixel.size(); ++i) {
      if (frame.energy[i] >= minEnergy && isMaximum(frame, i, halfWidth))
        maxima_.push_back(i);
    }
    std::sort(maxima_.begin(), maxima_.end(), [&](auto a, auto b) { return isHigher(frame, a, b); });

    seeds_.clear();
    for (const std::size_t position : maxima_)
      seeds_.push_back(seedAt(frame, position));
    return seeds_;
  }

private:
  /// A total order: energy, then the lower position, which is the lower pixel.
  static bool isHigher(const SparseFrame& frame, std::size_t a, std::size_t b) {
    return frame.energy[a] != frame.energy[b] ? frame.energy[a] > frame.energy[b] : a < b;
  }

  static bool isMaximum(const SparseFrame& frame, std::size_t position, int halfWidth) {
    const Seed seed = seedAt(frame, position);
    bool isBeaten = false;
    visitWindow(frame, windowAround(seed.row, seed.column, halfWidth, halfWidth),
                [&](std::size_t other, int, int) { isBeaten |= isHigher(frame, other, position); });
    return !isBeaten;
  }

  static Seed seedAt(const SparseFrame& frame, std::size_t position) {
    const int pixel = frame.pixel[position];
    return {pixel / frame.grid.columns, pixel % frame.grid.columns, frame.energy[position]};
  }

  std::vector<std::size_t> maxima_;
  std::vector<Seed> seeds_;
};

}  // namespace e2e

#endif
