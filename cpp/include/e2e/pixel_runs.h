#ifndef e2e_pixel_runs_h
#define e2e_pixel_runs_h
// Candidates as they travel to a server: pixels side by side with the same value are told once. See
// src/e2e/serving/wire.py.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace e2e {

/// step: index of a run's first pixel less that of the run before in its candidate, the first as it is. length: in
/// pixels. numRuns: of each candidate.
struct PixelRuns {
  static constexpr std::uint8_t kLongest = 255;  // a longer one comes in parts

  std::vector<std::int32_t> step;
  std::vector<std::uint8_t> length;
  std::vector<float> value;
  std::vector<std::int32_t> numRuns;
};

/// Candidate i of a batch owns the pixels `offsets[i]` to `offsets[i + 1]`. Values are the same where their bits are.
inline PixelRuns findRuns(const std::int64_t* offsets, std::size_t batch, const std::int32_t* index,
                          const float* value) {
  PixelRuns runs;
  for (std::size_t i = 0; i < batch; ++i) {
    const std::size_t before = runs.length.size();
    std::int32_t first = 0;
    for (std::int64_t pixel = offsets[i]; pixel < offsets[i + 1]; ++pixel) {
      const bool goesOn = pixel > offsets[i] && index[pixel - 1] + 1 == index[pixel] &&
                          std::memcmp(value + pixel - 1, value + pixel, sizeof(float)) == 0 &&
                          runs.length.back() < PixelRuns::kLongest;
      if (goesOn) {
        ++runs.length.back();
        continue;
      }
      runs.step.push_back(index[pixel] - first);
      runs.length.push_back(1);
      runs.value.push_back(value[pixel]);
      first = index[pixel];
    }
    runs.numRuns.push_back(static_cast<std::int32_t>(runs.length.size() - before));
  }
  return runs;
}

}  // namespace e2e

#endif
