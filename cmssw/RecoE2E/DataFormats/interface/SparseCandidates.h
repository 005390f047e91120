#ifndef RecoE2E_DataFormats_SparseCandidates_h
#define RecoE2E_DataFormats_SparseCandidates_h
// Windows around the seeds of a collection's candidates, flat: window i belongs to candidate `candidate[i]` of the
// collection, and of `pixel` and `value` it has what lies from `offset[i]` to `offset[i + 1]`. A candidate without a
// seed, or whose window leaves the detector, has none.
#include <cstdint>
#include <vector>

namespace e2e {

struct SparseCandidates {
  std::uint16_t rows = 0, columns = 0;   // of each window
  std::uint16_t centreRow = 0, centreColumn = 0;  // where the seed lies in it
  std::uint16_t gridRows = 0;            // of the grid that it was cut from
  std::uint16_t processIndex = 0, productIndex = 0;  // edm::ProductID of the collection
  std::vector<std::uint8_t> channel;     // codes of e2e::Channel, in the order of the windows' planes
  std::vector<std::uint32_t> candidate;
  std::vector<std::int16_t> seedRow, seedColumn;  // on the whole grid
  std::vector<std::int64_t> offset{0};
  std::vector<std::int32_t> pixel;       // (channel * rows + row) * columns + column, ascending
  std::vector<float> value;              // raw units, never 0

  std::size_t size() const { return candidate.size(); }
};

}  // namespace e2e

#endif
