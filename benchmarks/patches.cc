// Occupied patches gathered outside the network, for benchmarks/patches.py: what a bundle would take if it took patches.
#include <cmath>
#include <cstdint>
#include <vector>

// One candidate: value, log and occupied planes of its occupied patches, (patches, 3 * channels * patch * patch), the
// patches in their order. `place` takes their numbers; both are large enough for every patch. Returns how many.
extern "C" std::int64_t gatherPatches(const float* index, const float* value, std::int64_t pixels, const float* scale,
                                      std::int64_t channels, std::int64_t rows, std::int64_t columns, std::int64_t patch,
                                      float* tokens, float* place) {
  const std::int64_t across = (columns + patch - 1) / patch, down = (rows + patch - 1) / patch;
  const std::int64_t plane = channels * patch * patch, size = 3 * plane;
  static thread_local std::vector<std::int64_t> slot;
  slot.assign(across * down, -1);
  for (std::int64_t i = 0; i < pixels; ++i)
    if (index[i] >= 0) {
      const auto flat = static_cast<std::int64_t>(index[i]) % (rows * columns);
      slot[flat / columns / patch * across + flat % columns / patch] = 0;
    }
  std::int64_t count = 0;
  for (std::int64_t k = 0; k < across * down; ++k)
    if (slot[k] == 0) {
      place[count] = static_cast<float>(k);
      slot[k] = count++;
    }
  std::fill_n(tokens, count * size, 0.f);
  for (std::int64_t i = 0; i < pixels; ++i)
    if (index[i] >= 0) {
      const auto flat = static_cast<std::int64_t>(index[i]);
      const std::int64_t channel = flat / (rows * columns), row = flat / columns % rows, column = flat % columns;
      float* token = tokens + slot[row / patch * across + column / patch] * size;
      const std::int64_t inside = (channel * patch + row % patch) * patch + column % patch;
      const float scaled = value[i] * scale[channel];
      token[inside] = scaled;
      token[plane + inside] = std::copysign(std::log1p(100.f * std::fabs(scaled)), scaled) / 4;
      token[2 * plane + inside] = 1;
    }
  return count;
}
