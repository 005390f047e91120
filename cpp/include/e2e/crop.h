#ifndef e2e_crop_h
#define e2e_crop_h
// Cut a window around a seed out of a sparse frame: the pixels that a model sees.
#include <cstdint>
#include <vector>

#include "e2e/sparse_frame.h"

namespace e2e {

/// A `rows` x `columns` window with `channels`, the seed at (`centreRow`, `centreColumn`). See e2e.contract.FrameSpec.
struct FrameSpec {
  int rows = kCropSize, columns = kCropSize;
  int centreRow = kCropCentre, centreColumn = kCropCentre;
  std::vector<Channel> channels{Channel::kEcalEnergy};

  int numPixels() const { return static_cast<int>(channels.size()) * rows * columns; }
};

class Cropper {
public:
  /// Append the window's pixels to `index` (channel, row, column; ascending) and `value` (raw units).
  /// phi wraps, beyond the eta edge is nothing; a time of exactly 0 is left out. The frame has every channel asked for.
  void cut(const SparseFrame& frame, const FrameSpec& spec, int seedRow, int seedColumn,
           std::vector<std::int32_t>& index, std::vector<float>& value) {
    found_.clear();
    const Window window{seedRow - spec.centreRow, spec.rows, seedColumn - spec.centreColumn, spec.columns};
    visitWindow(frame, window, [&](std::size_t position, int row, int column) {
      found_.push_back({position, row * spec.columns + column});
    });

    int firstPixel = 0;
    for (const Channel channel : spec.channels) {
      const std::vector<float>& quantity = channel == Channel::kEcalEnergy ? frame.energy : frame.time;
      for (const Found& found : found_) {
        if (quantity[found.position] != 0) {
          index.push_back(firstPixel + found.pixel);
          value.push_back(quantity[found.position]);
        }
      }
      firstPixel += spec.rows * spec.columns;
    }
  }

private:
  struct Found {
    std::size_t position;  // in the frame
    int pixel;             // in the window
  };
  std::vector<Found> found_;
};

}  // namespace e2e

#endif
