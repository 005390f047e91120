// Seeds -> candidates -> what a network takes: padded pixels, or dense images.
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core.h"
#include "e2e/crop.h"
#include "e2e/packing.h"
#include "hits.h"

namespace e2e::bindings {

namespace {

FrameSpec frameSpec(const std::vector<int>& channels, const std::tuple<int, int, int, int>& window) {
  FrameSpec spec;
  std::tie(spec.rows, spec.columns, spec.centreRow, spec.centreColumn) = window;
  spec.channels.clear();
  for (const int channel : channels) {
    checkRange(channel, kNumChannels, "channel");
    spec.channels.push_back(static_cast<Channel>(channel));
  }
  checkRange(spec.rows, kBarrelGrid.rows + 1, "rows");
  checkRange(spec.columns, kBarrelGrid.columns + 1, "columns");
  checkRange(spec.centreRow, spec.rows, "centre_row");
  checkRange(spec.centreColumn, spec.columns, "centre_column");
  return spec;
}

/// offsets, pixel_index, pixel_value
std::tuple<NumpyArray<std::int64_t>, NumpyArray<std::int32_t>, NumpyArray<float>> buildCandidates(
    const HitTable::Arrays& arrays, const AnyArray& events, const AnyArray& rows, const AnyArray& columns,
    const std::vector<int>& channels, const std::tuple<int, int, int, int>& window) {
  const HitTable hits(arrays);
  const Places seeds(events, rows, columns, hits);
  const FrameSpec spec = frameSpec(channels, window);

  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> index;
  std::vector<float> value;
  {
    nb::gil_scoped_release release;
    BarrelFrames frames(hits);
    Cropper cropper;
    for (std::size_t i = 0; i < seeds.event.size; ++i) {
      cropper.cut(frames.of(seeds.event[i]), spec, seeds.row[i], seeds.column[i], index, value);
      offsets.push_back(index.size());
    }
  }
  return {toNumpy(std::move(offsets)), toNumpy(std::move(index)), toNumpy(std::move(value))};
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

}  // namespace

void bindCandidates(nb::module_& m) {
  m.def("build_candidates", &buildCandidates);
  m.def("pack", &packCandidates);
  m.def("to_dense", &toDense, nb::arg(), nb::arg(), nb::arg(), nb::arg().noconvert());
}

}  // namespace e2e::bindings
