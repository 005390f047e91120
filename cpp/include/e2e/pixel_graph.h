#ifndef e2e_pixel_graph_h
#define e2e_pixel_graph_h
// Which pixels touch: what a graph joins. Mirrors `neighbours` in src/e2e/detector/grids.py.
#include <array>
#include <cstddef>
#include <cstdint>

#include "contract.h"

namespace e2e {

/// Flat indices of the 8 pixels around one of the grid, row by row; phi wraps, -1 beyond the eta edge.
constexpr std::array<std::int32_t, 8> neighbours(Grid grid, int pixel) {
  const int row = pixel / grid.columns, column = pixel % grid.columns;
  std::array<std::int32_t, 8> around{};
  std::size_t next = 0;
  for (int otherRow = row - 1; otherRow <= row + 1; ++otherRow) {
    const bool isOnGrid = 0 <= otherRow && otherRow < grid.rows;
    for (int step = -1; step <= 1; ++step) {
      if (otherRow == row && step == 0)
        continue;
      const int otherColumn = (column + step + grid.columns) % grid.columns;
      around[next++] = isOnGrid ? otherRow * grid.columns + otherColumn : -1;
    }
  }
  return around;
}

}  // namespace e2e

#endif
