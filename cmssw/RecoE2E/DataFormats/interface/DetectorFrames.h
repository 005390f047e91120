#ifndef RecoE2E_DataFormats_DetectorFrames_h
#define RecoE2E_DataFormats_DetectorFrames_h
// Whole frames of an event, flat: frame i has the channel `channel[i]` on the grid of `rows[i]` x `columns[i]` pixels,
// and of `pixel` and `value` what lies from `offset[i]` to `offset[i + 1]`. Pixels ascend within a frame.
#include <cstdint>
#include <vector>

namespace e2e {

struct DetectorFrames {
  std::vector<std::uint8_t> channel;   // code of e2e::Channel
  std::vector<std::uint16_t> rows, columns;
  std::vector<std::uint32_t> offset{0};
  std::vector<std::int32_t> pixel;     // row * columns + column
  std::vector<float> value;            // raw units: GeV, ns, cm or counts
};

}  // namespace e2e

#endif
