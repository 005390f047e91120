// The nodes of graphs and who is near whom.
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cmath>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "arrays.h"
#include "core.h"
#include "e2e/graph_packing.h"

namespace e2e::bindings {

namespace {

constexpr int kLongestSide = 20000;  // so that the square of a distance stays below 2^31

void checkGrid(int rows, int columns) {
  if (rows < 1 || columns < 1 || rows > kLongestSide || columns > kLongestSide)
    refuse("a grid of " + std::to_string(rows) + " x " + std::to_string(columns) + " places, each side at most " +
           std::to_string(kLongestSide));
}

NodeWindow checkedWindow(int rows, int columns, int centreRow, int centreColumn, int reach) {
  checkGrid(rows, columns);
  if (reach < 0 || reach > kLongestSide || centreRow < 0 || centreRow >= rows || centreColumn < 0 ||
      centreColumn >= columns)
    refuse("a reach of " + std::to_string(reach) + " around (" + std::to_string(centreRow) + ", " +
           std::to_string(centreColumn) + ") of a window of " + std::to_string(rows) + " x " + std::to_string(columns));
  return {rows, columns, centreRow, centreColumn};
}

void checkSearch(std::size_t count, double radius) {
  if (count > NearestNodes::kMostNeighbours || !(radius >= 0))
    refuse("count is " + std::to_string(count) + " of at most " + std::to_string(NearestNodes::kMostNeighbours) +
           ", radius " + std::to_string(radius) + " of at least 0");
}

/// The largest square of a distance within a radius.
std::int64_t squareOf(double radius) {
  const double square = std::floor(radius * radius);
  return square < static_cast<double>(NearestNodes::kAnyDistance) ? static_cast<std::int64_t>(square)
                                                                   : NearestNodes::kAnyDistance;
}

/// isCoarse: of each channel.
std::tuple<NumpyArray<std::int64_t>, NumpyArray<std::int32_t>> graphNodes(const AnyArray& offsetArray,
                                                                          const AnyArray& indexArray, int rows,
                                                                          int columns, int centreRow, int centreColumn,
                                                                          int reach, std::vector<bool> isCoarse) {
  const auto offsets = column<std::int64_t>(offsetArray, "offsets");
  const auto index = column<std::int32_t>(indexArray, "pixel_index");
  checkOffsets(offsets, index.size);
  const NodeWindow window = checkedWindow(rows, columns, centreRow, centreColumn, reach);
  checkRange(index, static_cast<std::int64_t>(isCoarse.size()) * rows * columns, "pixel_index");
  std::vector<std::int64_t> bounds{0};
  std::vector<std::int32_t> places;
  {
    nb::gil_scoped_release release;
    NodeFinder nodesOf(window, std::move(isCoarse), reach);
    for (std::size_t i = 0; i + 1 < offsets.size; ++i) {
      const auto& own = nodesOf(index.data + offsets[i], offsets[i + 1] - offsets[i]);
      places.insert(places.end(), own.begin(), own.end());
      bounds.push_back(places.size());
    }
  }
  return {toNumpy(std::move(bounds)), toNumpy(std::move(places))};
}

/// Each graph's places must ascend, each once: what the search by rows relies on.
void checkPlaces(const Column<std::int64_t>& offsets, const Column<std::int32_t>& place, NodeGrid grid) {
  checkRange(place, std::int64_t{grid.rows} * grid.columns, "place");
  for (std::size_t i = 0; i + 1 < offsets.size; ++i)
    for (std::int64_t node = offsets[i] + 1; node < offsets[i + 1]; ++node)
      if (place[node - 1] >= place[node])
        refuse("places must ascend within a graph, each once");
}

NumpyArray<std::int32_t> nearestNodes(const AnyArray& offsetArray, const AnyArray& placeArray, int rows, int columns,
                                      std::size_t count, double radius, bool wraps) {
  const auto offsets = column<std::int64_t>(offsetArray, "offsets");
  const auto place = column<std::int32_t>(placeArray, "place");
  checkOffsets(offsets, place.size);
  checkGrid(rows, columns);
  checkSearch(count, radius);
  const NodeGrid grid{rows, columns, wraps};
  checkPlaces(offsets, place, grid);
  std::vector<std::int32_t> found(place.size * count);
  {
    nb::gil_scoped_release release;
    NearestNodes nearest(grid, count, squareOf(radius));
    for (std::size_t i = 0; i + 1 < offsets.size; ++i)
      nearest(place.data + offsets[i], offsets[i + 1] - offsets[i], found.data() + offsets[i] * count);
  }
  return toNumpy(std::move(found), {place.size, count});
}

/// (batch, pixels) of padded indices -> (batch, nodes, count), padded to the most nodes of a candidate, at least one.
NumpyArray<float> packedNeighbours(nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu> index, int rows,
                                   int columns, int centreRow, int centreColumn, int reach, std::vector<bool> isCoarse,
                                   std::size_t count, double radius) {
  const NodeWindow window = checkedWindow(rows, columns, centreRow, centreColumn, reach);
  checkSearch(count, radius);
  const std::size_t batch = index.shape(0), width = index.shape(1);
  const auto pixels = static_cast<float>(isCoarse.size() * rows * columns);
  for (std::size_t i = 0; i < batch * width; ++i)
    if (!(index.data()[i] < pixels))  // nor is NaN
      refuse("a pixel index that is none of the frame's " + std::to_string(isCoarse.size() * rows * columns));
  PackedNeighbours packed;
  {
    nb::gil_scoped_release release;
    packed =
        packNeighbours(index.data(), batch, width, window, std::move(isCoarse), {count, squareOf(radius), reach});
  }
  return toNumpy(std::move(packed.number), {batch, packed.nodes, count});
}

}  // namespace

void bindGraphs(nb::module_& m) {
  m.def("graph_nodes", &graphNodes);
  m.def("nearest_nodes", &nearestNodes);
  m.def("packed_neighbours", &packedNeighbours);
}

}  // namespace e2e::bindings
