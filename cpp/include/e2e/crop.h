#ifndef e2e_crop_h
#define e2e_crop_h
// Cut a window around a seed out of a sparse frame: the pixels that a model sees.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sparse_frame.h"

namespace e2e {

/// A `rows` x `columns` window with `channels`, the seed at (`centreRow`, `centreColumn`). See e2e.contract.FrameSpec.
struct FrameSpec {
  int rows = kCropSize, columns = kCropSize;
  int centreRow = kCropCentre, centreColumn = kCropCentre;
  std::vector<Channel> channels{Channel::kEcalEnergy};

  int numPixels() const { return static_cast<int>(channels.size()) * rows * columns; }
};

/// `visitWindow` on the stitched grid for a channel of the HCAL grid, each tower over its 5 x 5 pixels.
template <typename Visit>
void visitSpread(const ChannelView& towers, const Window& window, Visit&& visit) {
  constexpr int kSide = kHcalUpsampling, kColumns = kStitchedGrid.columns;
  const int start = (window.firstColumn % kColumns + kColumns) % kColumns;
  const int firstTower = start / kSide - kHcalColumnShift;
  const int before = start % kSide;  // columns of the first tower that lie before the window
  const int numTowers = (before + window.columns + kSide - 1) / kSide;  // one more than there are: the first again
  const int firstRow = std::max(0, -window.firstRow);
  const int endRow = std::min(window.rows, kStitchedGrid.rows - window.firstRow);
  for (int row = firstRow; row < endRow; ++row) {
    const auto spread = [&](std::size_t position, int tower) {
      const int column = tower * kSide - before;
      for (int i = std::max(0, column); i < std::min(column + kSide, window.columns); ++i)
        visit(position, row, i);
    };
    std::size_t firstOfRow = towers.size;
    const Window ofRow{(window.firstRow + row) / kSide, 1, firstTower, std::min(numTowers, kHcalGrid.columns)};
    visitWindow(towers, ofRow, [&](std::size_t position, int, int tower) {
      spread(position, tower);
      if (tower == 0)
        firstOfRow = position;
    });
    if (numTowers > kHcalGrid.columns && firstOfRow < towers.size)
      spread(firstOfRow, kHcalGrid.columns);
  }
}

class Cropper {
public:
  /// Append the window's pixels to `index` (channel, row, column; ascending) and `value` (raw units).
  /// channels: one for each of `spec`, in its order, of one grid no smaller than the window; on the stitched grid also
  /// of the HCAL grid, whose towers are spread, 1/25 of their value to each pixel. phi wraps, beyond the eta edge is
  /// nothing; a value of exactly 0 is left out. Channels that share their pixels are best given in a row.
  void cut(const std::vector<ChannelView>& channels, const FrameSpec& spec, int seedRow, int seedColumn,
           std::vector<std::int32_t>& index, std::vector<float>& value) {
    const Window window{seedRow - spec.centreRow, spec.rows, seedColumn - spec.centreColumn, spec.columns};
    int firstPixel = 0;
    const ChannelView* last = nullptr;
    for (const ChannelView& channel : channels) {
      if (last == nullptr || channel.pixel != last->pixel || channel.size != last->size)
        find(channel, window);
      last = &channel;
      const float parts = isTowers(channel) ? kHcalUpsampling * kHcalUpsampling : 1;
      std::size_t size = index.size();
      index.resize(size + numFound_);
      value.resize(size + numFound_);
      for (std::size_t i = 0; i < numFound_; ++i) {
        index[size] = firstPixel + found_[i].pixel;
        value[size] = channel.value[found_[i].position] / parts;
        size += value[size] != 0;  // where it is, the next pixel takes the place
      }
      index.resize(size);
      value.resize(size);
      firstPixel += spec.rows * spec.columns;
    }
  }

  /// The same out of a barrel frame, which holds energy and time.
  void cut(const SparseFrame& barrel, const FrameSpec& spec, int seedRow, int seedColumn,
           std::vector<std::int32_t>& index, std::vector<float>& value) {
    channels_.clear();
    for (const Channel channel : spec.channels)
      channels_.push_back(channel == Channel::kEcalTime ? timeOf(barrel) : energyOf(barrel));
    cut(channels_, spec, seedRow, seedColumn, index, value);
  }

private:
  static bool isTowers(const ChannelView& channel) { return channel.grid.columns == kHcalGrid.columns; }

  void find(const ChannelView& channel, const Window& window) {
    found_.resize(static_cast<std::size_t>(window.rows) * window.columns);
    numFound_ = 0;
    const auto add = [&](std::size_t position, int row, int column) {
      found_[numFound_++] = {static_cast<std::uint32_t>(position), row * window.columns + column};
    };
    if (isTowers(channel))
      visitSpread(channel, window, add);
    else
      visitWindow(channel, window, add);
  }

  struct Found {
    std::uint32_t position;  // in the frame
    std::int32_t pixel;      // in the window
  };
  std::vector<Found> found_;  // the first `numFound_` mean something
  std::size_t numFound_ = 0;
  std::vector<ChannelView> channels_;
};

}  // namespace e2e

#endif
