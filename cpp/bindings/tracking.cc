// Tracks and tracker hits of many events -> pixels of the stitched grid; directions -> towers.
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <tuple>
#include <utility>
#include <vector>

#include "arrays.h"
#include "core.h"
#include "e2e/tracking.h"

namespace e2e::bindings {

namespace {

constexpr const char* kTrackNames[] = {"pt",   "eta",  "phi",         "charge",      "x_cm",
                                       "y_cm", "z_cm", "d0_error_cm", "dz_error_cm", "is_high_purity"};
constexpr const char* kHitNames[] = {"layer", "x_cm", "y_cm", "z_cm"};

/// Objects of many events, and the vertex of each event.
template <std::size_t kColumns>
class ObjectTable {
public:
  ObjectTable(const AnyArray& offsets, const std::vector<AnyArray>& columns, const char* const (&names)[kColumns],
              const AnyArray& vertices)
      : offsets_(column<std::int64_t>(offsets, "offsets")),
        columns_(columnsOf<float>(columns, names)),
        vertices_(column<double>(vertices, "vertices")) {
    checkOffsets(offsets_, columns_[0].size);
    checkSize(vertices_, 3 * numEvents(), "vertices");
  }

  std::size_t numEvents() const { return offsets_.size - 1; }
  std::size_t size(std::size_t event) const { return offsets_[event + 1] - offsets_[event]; }

  /// First value of each column, of the event.
  std::array<const float*, kColumns> of(std::size_t event) const {
    std::array<const float*, kColumns> first;
    for (std::size_t i = 0; i < kColumns; ++i)
      first[i] = columns_[i].data + offsets_[event];
    return first;
  }

  Point vertex(std::size_t event) const {
    const double* point = vertices_.data + 3 * event;
    return {point[0], point[1], point[2]};
  }

private:
  Column<std::int64_t> offsets_;
  std::array<Column<float>, kColumns> columns_;
  Column<double> vertices_;
};

template <typename T>
void append(const std::vector<T>& values, std::vector<T>& all) {
  all.insert(all.end(), values.begin(), values.end());
}

/// offsets, pixel, pt, d0, dz, their significances.
auto trackPixelsOf(const AnyArray& offsetArray, const std::vector<AnyArray>& columns, const AnyArray& vertices) {
  const ObjectTable table(offsetArray, columns, kTrackNames, vertices);
  std::vector<std::int64_t> offsets{0};
  TrackPixels all;
  {
    nb::gil_scoped_release release;
    TrackPixels ofOne;
    for (std::size_t event = 0; event < table.numEvents(); ++event) {
      const auto [pt, eta, phi, charge, x, y, z, d0Error, dzError, isHighPurity] = table.of(event);
      trackPixels({pt, eta, phi, charge, x, y, z, d0Error, dzError, isHighPurity, table.size(event)},
                  table.vertex(event), ofOne);
      append(ofOne.pixel, all.pixel);
      append(ofOne.pt, all.pt);
      append(ofOne.d0, all.d0);
      append(ofOne.dz, all.dz);
      append(ofOne.d0Significance, all.d0Significance);
      append(ofOne.dzSignificance, all.dzSignificance);
      offsets.push_back(all.pixel.size());
    }
  }
  return std::tuple(toNumpy(std::move(offsets)), toNumpy(std::move(all.pixel)), toNumpy(std::move(all.pt)),
                    toNumpy(std::move(all.d0)), toNumpy(std::move(all.dz)), toNumpy(std::move(all.d0Significance)),
                    toNumpy(std::move(all.dzSignificance)));
}

/// offsets, pixel of the hits of one layer.
auto hitPixels(const AnyArray& offsetArray, const std::vector<AnyArray>& columns, const AnyArray& vertices, int layer) {
  const ObjectTable table(offsetArray, columns, kHitNames, vertices);
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> all;
  {
    nb::gil_scoped_release release;
    std::vector<std::int32_t> ofOne;
    for (std::size_t event = 0; event < table.numEvents(); ++event) {
      const auto [layers, x, y, z] = table.of(event);
      layerPixels({layers, x, y, z, table.size(event)}, layer, table.vertex(event), ofOne);
      append(ofOne, all);
      offsets.push_back(all.size());
    }
  }
  return std::tuple(toNumpy(std::move(offsets)), toNumpy(std::move(all)));
}

/// row, column of the HCAL grid in each direction.
auto towersAt(const AnyArray& etas, const AnyArray& phis) {
  const auto eta = column<double>(etas, "eta"), phi = column<double>(phis, "phi");
  checkSize(phi, eta.size, "phi");
  std::vector<std::int32_t> row(eta.size), column(eta.size);
  {
    nb::gil_scoped_release release;
    for (std::size_t i = 0; i < eta.size; ++i) {
      const Pixel tower = towerAt(eta[i], phi[i]);
      std::tie(row[i], column[i]) = std::tie(tower.row, tower.column);
    }
  }
  return std::tuple(toNumpy(std::move(row)), toNumpy(std::move(column)));
}

}  // namespace

void bindTracking(nb::module_& m) {
  m.def("track_pixels", &trackPixelsOf);
  m.def("hit_pixels", &hitPixels);
  m.def("tower_at", &towersAt);
}

}  // namespace e2e::bindings
