// Seeds -> candidates -> what a network takes: padded pixels, or dense images.
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core.h"
#include "e2e/packing.h"
#include "e2e/pixel_runs.h"
#include "hits.h"

namespace e2e::bindings {

namespace {

/// offsets, pixel_index, pixel_value
using CandidateArrays = std::tuple<NumpyArray<std::int64_t>, NumpyArray<std::int32_t>, NumpyArray<float>>;

/// cut: Cropper, event, row, column -> appends a candidate's pixels to the index and the value given.
template <typename Cut>
CandidateArrays cutAll(const Places& seeds, Cut&& cut) {
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> index;
  std::vector<float> value;
  {
    nb::gil_scoped_release release;
    for (std::size_t i = 0; i < seeds.event.size; ++i) {
      cut(seeds.event[i], static_cast<int>(seeds.row[i]), static_cast<int>(seeds.column[i]), index, value);
      offsets.push_back(index.size());
    }
  }
  return {toNumpy(std::move(offsets)), toNumpy(std::move(index)), toNumpy(std::move(value))};
}

CandidateArrays buildCandidates(
    const HitTable::Arrays& arrays, const AnyArray& events, const AnyArray& rows, const AnyArray& columns,
    const std::vector<int>& channels, const WindowNumbers& window) {
  const HitTable hits(arrays);
  const Places seeds(events, rows, columns, hits.numEvents());
  const FrameSpec spec = frameSpec(channels, window, kBarrelGrid);
  for (const Channel channel : spec.channels)
    if (channel != Channel::kEcalEnergy && channel != Channel::kEcalTime)
      refuse("the barrel grid carries the energy and the time of the ECAL only");
  BarrelFrames frames(hits);
  Cropper cropper;
  return cutAll(seeds, [&](std::int64_t event, int row, int column, auto& index, auto& value) {
    cropper.cut(frames.of(event), spec, row, column, index, value);
  });
}

/// channels: one for each of the spec's, in its order, with the name of its grid.
CandidateArrays cutCandidates(const std::vector<std::pair<ChannelTable::Arrays, std::string>>& channels,
                              const std::string& gridName, const AnyArray& events, const AnyArray& rows,
                              const AnyArray& columns, const WindowNumbers& window) {
  const Grid grid = gridNamed(gridName);
  std::vector<ChannelTable> tables;
  for (const auto& [arrays, nameOfGrid] : channels) {
    if (nameOfGrid != gridName && !(nameOfGrid == "hcal" && gridName == "stitched"))
      refuse("a channel of the " + nameOfGrid + " grid has no place on the " + gridName + " grid");
    tables.emplace_back(arrays, gridNamed(nameOfGrid));
    tables.back().checkAscending();
    if (tables.back().numEvents() != tables[0].numEvents())
      refuse("the channels hold different numbers of events");
  }
  const Places seeds(events, rows, columns, tables.empty() ? 0 : tables[0].numEvents(), grid);
  const FrameSpec spec = frameSpec({}, window, grid);

  Cropper cropper;
  std::vector<ChannelView> views;
  return cutAll(seeds, [&](std::int64_t event, int row, int column, auto& index, auto& value) {
    views.clear();
    for (const ChannelTable& table : tables)
      views.push_back(table.of(event));
    cropper.cut(views, spec, row, column, index, value);
  });
}

/// Ragged candidates.
struct Ragged {
  Column<std::int64_t> offsets;
  Column<std::int32_t> index;
  Column<float> value;

  Ragged(const AnyArray& offsetArray, const AnyArray& indexArray, const AnyArray& valueArray)
      : offsets(column<std::int64_t>(offsetArray, "offsets")),
        index(column<std::int32_t>(indexArray, "pixel_index")),
        value(column<float>(valueArray, "pixel_value")) {
    checkSize(value, index.size, "pixel_value");
    checkOffsets(offsets, index.size);
  }

  std::size_t numCandidates() const { return offsets.size - 1; }
};

std::tuple<NumpyArray<float>, NumpyArray<float>> packCandidates(const AnyArray& offsets, const AnyArray& index,
                                                                const AnyArray& value, std::size_t start,
                                                                std::size_t stop) {
  const Ragged pixels(offsets, index, value);
  if (start > stop || stop > pixels.numCandidates())
    refuse("candidates " + std::to_string(start) + " to " + std::to_string(stop) + " are outside 0.." +
           std::to_string(pixels.numCandidates()));

  const std::int64_t* first = pixels.offsets.data + start;
  const std::size_t batch = stop - start, width = packedWidth(first, batch);
  std::vector<float> packedIndex(batch * width), packedValue(batch * width);
  {
    nb::gil_scoped_release release;
    packPixels(first, pixels.index.data, pixels.value.data, batch, width, packedIndex.data(), packedValue.data());
  }
  return {toNumpy(std::move(packedIndex), {batch, width}), toNumpy(std::move(packedValue), {batch, width})};
}

void toDense(const AnyArray& offsets, const AnyArray& index, const AnyArray& value,
             nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu> images) {
  const Ragged pixels(offsets, index, value);
  if (images.shape(0) != pixels.numCandidates())
    refuse("out has " + std::to_string(images.shape(0)) + " images, not " + std::to_string(pixels.numCandidates()));
  checkRange(pixels.index, images.shape(1), "pixel_index");
  nb::gil_scoped_release release;
  fillDense(pixels.offsets.data, pixels.index.data, pixels.value.data, pixels.numCandidates(), images.shape(1),
            images.data());
}

std::tuple<NumpyArray<std::int32_t>, NumpyArray<std::uint8_t>, NumpyArray<float>, NumpyArray<std::int32_t>> pixelRuns(
    const AnyArray& offsets, const AnyArray& index, const AnyArray& value) {
  const Ragged pixels(offsets, index, value);
  checkRange(pixels.index, std::numeric_limits<std::int32_t>::max(), "pixel_index");
  PixelRuns runs;
  {
    nb::gil_scoped_release release;
    runs = findRuns(pixels.offsets.data, pixels.numCandidates(), pixels.index.data, pixels.value.data);
  }
  return {toNumpy(std::move(runs.step)), toNumpy(std::move(runs.length)), toNumpy(std::move(runs.value)),
          toNumpy(std::move(runs.numRuns))};
}

}  // namespace

void bindCandidates(nb::module_& m) {
  m.def("build_candidates", &buildCandidates);
  m.def("cut_candidates", &cutCandidates);
  m.def("pack", &packCandidates);
  m.def("pixel_runs", &pixelRuns);
  m.def("to_dense", &toDense, nb::arg(), nb::arg(), nb::arg(), nb::arg().noconvert());
}

}  // namespace e2e::bindings
