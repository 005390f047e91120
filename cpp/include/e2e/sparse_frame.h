#ifndef e2e_sparse_frame_h
#define e2e_sparse_frame_h
// The canonical form of an event on a grid: its occupied pixels, ascending. Re-used from event to event, so that
// nothing is allocated once its vectors have grown.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "contract.h"

namespace e2e {

struct SparseFrame {
  Grid grid;
  std::vector<std::int32_t> pixel;  // flat, row * columns + column, ascending
  std::vector<float> energy;        // GeV, > 0
  std::vector<float> time;          // ns; empty on grids where several channels share a pixel

  void resize(Grid newGrid, std::size_t size, bool withTime) {
    grid = newGrid;
    pixel.resize(size);
    energy.resize(size);
    time.resize(withTime ? size : 0);
  }
};

/// One quantity of pixels of one event; not owned.
struct ChannelView {
  Grid grid;
  const std::int32_t* pixel;  // flat; ascending where it is a frame's
  const float* value;
  std::size_t size;
};

inline ChannelView energyOf(const SparseFrame& frame) {
  return {frame.grid, frame.pixel.data(), frame.energy.data(), frame.pixel.size()};
}

/// frame: with a time for every pixel.
inline ChannelView timeOf(const SparseFrame& frame) {
  return {frame.grid, frame.pixel.data(), frame.time.data(), frame.pixel.size()};
}

/// `rows` x `columns` pixels from (`firstRow`, `firstColumn`); phi wraps, rows outside the grid hold nothing.
struct Window {
  int firstRow, rows;
  int firstColumn, columns;
};

/// Call `visit(position, row, column)` for every occupied pixel in the window, row and column counted from the
/// window's corner and ascending; `position` counts the channel's pixels. The window is no larger than the grid.
template <typename Visit>
void visitWindow(const ChannelView& channel, const Window& window, Visit&& visit) {
  const std::int32_t *begin = channel.pixel, *end = begin + channel.size;
  const int columns = channel.grid.columns;
  const int start = (window.firstColumn % columns + columns) % columns;
  const int beforeSeam = std::min(window.columns, columns - start);
  const int firstRow = std::max(0, -window.firstRow);
  const int endRow = std::min(window.rows, channel.grid.rows - window.firstRow);

  const std::int32_t* at = std::lower_bound(begin, end, (window.firstRow + firstRow) * columns);
  for (int row = firstRow; row < endRow; ++row) {
    const int rowPixel = (window.firstRow + row) * columns;
    const auto visitSpan = [&](int firstColumn, int width, int offset) {
      for (; at != end && *at < rowPixel + columns; ++at) {
        const int column = *at - rowPixel - firstColumn;
        if (0 <= column && column < width)
          visit(static_cast<std::size_t>(at - begin), row, offset + column);
      }
    };
    const std::int32_t* rowBegin = at;
    visitSpan(start, beforeSeam, 0);
    if (beforeSeam < window.columns) {
      at = rowBegin;
      visitSpan(0, window.columns - beforeSeam, beforeSeam);
    }
  }
}

template <typename Visit>
void visitWindow(const SparseFrame& frame, const Window& window, Visit&& visit) {
  visitWindow(energyOf(frame), window, std::forward<Visit>(visit));
}

}  // namespace e2e

#endif
