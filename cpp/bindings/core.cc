// Python module e2e._core: check the arrays, release the GIL, loop over events, call the headers.
// Facade with the names and types of the Python side: src/e2e/frames/native.py.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "e2e/crop.h"
#include "e2e/frame_builder.h"
#include "e2e/geometry.h"
#include "e2e/packing.h"
#include "e2e/seed_finder.h"

namespace nb = nanobind;
using namespace e2e;

namespace {

// ---- arrays in and out

using AnyArray = nb::ndarray<nb::ro, nb::device::cpu>;

template <typename T>
using NumpyArray = nb::ndarray<nb::numpy, T>;

template <typename T>
NumpyArray<T> toNumpy(std::vector<T>&& values, std::vector<std::size_t> shape) {
  auto owned = std::make_unique<std::vector<T>>(std::move(values));
  T* data = owned->data();
  nb::capsule owner(owned.release(), [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return NumpyArray<T>(data, shape.size(), shape.data(), owner);
}

template <typename T>
NumpyArray<T> toNumpy(std::vector<T>&& values) {
  const std::size_t size = values.size();
  return toNumpy(std::move(values), {size});
}

/// Read-only view of a checked one-dimensional array.
template <typename T>
struct Column {
  const T* data;
  std::size_t size;
  const T& operator[](std::size_t i) const { return data[i]; }
};

[[noreturn]] void refuse(const std::string& why) { throw nb::value_error(why.c_str()); }

template <typename T>
Column<T> column(const AnyArray& array, const std::string& name) {
  const bool isRow = array.ndim() == 1 && (array.shape(0) < 2 || array.stride(0) == 1);
  if (array.dtype() != nb::dtype<T>() || !isRow) {
    const std::string kind = std::is_floating_point_v<T> ? "float" : std::is_signed_v<T> ? "int" : "uint";
    refuse(name + " must be one-dimensional contiguous " + kind + std::to_string(8 * sizeof(T)));
  }
  return {static_cast<const T*>(array.data()), array.shape(0)};
}

void checkOffsets(const Column<std::int64_t>& offsets, std::size_t rows) {
  bool isGood = offsets.size > 0 && offsets[0] == 0 && offsets[offsets.size - 1] == static_cast<std::int64_t>(rows);
  for (std::size_t i = 1; isGood && i < offsets.size; ++i)
    isGood = offsets[i - 1] <= offsets[i];
  if (!isGood)
    refuse("offsets must ascend from 0 to the number of rows, " + std::to_string(rows));
}

template <typename T>
void checkSize(const Column<T>& values, std::size_t size, const std::string& name) {
  if (values.size != size)
    refuse(name + " has " + std::to_string(values.size) + " rows, not " + std::to_string(size));
}

void checkRange(std::int64_t value, std::int64_t size, const std::string& what) {
  if (value < 0 || value >= size)
    refuse(what + " " + std::to_string(value) + " is outside 0.." + std::to_string(size - 1));
}

/// Hits of many events; `of` gives those of one.
class HitTable {
public:
  using Arrays = std::tuple<AnyArray, AnyArray, AnyArray, AnyArray>;  // offsets, detid, energy, time

  explicit HitTable(const Arrays& arrays)
      : offsets_(column<std::int64_t>(std::get<0>(arrays), "offsets")),
        detid_(column<std::uint32_t>(std::get<1>(arrays), "detid")),
        energy_(column<float>(std::get<2>(arrays), "energy")),
        time_(column<float>(std::get<3>(arrays), "time")) {
    checkSize(energy_, detid_.size, "energy");
    checkSize(time_, detid_.size, "time");
    checkOffsets(offsets_, detid_.size);
  }

  std::size_t numEvents() const { return offsets_.size - 1; }

  Hits of(std::size_t event) const {
    const std::int64_t begin = offsets_[event];
    return {detid_.data + begin, energy_.data + begin, time_.data + begin,
            static_cast<std::size_t>(offsets_[event + 1] - begin)};
  }

private:
  Column<std::int64_t> offsets_;
  Column<std::uint32_t> detid_;
  Column<float> energy_, time_;
};

void checkSameEvents(const HitTable& a, const HitTable& b) {
  if (a.numEvents() != b.numEvents())
    refuse("the tables hold different numbers of events: " + std::to_string(a.numEvents()) + " and " +
           std::to_string(b.numEvents()));
}

/// Pixels in which something happens: a seed, or where to look for one.
struct Places {
  Column<std::int64_t> event, row, column;

  Places(const AnyArray& events, const AnyArray& rows, const AnyArray& columns, const HitTable& hits)
      : event(::column<std::int64_t>(events, "event_index")),
        row(::column<std::int64_t>(rows, "row")),
        column(::column<std::int64_t>(columns, "column")) {
    checkSize(row, event.size, "row");
    checkSize(column, event.size, "column");
    for (std::size_t i = 0; i < event.size; ++i) {
      const std::string name = "seed " + std::to_string(i);
      checkRange(event[i], hits.numEvents(), name + ": event");
      checkRange(row[i], kBarrelGrid.rows, name + ": row");
      checkRange(column[i], kBarrelGrid.columns, name + ": column");
    }
  }
};

void checkHalfWidth(std::int64_t halfRows, std::int64_t halfColumns) {
  checkRange(halfRows, kBarrelGrid.rows, "half width in rows");
  checkRange(halfColumns, (kBarrelGrid.columns + 1) / 2, "half width in columns");
}

// ---- hits -> frames

/// Scratch that outlives the call, one per thread.
template <typename Scratch>
Scratch& scratch() {
  thread_local Scratch instance;
  return instance;
}

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
  for (std::size_t i = 0; i < pixel.size; ++i)
    checkRange(pixel[i], kHcalGrid.numPixels(), "pixel_index");

  FrameColumns columns;
  SparseFrame coarse{kHcalGrid, {}, {}, {}}, fine{};
  for (std::size_t event = 0; event + 1 < bounds.size; ++event) {
    coarse.pixel.assign(pixel.data + bounds[event], pixel.data + bounds[event + 1]);
    coarse.energy.assign(energy.data + bounds[event], energy.data + bounds[event + 1]);
    upsampleHcal(coarse, fine);
    columns.append(fine);
  }
  return columns.take();
}

/// Call `use(std::integral_constant<Subdetector, ...>)` for the subdetector of this name.
template <typename Use>
auto withSubdetector(const std::string& name, Use&& use) {
  if (name == "EB")
    return use(std::integral_constant<Subdetector, Subdetector::EB>{});
  if (name == "EE")
    return use(std::integral_constant<Subdetector, Subdetector::EE>{});
  if (name == "HB")
    return use(std::integral_constant<Subdetector, Subdetector::HB>{});
  if (name == "HE")
    return use(std::integral_constant<Subdetector, Subdetector::HE>{});
  if (name == "HO")
    return use(std::integral_constant<Subdetector, Subdetector::HO>{});
  if (name == "HF")
    return use(std::integral_constant<Subdetector, Subdetector::HF>{});
  refuse("unknown subdetector '" + name + "'; known: EB, EE, HB, HE, HO, HF");
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

// ---- frames -> seeds

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

/// Barrel frames of a table, one at a time; asking for the same event again costs nothing.
class BarrelFrames {
public:
  explicit BarrelFrames(const HitTable& hits) : hits_(hits) {}

  const SparseFrame& of(std::int64_t event) {
    if (event != current_) {
      HitCounts ignored;
      scratch<BarrelFrameBuilder>().build(hits_.of(event), frame_, ignored);
      current_ = event;
    }
    return frame_;
  }

private:
  const HitTable& hits_;
  std::int64_t current_ = -1;
  SparseFrame frame_{};
};

std::tuple<SeedArrays, NumpyArray<bool>> seedsNear(const HitTable::Arrays& arrays, const AnyArray& events,
                                                   const AnyArray& rows, const AnyArray& columns,
                                                   std::int64_t halfRows, std::int64_t halfColumns, float minEnergy) {
  const HitTable hits(arrays);
  const Places places(events, rows, columns, hits);
  checkHalfWidth(halfRows, halfColumns);

  SeedColumns seeds;
  const std::size_t size = places.event.size;
  auto found = std::make_unique<bool[]>(size);
  {
    nb::gil_scoped_release release;
    BarrelFrames frames(hits);
    for (std::size_t i = 0; i < size; ++i) {
      const auto seed = SeedFinder::highestNear(frames.of(places.event[i]), places.row[i], places.column[i],
                                                halfRows, halfColumns, minEnergy);
      found[i] = seed.has_value();
      if (seed)
        seeds.append(places.event[i], *seed);
    }
  }
  bool* data = found.get();
  nb::capsule owner(found.release(), [](void* p) noexcept { delete[] static_cast<bool*>(p); });
  return {seeds.take(), NumpyArray<bool>(data, {size}, owner)};
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

// ---- seeds -> candidates -> network input

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
  std::uint32_t highest = 0;  // a negative index is a huge one; a plain maximum is computed many at a time
  for (std::size_t i = 0; i < pixels.index.size; ++i)
    highest = std::max(highest, static_cast<std::uint32_t>(pixels.index[i]));
  if (pixels.index.size > 0)
    checkRange(static_cast<std::int32_t>(highest), images.shape(1), "pixel_index");
  nb::gil_scoped_release release;
  fillDense(pixels.offsets.data, pixels.index.data, pixels.value.data, pixels.numCandidates(), images.shape(1),
            images.data());
}

// ---- the detector, for the tests against src/e2e/detector

/// is_valid, fields (ieta, iphi | ix, iy, side | ieta, iphi, depth), eta, phi, id packed again; NaN and 0 where not valid.
auto describe(const std::string& name, const AnyArray& detids) {
  const auto ids = column<std::uint32_t>(detids, "detid");
  std::vector<std::int32_t> valid(ids.size), fields(3 * ids.size);
  std::vector<double> eta(ids.size, NAN), phi(ids.size, NAN);
  std::vector<std::uint32_t> packed(ids.size);
  withSubdetector(name, [&](auto subdetector) {
    constexpr Subdetector kSubdetector = decltype(subdetector)::value;
    for (std::size_t i = 0; i < ids.size; ++i) {
      if (!(valid[i] = isValid<kSubdetector>(ids[i])))
        continue;
      Position where{};
      std::int32_t* field = &fields[3 * i];
      if constexpr (kSubdetector == Subdetector::EB) {
        const BarrelCrystal crystal = unpackBarrel(ids[i]);
        std::tie(field[0], field[1]) = std::tie(crystal.ieta, crystal.iphi);
        field[2] = stitchedPixel(crystal);
        where = position(crystal);
        packed[i] = pack(crystal);
      } else if constexpr (kSubdetector == Subdetector::EE) {
        const EndcapCrystal crystal = unpackEndcap(ids[i]);
        std::tie(field[0], field[1]) = std::tie(crystal.ix, crystal.iy);
        field[2] = stitchedPixel(crystal);
        where = position(crystal);
        packed[i] = pack(crystal);
      } else {
        const Tower tower = unpackTower(ids[i]);
        std::tie(field[0], field[1], field[2]) = std::tie(tower.ieta, tower.iphi, tower.depth);
        where = position(kSubdetector, tower);
        packed[i] = pack(kSubdetector, tower, ids[i] & kHcalNewFormat);
      }
      std::tie(eta[i], phi[i]) = std::tie(where.eta, where.phi);
    }
  });
  return std::tuple(toNumpy(std::move(valid)), toNumpy(std::move(fields), {ids.size, 3}), toNumpy(std::move(eta)),
                    toNumpy(std::move(phi)), toNumpy(std::move(packed)));
}

}  // namespace

NB_MODULE(_core, m) {
  m.doc() = "The C++ core; use e2e.frames.native.";
  m.def("barrel_frames", &barrelFrames);
  m.def("stitched_frames", &joinedFrames<StitchedFrameBuilder>);
  m.def("hcal_frames", &joinedFrames<HcalFrameBuilder>);
  m.def("upsample_hcal", &upsampleFrames);
  m.def("count_hits", &countHits);
  m.def("seeds_near", &seedsNear);
  m.def("leading_seeds", &leadingSeeds);
  m.def("isolated_seeds", &isolatedSeeds);
  m.def("build_candidates", &buildCandidates);
  m.def("pack", &packCandidates);
  m.def("to_dense", &toDense, nb::arg(), nb::arg(), nb::arg(), nb::arg().noconvert());
  m.def("describe", &describe);
}
