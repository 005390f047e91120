#ifndef e2e_packing_h
#define e2e_packing_h
// From ragged candidates to what a network takes: padded pixels, or dense images. Candidate i of a batch owns the
// pixels `offsets[i]` to `offsets[i + 1]` of `index` and `value`.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "contract.h"

namespace e2e {

/// Padded length of a batch: its longest candidate, at least 1.
inline std::int64_t packedWidth(const std::int64_t* offsets, std::size_t batch) {
  std::int64_t width = 1;
  for (std::size_t i = 0; i < batch; ++i)
    width = std::max(width, offsets[i + 1] - offsets[i]);
  return width;
}

/// Fill (batch, width) arrays; padding is `kPaddingIndex` with value 0. All float32, as every bundle takes it.
inline void packPixels(const std::int64_t* offsets, const std::int32_t* index, const float* value, std::size_t batch,
                       std::int64_t width, float* packedIndex, float* packedValue) {
  for (std::size_t i = 0; i < batch; ++i, packedIndex += width, packedValue += width) {
    const std::int64_t length = offsets[i + 1] - offsets[i];
    std::copy_n(index + offsets[i], length, packedIndex);
    std::copy_n(value + offsets[i], length, packedValue);
    std::fill(packedIndex + length, packedIndex + width, static_cast<float>(kPaddingIndex));
    std::fill(packedValue + length, packedValue + width, 0.f);
  }
}

/// Images are cleared in blocks of this many floats, 256 KiB: long runs, still in the cache when the pixels come.
inline constexpr std::size_t kClearedAtOnce = 1 << 16;

/// Fill (batch, numPixels) images; every index lies within numPixels.
inline void fillDense(const std::int64_t* offsets, const std::int32_t* index, const float* value, std::size_t batch,
                      std::size_t numPixels, float* images) {
  const std::size_t block = std::max<std::size_t>(1, kClearedAtOnce / std::max<std::size_t>(1, numPixels));
  for (std::size_t i = 0; i < batch; ++i, images += numPixels) {
    if (i % block == 0)
      std::fill_n(images, std::min(block, batch - i) * numPixels, 0.f);
    for (std::int64_t pixel = offsets[i]; pixel < offsets[i + 1]; ++pixel)
      images[index[pixel]] = value[pixel];
  }
}

}  // namespace e2e

#endif
