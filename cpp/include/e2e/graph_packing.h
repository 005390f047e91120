#ifndef e2e_graph_packing_h
#define e2e_graph_packing_h
// What a graph network takes beside the packed pixels: the neighbours of each candidate's nodes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "crop.h"
#include "nearest_nodes.h"

namespace e2e {

/// neighbours: of each node, the nearest, at most so many; maxSquare: of the distance in pixels, beyond which nobody is
/// one; reach: in pixels from the seed, beyond which nobody is a node, 0 for no limit. See e2e.contract.GraphSpec.
struct GraphSpec {
  std::size_t neighbours = 0;
  std::int64_t maxSquare = NearestNodes::kAnyDistance;
  int reach = 0;
};

/// Numbers of nodes (batch, nodes, neighbours), padded to the most nodes of a candidate, at least one.
struct PackedNeighbours {
  std::vector<float> number;
  std::size_t nodes = 1;
};

/// Whether values of each channel are spread evenly over the pixels of a tower. The window must show whole towers,
/// counted from its first row and column. See e2e.contract.FrameSpec.is_coarse.
inline std::vector<bool> coarseChannels(const FrameSpec& window) {
  constexpr int kMiddle = kHcalUpsampling / 2;
  const bool isAligned =
      window.centreRow % kHcalUpsampling == kMiddle && window.centreColumn % kHcalUpsampling == kMiddle;
  std::vector<bool> isCoarse;
  for (const Channel channel : window.channels)
    isCoarse.push_back(isAligned && channel == Channel::kHcalEnergy);
  return isCoarse;
}

/// pixelIndex: (batch, width), as `packPixels` gives it, each below the frame's number of pixels.
inline PackedNeighbours packNeighbours(const float* pixelIndex, std::size_t batch, std::size_t width,
                                       const NodeWindow& window, std::vector<bool> isCoarse, const GraphSpec& graph) {
  NodeFinder nodesOf(window, std::move(isCoarse), graph.reach);
  std::vector<std::vector<std::int32_t>> places;
  PackedNeighbours packed;
  for (std::size_t i = 0; i < batch; ++i) {
    places.push_back(nodesOf(pixelIndex + i * width, width));
    packed.nodes = std::max(packed.nodes, places.back().size());
  }
  const std::size_t size = packed.nodes * graph.neighbours;
  packed.number.assign(batch * size, static_cast<float>(NearestNodes::kNone));
  NearestNodes nearest({window.rows, window.columns, false}, graph.neighbours, graph.maxSquare);
  std::vector<std::int32_t> found;
  for (std::size_t i = 0; i < batch; ++i) {
    found.resize(places[i].size() * graph.neighbours);
    nearest(places[i].data(), places[i].size(), found.data());
    std::copy(found.begin(), found.end(), packed.number.begin() + i * size);
  }
  return packed;
}

}  // namespace e2e

#endif
