// Hits -> seeds in the barrel frames of many events, or in frames of any grid.
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core.h"
#include "e2e/seed_finder.h"
#include "hits.h"

namespace e2e::bindings {

namespace {

/// event_index, row, column, energy.
using SeedArrays =
    std::tuple<NumpyArray<std::int64_t>, NumpyArray<std::int32_t>, NumpyArray<std::int32_t>, NumpyArray<float>>;

class SeedColumns {
public:
  void append(std::int64_t event, const Seed& seed) {
    event_.push_back(event);
    row_.push_back(seed.row);
    column_.push_back(seed.column);
    energy_.push_back(seed.energy);
  }

  SeedArrays take() {
    return {toNumpy(std::move(event_)), toNumpy(std::move(row_)), toNumpy(std::move(column_)),
            toNumpy(std::move(energy_))};
  }

private:
  std::vector<std::int64_t> event_;
  std::vector<std::int32_t> row_, column_;
  std::vector<float> energy_;
};

using FoundSeeds = std::tuple<SeedArrays, NumpyArray<bool>>;

/// frameOf: event -> energies of its frame.
template <typename FrameOf>
FoundSeeds seedsInFrames(const Places& places, FrameOf&& frameOf, std::int64_t halfRows, std::int64_t halfColumns,
                         float minEnergy) {
  SeedColumns seeds;
  const std::size_t size = places.event.size;
  auto found = std::make_unique<bool[]>(size);
  {
    nb::gil_scoped_release release;
    for (std::size_t i = 0; i < size; ++i) {
      const auto seed = SeedFinder::highestNear(frameOf(places.event[i]), places.row[i], places.column[i], halfRows,
                                                halfColumns, minEnergy);
      found[i] = seed.has_value();
      if (seed)
        seeds.append(places.event[i], *seed);
    }
  }
  bool* data = found.get();
  nb::capsule owner(found.release(), [](void* p) noexcept { delete[] static_cast<bool*>(p); });
  return {seeds.take(), NumpyArray<bool>(data, {size}, owner)};
}

FoundSeeds seedsNear(const HitTable::Arrays& arrays, const AnyArray& events, const AnyArray& rows,
                     const AnyArray& columns, std::int64_t halfRows, std::int64_t halfColumns, float minEnergy) {
  const HitTable hits(arrays);
  const Places places(events, rows, columns, hits.numEvents());
  checkHalfWidth(halfRows, halfColumns);

  BarrelFrames frames(hits);
  return seedsInFrames(places, [&](std::int64_t event) { return energyOf(frames.of(event)); }, halfRows, halfColumns,
                       minEnergy);
}

FoundSeeds highestNear(const ChannelTable::Arrays& arrays, const std::string& gridName, const AnyArray& events,
                       const AnyArray& rows, const AnyArray& columns, std::int64_t halfRows, std::int64_t halfColumns,
                       float minEnergy) {
  const Grid grid = gridNamed(gridName);
  const ChannelTable frames(arrays, grid);
  frames.checkAscending();
  const Places places(events, rows, columns, frames.numEvents(), grid);
  checkHalfWidth(halfRows, halfColumns, grid);
  return seedsInFrames(places, [&](std::int64_t event) { return frames.of(event); }, halfRows, halfColumns, minEnergy);
}

SeedArrays leadingSeeds(const HitTable::Arrays& arrays, float minEnergy) {
  const HitTable hits(arrays);
  SeedColumns seeds;
  {
    nb::gil_scoped_release release;
    BarrelFrames frames(hits);
    for (std::size_t event = 0; event < hits.numEvents(); ++event) {
      if (const auto seed = SeedFinder::leading(frames.of(event), minEnergy))
        seeds.append(event, *seed);
    }
  }
  return seeds.take();
}

SeedArrays isolatedSeeds(const HitTable::Arrays& arrays, float minEnergy, std::int64_t halfWidth) {
  const HitTable hits(arrays);
  checkHalfWidth(halfWidth, halfWidth);
  SeedColumns seeds;
  {
    nb::gil_scoped_release release;
    BarrelFrames frames(hits);
    SeedFinder finder;
    for (std::size_t event = 0; event < hits.numEvents(); ++event) {
      for (const Seed& seed : finder.isolatedMaxima(frames.of(event), minEnergy, halfWidth))
        seeds.append(event, seed);
    }
  }
  return seeds.take();
}

}  // namespace

void bindSeeds(nb::module_& m) {
  m.def("seeds_near", &seedsNear);
  m.def("highest_near", &highestNear);
  m.def("leading_seeds", &leadingSeeds);
  m.def("isolated_seeds", &isolatedSeeds);
}

}  // namespace e2e::bindings
