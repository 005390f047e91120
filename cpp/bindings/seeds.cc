// Hits -> seeds in the barrel frames of many events, or in frames of any grid; and where to look for them.
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core.h"
#include "e2e/jet_seeds.h"
#include "e2e/object_seeds.h"
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

/// Seeds of those queries that have one, and which have. find: position of the query -> its seed, if any.
template <typename Find>
FoundSeeds seedsOf(const Column<std::int64_t>& event, Find&& find) {
  SeedColumns seeds;
  Mask found(event.size);
  {
    nb::gil_scoped_release release;
    for (std::size_t i = 0; i < event.size; ++i) {
      const std::optional<Seed> seed = find(i);
      found[i] = seed.has_value();
      if (seed)
        seeds.append(event[i], *seed);
    }
  }
  return {seeds.take(), found.take()};
}

Column<std::int64_t> eventsOf(const AnyArray& array, std::size_t size, std::size_t numEvents) {
  const auto event = column<std::int64_t>(array, "event_index");
  checkSize(event, size, "event_index");
  for (std::size_t i = 0; i < size; ++i)
    checkRange(event[i], numEvents, "seed " + std::to_string(i) + ": event");
  return event;
}

/// Where particles come from and go to.
class Particles {
public:
  static constexpr const char* kNames[] = {"pt", "eta", "phi", "charge", "x_cm", "y_cm", "z_cm"};

  explicit Particles(const std::vector<AnyArray>& arrays) : columns_(columnsOf<double>(arrays, kNames)) {}

  std::size_t size() const { return columns_[0].size; }

  Track operator[](std::size_t i) const {
    const auto& [pt, eta, phi, charge, x, y, z] = columns_;
    return {x[i], y[i], z[i], eta[i], phi[i], bendOf(charge[i], pt[i])};
  }

private:
  std::array<Column<double>, std::size(kNames)> columns_;
};

/// row, column, whether there is a pixel; 0 where there is none.
auto expectedPixel(const std::vector<AnyArray>& arrays) {
  const Particles particles(arrays);
  std::vector<std::int32_t> row(particles.size()), column(particles.size());
  Mask hitsBarrel(particles.size());
  {
    nb::gil_scoped_release release;
    for (std::size_t i = 0; i < particles.size(); ++i) {
      const std::optional<Pixel> pixel = barrelPixel(particles[i]);
      hitsBarrel[i] = pixel.has_value();
      if (pixel)
        std::tie(row[i], column[i]) = std::tie(pixel->row, pixel->column);
    }
  }
  return std::tuple(toNumpy(std::move(row)), toNumpy(std::move(column)), hitsBarrel.take());
}

FoundSeeds seedsOfObjects(const HitTable::Arrays& arrays, const AnyArray& events,
                          const std::vector<AnyArray>& particleArrays) {
  const HitTable hits(arrays);
  const Particles particles(particleArrays);
  const auto event = eventsOf(events, particles.size(), hits.numEvents());
  BarrelFrames frames(hits);
  return seedsOf(event, [&](std::size_t i) { return objectSeed(frames.of(event[i]), particles[i]); });
}

FoundSeeds seedsOfJets(const ChannelTable::Arrays& arrays, const AnyArray& events, const AnyArray& etas,
                       const AnyArray& phis, const WindowNumbers& window) {
  const ChannelTable towers(arrays, kHcalGrid);
  towers.checkAscending();
  const auto eta = column<double>(etas, "eta"), phi = column<double>(phis, "phi");
  checkSize(phi, eta.size, "phi");
  const auto event = eventsOf(events, eta.size, towers.numEvents());
  const FrameSpec spec = frameSpec({}, window, kStitchedGrid);
  return seedsOf(event, [&](std::size_t i) { return jetSeed(towers.of(event[i]), eta[i], phi[i], spec); });
}

FoundSeeds seedsNear(const HitTable::Arrays& arrays, const AnyArray& events, const AnyArray& rows,
                     const AnyArray& columns, std::int64_t halfRows, std::int64_t halfColumns, float minEnergy) {
  const HitTable hits(arrays);
  const Places places(events, rows, columns, hits.numEvents());
  checkHalfWidth(halfRows, halfColumns);

  BarrelFrames frames(hits);
  return seedsOf(places.event, [&](std::size_t i) {
    return SeedFinder::highestNear(frames.of(places.event[i]), places.row[i], places.column[i], halfRows, halfColumns,
                                   minEnergy);
  });
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
  m.def("expected_pixel", &expectedPixel);
  m.def("seeds_of_objects", &seedsOfObjects);
  m.def("seeds_of_jets", &seedsOfJets);
  m.def("leading_seeds", &leadingSeeds);
  m.def("isolated_seeds", &isolatedSeeds);
}

}  // namespace e2e::bindings
