#ifndef e2e_nearest_nodes_h
#define e2e_nearest_nodes_h
// The edges of a graph: each node's nearest others. Mirrors src/e2e/frames/reference_graph.py.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "contract.h"

namespace e2e {

/// Where nodes lie; wraps: the last column lies beside the first, as on a whole grid.
struct NodeGrid {
  int rows, columns;
  bool wraps;
};

/// Finds neighbours among nodes given as places of a grid (row * columns + column), ascending, each once. Near is by the
/// square of the distance in rows and columns, a whole number; of two as near, the one that comes first.
///
/// Among many nodes each looks at the places around it, nearest first, on a map of who is where: no distance is computed
/// and nothing sorted. Among few nodes, and for one that has too few around it, whole rows are looked at, those that the
/// neighbours of the node before allow.
class NearestNodes {
public:
  static constexpr std::int32_t kNone = -1;
  static constexpr std::size_t kMostNeighbours = 4096;
  static constexpr std::int64_t kAnyDistance = std::numeric_limits<std::int32_t>::max();

  /// count: neighbours of each node, at most. maxSquare: of the distance; a radius graph is a count nobody reaches.
  NearestNodes(NodeGrid grid, std::size_t count, std::int64_t maxSquare = kAnyDistance)
      : grid_(grid), count_(count), maxSquare_(std::min(maxSquare, kAnyDistance)) {
    reach_ = grid.wraps ? std::min(kReach, (grid.columns - 1) / 2) : kReach;
    while (reach_ > 0 && square(reach_ - 1) >= maxSquare_)
      --reach_;
    mapColumns_ = grid.columns + 2 * reach_;
    for (const Step& step : stepsAround())
      if (step.square <= square(reach_) && step.square <= maxSquare_) {  // whole circles
        square_.push_back(step.square);
        offset_.push_back(step.row * mapColumns_ + step.column);
      }
    taken_.resize(offset_.size() + 1);
  }

  /// Fill (nodes, count) with the numbers of each node's neighbours, the nearest first, then kNone. A node is not its
  /// own neighbour.
  void operator()(const std::int32_t* place, std::size_t nodes, std::int32_t* neighbour) {
    row_.resize(nodes);
    column_.resize(nodes);
    rowStart_.assign(grid_.rows + 1, 0);
    for (std::size_t i = 0; i < nodes; ++i) {
      row_[i] = place[i] / grid_.columns;
      column_[i] = place[i] % grid_.columns;
      ++rowStart_[row_[i] + 1];
    }
    std::partial_sum(rowStart_.begin(), rowStart_.end(), rowStart_.begin());
    hasLast_ = false;
    const bool isMapped = nodes >= kManyNodes;
    if (isMapped)
      putOnMap(nodes, true);
    for (std::size_t node = 0; node < nodes && count_ != 0; ++node, neighbour += count_) {
      nearest_.clear();
      if (!isMapped || !lookAround(node))
        lookInRows(node);
      if (nearest_.size() >= count_) {
        hasLast_ = true;
        last_ = node;
        lastSquare_ = static_cast<double>(nearest_[count_ - 1] >> 32);
      }
      const std::size_t found = std::min(nearest_.size(), count_);
      for (std::size_t i = 0; i < found; ++i)
        neighbour[i] = static_cast<std::int32_t>(nearest_[i] & 0xffffffffu);
      std::fill(neighbour + found, neighbour + count_, kNone);
    }
    if (isMapped)
      putOnMap(nodes, false);
  }

private:
  static constexpr int kReach = 16;  // of the places looked at one by one
  static constexpr std::size_t kBlock = 32;
  static constexpr std::size_t kManyNodes = 192;  // from which on that is faster than looking at whole rows

  struct Step {
    std::int32_t square, row, column;
  };

  /// To the places within kReach, the nearest first, of those as near in the order of places.
  static const std::vector<Step>& stepsAround() {
    static const std::vector<Step> kSteps = [] {
      std::vector<Step> steps;
      for (int row = -kReach; row <= kReach; ++row)
        for (int column = -kReach; column <= kReach; ++column)
          if (const auto far = static_cast<std::int32_t>(square(row) + square(column)); 0 < far && far <= square(kReach))
            steps.push_back({far, row, column});
      std::stable_sort(steps.begin(), steps.end(), [](const Step& a, const Step& b) { return a.square < b.square; });
      return steps;
    }();
    return kSteps;
  }

  /// Square of the distance and number of a node in one: the smaller is the nearer.
  using Key = std::uint64_t;

  static std::int64_t square(std::int64_t side) { return side * side; }
  static Key key(std::int64_t far, std::size_t node) { return static_cast<Key>(far) << 32 | node; }
  std::size_t onMap(int row, int column) const {
    return static_cast<std::size_t>(row + reach_) * mapColumns_ + column + reach_;
  }

  /// On it, or off again. Where phi wraps, a node near one edge is seen beyond the other one as well.
  void putOnMap(std::size_t nodes, bool isThere) {
    if (isThere_.empty()) {
      isThere_.resize(static_cast<std::size_t>(grid_.rows + 2 * reach_) * mapColumns_);
      number_.reset(new std::int32_t[isThere_.size()]);  // read where a node is, and written there first
    }
    const auto put = [&](std::size_t node, int column) {
      isThere_[onMap(row_[node], column)] = isThere;
      number_[onMap(row_[node], column)] = static_cast<std::int32_t>(node);
    };
    for (std::size_t node = 0; node < nodes; ++node) {
      const int column = column_[node];
      put(node, column);
      if (grid_.wraps && column < reach_)
        put(node, column + grid_.columns);
      if (grid_.wraps && column >= grid_.columns - reach_)
        put(node, column - grid_.columns);
    }
  }

  /// False where there may be nearer ones than were found. A block of steps at a time, each of which writes itself down
  /// and is written over by the next where nobody is there: no branch that a processor could guess wrong.
  bool lookAround(std::size_t node) {
    const std::size_t own = onMap(row_[node], column_[node]);
    const std::uint8_t* isThere = isThere_.data() + own;
    const std::int32_t* offset = offset_.data();
    std::int32_t* taken = taken_.data();
    const std::size_t steps = offset_.size();
    std::size_t found = 0, step = 0;
    while (found < count_ && step < steps)
      for (const std::size_t end = std::min(step + kBlock, steps); step < end; ++step) {
        taken[found] = static_cast<std::int32_t>(step);
        found += isThere[offset[step]];
      }
    if (found < count_ && square(reach_) < maxSquare_)
      return false;
    if (grid_.wraps && found >= count_)  // the rest of the circle: on a ring its nodes do not come in their order
      for (const std::int32_t last = square_[taken_[count_ - 1]]; step < offset_.size() && square_[step] == last; ++step) {
        taken_[found] = static_cast<std::int32_t>(step);
        found += isThere[offset_[step]];
      }
    const std::size_t kept = grid_.wraps ? found : std::min(found, count_);
    for (std::size_t i = 0; i < kept; ++i)
      nearest_.push_back(key(square_[taken_[i]], number_[own + offset_[taken_[i]]]));
    if (grid_.wraps)
      std::sort(nearest_.begin(), nearest_.end());
    return true;
  }

  /// All nodes of the rows that can hold one near enough: as far as the last of the node before lies from that one, and
  /// that one from here.
  void lookInRows(std::size_t node) {
    nearest_.clear();
    std::int64_t most = std::min(maxSquare_, kAnyDistance - 1);
    if (hasLast_) {
      const double bound = std::sqrt(lastSquare_) + std::sqrt(static_cast<double>(squareBetween(node, last_)));
      most = std::min(most, static_cast<std::int64_t>(bound * bound) + 1);
    }
    const auto away = static_cast<std::int64_t>(std::sqrt(static_cast<double>(most))) + 1;
    const auto begin = rowStart_[std::max<std::int64_t>(row_[node] - away, 0)];
    const auto end = rowStart_[std::min<std::int64_t>(row_[node] + away + 1, grid_.rows)];
    far_.resize(end - begin);
    for (std::int32_t other = begin; other < end; ++other)
      far_[other - begin] = squareBetween(node, other);
    far_[node - begin] = std::numeric_limits<std::int32_t>::max();
    for (std::int32_t other = begin; other < end; ++other) {
      const std::int32_t far = far_[other - begin];
      if (far > most)
        continue;
      if (nearest_.size() == count_)
        nearest_.pop_back();
      insert(key(far, other));
      if (nearest_.size() == count_)  // of two as far, the one that came first stays
        most = std::min(most, static_cast<std::int64_t>(nearest_.back() >> 32) - 1);
    }
  }

  std::int32_t squareBetween(std::size_t one, std::size_t other) const {
    const std::int32_t up = row_[other] - row_[one], right = std::abs(column_[other] - column_[one]);
    const std::int32_t aside = grid_.wraps ? std::min(right, grid_.columns - right) : right;
    return up * up + aside * aside;
  }

  void insert(Key own) {
    nearest_.push_back(own);
    for (std::size_t at = nearest_.size() - 1; at > 0 && nearest_[at - 1] > own; --at)
      std::swap(nearest_[at - 1], nearest_[at]);
  }

  NodeGrid grid_;
  std::size_t count_;
  std::int64_t maxSquare_;
  int reach_ = 0, mapColumns_ = 0;
  std::vector<std::uint8_t> isThere_;            // whether a node is at each place, with `reach_` more on every side
  std::unique_ptr<std::int32_t[]> number_;       // which, where one is
  std::vector<std::int32_t> square_, offset_;    // of the steps to the places around one, the nearest first
  std::vector<std::int32_t> taken_;              // steps that lead to a node
  std::vector<std::int32_t> row_, column_, rowStart_, far_;
  std::size_t last_ = 0;  // the node before that found all its neighbours, and how far the last of them is
  double lastSquare_ = 0;
  bool hasLast_ = false;
  std::vector<Key> nearest_;
};

/// Where nodes may lie: places of a window, whose seed is at (centreRow, centreColumn).
struct NodeWindow {
  int rows, columns, centreRow, centreColumn;
};

/// The nodes of a candidate's graph: the places that its pixels occupy, in any channel, ascending, each once. Of a
/// coarse channel, whose values are spread over whole towers, the middle of each tower alone.
class NodeFinder {
public:
  /// isCoarse: of each channel. reach: in pixels from the seed, beyond which nobody is a node; 0 for no limit.
  NodeFinder(const NodeWindow& window, std::vector<bool> isCoarse, int reach = 0)
      : window_(window), pixels_(window.rows * window.columns), reachSquare_(std::int64_t{reach} * reach),
        isCoarse_(std::move(isCoarse)), bits_((pixels_ + 63) / 64) {}

  /// index: flat (channel, row, column), each of the frame, whole numbers of any type; negative for padding. The result
  /// holds until the next call.
  template <typename Index>
  const std::vector<std::int32_t>& operator()(const Index* index, std::size_t size) {
    std::fill(bits_.begin(), bits_.end(), 0);
    for (std::size_t i = 0; i < size; ++i) {
      if (index[i] < 0)
        continue;
      const auto pixel = static_cast<std::int32_t>(index[i]);
      const std::int32_t channel = pixel / pixels_, place = pixel % pixels_;
      if (isNear(place) && (!isCoarse_[channel] || isMiddle(place)))
        bits_[place / 64] |= std::uint64_t{1} << place % 64;
    }
    places_.clear();
    for (std::size_t word = 0; word < bits_.size(); ++word)
      for (std::uint64_t left = bits_[word]; left != 0; left &= left - 1)
        places_.push_back(static_cast<std::int32_t>(64 * word) + __builtin_ctzll(left));
    return places_;
  }

private:
  bool isMiddle(std::int32_t place) const {
    constexpr int kMiddle = kHcalUpsampling / 2;
    return place / window_.columns % kHcalUpsampling == kMiddle && place % window_.columns % kHcalUpsampling == kMiddle;
  }

  bool isNear(std::int32_t place) const {
    if (reachSquare_ == 0)
      return true;
    const std::int64_t row = place / window_.columns - window_.centreRow;
    const std::int64_t column = place % window_.columns - window_.centreColumn;
    return row * row + column * column <= reachSquare_;
  }

  NodeWindow window_;
  std::int32_t pixels_;
  std::int64_t reachSquare_;
  std::vector<bool> isCoarse_;
  std::vector<std::uint64_t> bits_;
  std::vector<std::int32_t> places_;
};

}  // namespace e2e

#endif
