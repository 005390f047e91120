// Hits -> frames of many events.
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core.h"
#include "hits.h"

namespace e2e::bindings {

namespace {

std::vector<std::int32_t> flat(const std::vector<HitCounts>& counts) {
  std::vector<std::int32_t> rows;
  for (const HitCounts& c : counts)
    rows.insert(rows.end(), {c.undecodable, c.badEnergy, c.badTime, c.duplicates, c.conflicts});
  return rows;
}

/// offsets, pixel_index, energy, time of many events.
using FrameArrays = std::tuple<NumpyArray<std::int64_t>, NumpyArray<std::int32_t>, NumpyArray<float>, NumpyArray<float>>;

class FrameColumns {
public:
  void reserve(std::size_t pixels) {
    pixel_.reserve(pixels);
    energy_.reserve(pixels);
  }

  void append(const SparseFrame& frame) {
    pixel_.insert(pixel_.end(), frame.pixel.begin(), frame.pixel.end());
    energy_.insert(energy_.end(), frame.energy.begin(), frame.energy.end());
    time_.insert(time_.end(), frame.time.begin(), frame.time.end());
    offsets_.push_back(pixel_.size());
  }

  FrameArrays take() {
    return {toNumpy(std::move(offsets_)), toNumpy(std::move(pixel_)), toNumpy(std::move(energy_)),
            toNumpy(std::move(time_))};
  }

private:
  std::vector<std::int64_t> offsets_{0};
  std::vector<std::int32_t> pixel_;
  std::vector<float> energy_, time_;
};

template <typename Builder, typename... Tables>
std::tuple<FrameArrays, NumpyArray<std::int32_t>> buildFrames(std::size_t numEvents, const Tables&... tables) {
  FrameColumns columns;
  std::vector<HitCounts> counts(numEvents);
  {
    nb::gil_scoped_release release;
    SparseFrame frame{};
    for (std::size_t event = 0; event < numEvents; ++event) {
      scratch<Builder>().build(tables.of(event)..., frame, counts[event]);
      columns.append(frame);
    }
  }
  return {columns.take(), toNumpy(flat(counts))};
}

auto barrelFrames(const HitTable::Arrays& barrel) {
  const HitTable hits(barrel);
  return buildFrames<BarrelFrameBuilder>(hits.numEvents(), hits);
}

template <typename Builder>
auto joinedFrames(const HitTable::Arrays& barrel, const HitTable::Arrays& endcap) {
  const HitTable barrelHits(barrel), endcapHits(endcap);
  checkSameEvents(barrelHits, endcapHits);
  return buildFrames<Builder>(barrelHits.numEvents(), barrelHits, endcapHits);
}

FrameArrays upsampleFrames(const AnyArray& offsets, const AnyArray& pixels, const AnyArray& energies) {
  const auto bounds = column<std::int64_t>(offsets, "offsets");
  const auto pixel = column<std::int32_t>(pixels, "pixel_index");
  const auto energy = column<float>(energies, "energy");
  checkSize(energy, pixel.size, "energy");
  checkOffsets(bounds, pixel.size);
  checkRange(pixel, kHcalGrid.numPixels(), "pixel_index");

  FrameColumns columns;
  columns.reserve(pixel.size * kHcalUpsampling * kHcalUpsampling);
  SparseFrame coarse{kHcalGrid, {}, {}, {}}, fine{};
  for (std::size_t event = 0; event + 1 < bounds.size; ++event) {
    coarse.pixel.assign(pixel.data + bounds[event], pixel.data + bounds[event + 1]);
    coarse.energy.assign(energy.data + bounds[event], energy.data + bounds[event + 1]);
    upsampleHcal(coarse, fine);
    columns.append(fine);
  }
  return columns.take();
}

FrameArrays sumPixels(const ChannelTable::Arrays& arrays, const std::string& gridName) {
  const Grid grid = gridNamed(gridName);
  const ChannelTable table(arrays, grid);
  FrameColumns columns;
  {
    nb::gil_scoped_release release;
    PixelAccumulator pixels(grid);
    SparseFrame frame{};
    for (std::size_t event = 0; event < table.numEvents(); ++event) {
      pixels.addAll(table.of(event));
      pixels.moveTo(frame);
      columns.append(frame);
    }
  }
  return columns.take();
}

/// offsets, pixel_index, row of the arrays that leads in the pixel.
auto leadingRows(const ChannelTable::Arrays& arrays, const std::string& gridName) {
  const Grid grid = gridNamed(gridName);
  const ChannelTable table(arrays, grid);
  std::vector<std::int64_t> offsets{0}, allRows, rows;
  std::vector<std::int32_t> allPixels, pixels;
  {
    nb::gil_scoped_release release;
    PixelLeaders leaders(grid);
    for (std::size_t event = 0; event < table.numEvents(); ++event) {
      leaders.find(table.of(event), pixels, rows);
      allPixels.insert(allPixels.end(), pixels.begin(), pixels.end());
      for (const std::int64_t row : rows)
        allRows.push_back(table.firstRow(event) + row);
      offsets.push_back(allPixels.size());
    }
  }
  return std::tuple(toNumpy(std::move(offsets)), toNumpy(std::move(allPixels)), toNumpy(std::move(allRows)));
}

NumpyArray<std::int32_t> countHits(const HitTable::Arrays& arrays, const std::string& name) {
  const HitTable hits(arrays);
  std::vector<HitCounts> counts(hits.numEvents());
  withSubdetector(name, [&](auto subdetector) {
    nb::gil_scoped_release release;
    auto& screen = scratch<HitScreen<decltype(subdetector)::value>>();
    for (std::size_t event = 0; event < counts.size(); ++event)
      screen.run(hits.of(event), counts[event], [](auto...) {});
  });
  return toNumpy(flat(counts));
}

}  // namespace

void bindFrames(nb::module_& m) {
  m.def("barrel_frames", &barrelFrames);
  m.def("stitched_frames", &joinedFrames<StitchedFrameBuilder>);
  m.def("hcal_frames", &joinedFrames<HcalFrameBuilder>);
  m.def("upsample_hcal", &upsampleFrames);
  m.def("sum_pixels", &sumPixels);
  m.def("leading_rows", &leadingRows);
  m.def("count_hits", &countHits);
}

}  // namespace e2e::bindings
