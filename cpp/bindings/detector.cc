// Ids, positions and neighbours, for the tests against src/e2e/detector.
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <cmath>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core.h"
#include "e2e/geometry.h"
#include "e2e/pixel_graph.h"
#include "hits.h"

namespace e2e::bindings {

namespace {

/// is_valid, fields, eta, phi, id packed again; NaN and 0 where not valid. Fields: ieta, iphi, stitched pixel of EB;
/// ix, iy, stitched pixel of EE; ieta, iphi, depth of HCAL.
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

/// is_valid, fields (strip, ix, iy, plane, side) and the id packed again from them, of any bits.
auto describePreshower(const AnyArray& detids) {
  const auto ids = column<std::uint32_t>(detids, "detid");
  std::vector<std::int32_t> valid(ids.size), fields;
  std::vector<std::uint32_t> packed(ids.size);
  for (std::size_t i = 0; i < ids.size; ++i) {
    const PreshowerStrip strip = unpackPreshower(ids[i]);
    valid[i] = isValid<Subdetector::ES>(ids[i]);
    fields.insert(fields.end(), {strip.strip, strip.ix, strip.iy, strip.plane, strip.side});
    packed[i] = pack(strip);
  }
  return std::tuple(toNumpy(std::move(valid)), toNumpy(std::move(fields), {ids.size, 5}), toNumpy(std::move(packed)));
}

/// The 8 pixels around each pixel, (pixels, 8).
NumpyArray<std::int32_t> neighboursOf(const AnyArray& pixels, const std::string& gridName) {
  const Grid grid = gridNamed(gridName);
  const auto pixel = column<std::int32_t>(pixels, "pixel");
  checkRange(pixel, grid.numPixels(), "pixel");
  std::vector<std::int32_t> around;
  around.reserve(8 * pixel.size);
  for (std::size_t i = 0; i < pixel.size; ++i) {
    const auto ofOne = neighbours(grid, pixel[i]);
    around.insert(around.end(), ofOne.begin(), ofOne.end());
  }
  return toNumpy(std::move(around), {pixel.size, 8});
}

}  // namespace

void bindDetector(nb::module_& m) {
  m.def("describe", &describe);
  m.def("describe_preshower", &describePreshower);
  m.def("neighbours", &neighboursOf);
}

}  // namespace e2e::bindings
