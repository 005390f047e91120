"""Sparse pixels as a graph: its nodes are places, its edges go to the nearest ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from e2e.contract import FrameSpec, GraphSpec
from e2e.contract.grids import HCAL_UPSAMPLING
from e2e.models.views import occupied_places

LONGEST_REACH = 20_000  # of the C++ core


class Graph(NamedTuple):
    """values: (batch, nodes, numbers). row, column: (batch, nodes) int64, of the frame; any in padding. is_padding:
    (batch, nodes). neighbour: (batch, nodes, neighbours) int64, numbers of nodes, the nearest first; any where there is
    none, as `is_edge` (batch, nodes, neighbours) says."""

    values: Tensor
    row: Tensor
    column: Tensor
    is_padding: Tensor
    neighbour: Tensor
    is_edge: Tensor


class GraphView(nn.Module):
    """Nodes: those of `e2e.frames.reference_graph.graph_nodes`, in their order, each with the numbers of all channels
    there. What of a tower lies at no node is not seen: it is what lies at its middle once more.

    Neighbours: the `count` nearest nodes within `radius` pixels, those of `nearest_nodes` there.
    No distance between all pairs is made: each node looks at the places around it, nearest first.
    """

    is_coarse: Tensor
    around: Tensor

    def __init__(self, frame: FrameSpec, num_features: int, graph: GraphSpec) -> None:
        super().__init__()
        self.frame, (self.count, self.radius, self.reach) = frame, graph
        if not 0 <= self.reach <= LONGEST_REACH:
            raise ValueError(f"{graph}: a reach of 0, for no limit, to {LONGEST_REACH} pixels can be")
        self.num_places = frame.rows * frame.columns
        self.size = num_features * len(frame.channels)
        self.register_buffer("is_coarse", torch.tensor(frame.is_coarse), persistent=False)
        self.padded_columns = frame.columns + 2 * self.radius
        around = torch.tensor([row * self.padded_columns + column for row, column in places_around(self.radius)])
        if self.count > len(around):
            raise ValueError(f"{graph}: within the radius there are {len(around)} places")
        self.register_buffer("around", around, persistent=False)

    def forward(self, pixel_index: Tensor, features: Sequence[Tensor], neighbour: Tensor | None = None) -> Graph:
        """pixel_index: float32 (batch, pixels), padding has a negative index. features: each (batch, pixels).
        neighbour: float32 (batch, nodes, count), negative where there is none; found here unless given.

        The numbers of a node are ordered by feature and channel. At least one node, which may be padding.
        """
        frame, num_channels = self.frame, len(self.frame.channels)
        num_nodes = None if neighbour is None else neighbour.shape[1]
        channel, place, node_place, node_at = self._nodes(pixel_index, num_nodes)
        num_nodes = node_place.shape[1]
        target = node_at.gather(1, place) * num_channels + channel
        empty = features[0].new_zeros(pixel_index.shape[0], (num_nodes + 1) * num_channels)
        values = [
            empty.scatter_add(1, target, feature).reshape(-1, num_nodes + 1, num_channels)[:, :num_nodes]
            for feature in features
        ]
        if neighbour is None:
            neighbour = self._nearest(node_place)
        is_edge = neighbour >= 0
        chosen = torch.where(is_edge, neighbour, 0.0).to(torch.int64)
        row, column = node_place // frame.columns, node_place % frame.columns
        return Graph(torch.cat(values, dim=2), row, column, node_place == self.num_places, chosen, is_edge)

    def neighbours(self, pixel_index: Tensor) -> Tensor:
        """What `forward` finds for itself: float32 (batch, nodes, count), -1 where there are fewer."""
        _, _, node_place, _ = self._nodes(pixel_index, None)
        return self._nearest(node_place)

    def _nodes(self, pixel_index: Tensor, num_nodes: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Channel and place of each pixel, the number of places in padding; `occupied_places` of the nodes."""
        is_padding = pixel_index < 0
        index = torch.where(is_padding, 0.0, pixel_index).to(torch.int64)
        channel, place = index // self.num_places, index % self.num_places
        row, column = place // self.frame.columns, place % self.frame.columns
        middle = HCAL_UPSAMPLING // 2
        is_middle = (row % HCAL_UPSAMPLING == middle) & (column % HCAL_UPSAMPLING == middle)
        makes_node = ~is_padding & (is_middle | ~self.is_coarse[channel])
        if self.reach:
            away = (row - self.frame.centre_row) ** 2 + (column - self.frame.centre_column) ** 2
            makes_node &= away <= self.reach**2
        made_at = torch.where(makes_node, place, self.num_places)
        place = torch.where(is_padding, self.num_places, place)
        return channel, place, *occupied_places(made_at, self.num_places, num_nodes)

    def _padded(self, row: Tensor, column: Tensor) -> Tensor:
        """Places of the frame with `radius` more on every side."""
        return (row + self.radius) * self.padded_columns + column + self.radius

    def _nearest(self, node_place: Tensor) -> Tensor:
        """What the C++ core gives in a fraction of the time."""
        batch, num_nodes = node_place.shape
        row, column = node_place // self.frame.columns, node_place % self.frame.columns
        is_padding = node_place == self.num_places
        num_padded = (self.frame.rows + 2 * self.radius) * self.padded_columns
        own = torch.where(is_padding, num_padded, self._padded(row, column))
        number = torch.arange(num_nodes, device=row.device).expand(batch, num_nodes)
        nothing = torch.full((batch, num_padded + 1), num_nodes, dtype=torch.int64, device=row.device)
        node_at = nothing.scatter(1, own, torch.where(is_padding, num_nodes, number))
        num_around = self.around.shape[0]
        looked_at = torch.where(is_padding, self.radius * (self.padded_columns + 1), own)
        near = node_at.gather(1, (looked_at[:, :, None] + self.around).reshape(batch, num_nodes * num_around))
        near = near.reshape(batch, num_nodes, num_around)
        is_there = (near < num_nodes) & ~is_padding[:, :, None]
        rank = torch.cumsum(is_there.to(torch.float32), dim=2).to(torch.int64) - 1
        target = torch.where(is_there & (rank < self.count), rank, self.count)
        found = near.new_full((batch, num_nodes, self.count + 1), -1).scatter(2, target, near)[:, :, : self.count]
        return torch.where(rank[:, :, -1:] >= torch.arange(self.count, device=row.device), found, -1).to(torch.float32)


class NeighbourFinder(nn.Module):
    """The neighbours alone, for where the C++ core is not."""

    def __init__(self, frame: FrameSpec, graph: GraphSpec) -> None:
        super().__init__()
        self.view = GraphView(frame, 1, graph)

    def forward(self, pixel_index: Tensor) -> Tensor:
        return self.view.neighbours(pixel_index)


def places_around(radius: int) -> list[tuple[int, int]]:
    """Steps (rows, columns) to the places within `radius`, the nearest first, of those as near in the order of places;
    not to the place itself."""
    steps = [(row, column) for row in range(-radius, radius + 1) for column in range(-radius, radius + 1)]
    near = [step for step in steps if 0 < step[0] ** 2 + step[1] ** 2 <= radius**2]
    return sorted(near, key=lambda step: (step[0] ** 2 + step[1] ** 2, *step))
