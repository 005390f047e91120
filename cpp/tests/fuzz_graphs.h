#ifndef e2e_tests_fuzz_graphs_h
#define e2e_tests_fuzz_graphs_h
// Nodes anywhere: neighbours must be those that a search over all nodes finds.
#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "draw.h"
#include "e2e/nearest_nodes.h"
#include "expect.h"

namespace e2e::tests {

inline void fuzzGraphs(Random& random) {
  const NodeGrid grid{1 + static_cast<int>(below(random, 80)), 1 + static_cast<int>(below(random, 80)),
                      below(random, 2) == 0};
  const std::size_t count = below(random, 20);
  const std::int64_t maxSquare = below(random, 2) == 0 ? NearestNodes::kAnyDistance : below(random, 2000);
  NearestNodes nearest(grid, count, maxSquare);
  for (int graph = 0; graph < 3; ++graph) {  // what is left of one must not show in the next
    std::vector<std::int32_t> place;
    const std::size_t oneIn = 1 + below(random, 40);
    for (int i = 0; i < grid.rows * grid.columns; ++i)
      if (below(random, oneIn) == 0)
        place.push_back(i);
    std::vector<std::int32_t> found(place.size() * count, -7);
    nearest(place.data(), place.size(), found.data());
    for (int look = 0; look < 20 && !place.empty(); ++look) {
      const std::size_t node = below(random, place.size());
      std::vector<std::pair<std::int64_t, std::int32_t>> others;
      for (std::size_t other = 0; other < place.size(); ++other) {
        const std::int64_t up = place[other] / grid.columns - place[node] / grid.columns;
        std::int64_t aside = std::abs(place[other] % grid.columns - place[node] % grid.columns);
        if (grid.wraps)
          aside = std::min(aside, grid.columns - aside);
        if (other != node && up * up + aside * aside <= maxSquare)
          others.emplace_back(up * up + aside * aside, static_cast<std::int32_t>(other));
      }
      std::sort(others.begin(), others.end());
      for (std::size_t i = 0; i < count; ++i)
        EXPECT(found[node * count + i] == (i < others.size() ? others[i].second : NearestNodes::kNone));
    }
  }
}

}  // namespace e2e::tests

#endif
