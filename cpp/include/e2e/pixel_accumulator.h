#ifndef e2e_pixel_accumulator_h
#define e2e_pixel_accumulator_h
// From values in any order to ascending pixels: their sum, or the one that leads.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sparse_frame.h"

namespace e2e {

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

/// Whether the grid has this flat pixel.
constexpr bool isOn(Grid grid, std::int32_t pixel) { return 0 <= pixel && pixel < grid.numPixels(); }

/// Adds energies, or what else adds up, pixel by pixel and gives the pixels back in order without sorting.
class PixelAccumulator {
public:
  explicit PixelAccumulator(Grid grid) : grid_(grid), occupied_(grid.numPixels()), energy_(grid.numPixels()) {}

  /// Everything with a place, in order; a pixel outside the grid is none.
  void addAll(const ChannelView& unordered) {
    for (std::size_t i = 0; i < unordered.size; ++i) {
      if (isOn(grid_, unordered.pixel[i]))
        add(unordered.pixel[i], unordered.value[i]);
    }
  }

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

/// Finds the row of the highest value in each pixel: whose quantities a pixel shows where a sum means nothing.
class PixelLeaders {
public:
  explicit PixelLeaders(Grid grid) : grid_(grid), occupied_(grid.numPixels()), leader_(grid.numPixels()) {}

  /// Fill ascending pixels and the row that leads in each, the first of equals; a pixel outside the grid is none, NaN
  /// leads nowhere.
  void find(const ChannelView& unordered, std::vector<std::int32_t>& pixel, std::vector<std::int64_t>& row) {
    occupied_.clear();
    for (std::size_t i = 0; i < unordered.size; ++i) {
      const std::int32_t place = unordered.pixel[i];
      if (!isOn(grid_, place) || std::isnan(unordered.value[i]))
        continue;
      if (occupied_.insert(place) || unordered.value[i] > unordered.value[leader_[place]])
        leader_[place] = static_cast<std::uint32_t>(i);
    }
    pixel.clear();
    row.clear();
    occupied_.visit([&](int place) {
      pixel.push_back(place);
      row.push_back(leader_[place]);
    });
  }

private:
  Grid grid_;
  Bitmap occupied_;
  std::vector<std::uint32_t> leader_;  // by pixel; means nothing where not occupied
};

}  // namespace e2e

#endif
