"""Networks of graphs: pixels that learn from the pixels around them, in one of several ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from e2e.contract import GraphSpec
from e2e.models.base import ModelConfig, PixelFeatures, SeedFeatures
from e2e.models.graph_layers import EdgeConv, Edges, Gat, GraphTransformer, GravNet, Sage
from e2e.models.graph_view import Graph, GraphView
from e2e.models.layers import plain_mlp

GraphLayer = Literal["edge-conv", "sage", "gat", "graph-transformer", "gravnet"]
LAYERS: tuple[GraphLayer, ...] = get_args(GraphLayer)


@dataclass(frozen=True, kw_only=True)
class GraphConfig(ModelConfig):
    """layer: of LAYERS. neighbours, radius, reach: see `GraphSpec`. heads: of the layers that attend, and of the
    answer's."""

    features: tuple[str, ...] = ("value", "log", "occupied")
    layer: GraphLayer = "edge-conv"
    width: int = 48
    depth: int = 3
    heads: int = 4
    neighbours: int = 12
    radius: int = 8
    reach: int = 0

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {
        "nano": {"width": 24, "depth": 2, "heads": 2, "neighbours": 8},
        "tiny": {"width": 48, "depth": 3, "heads": 4},
        "small": {"width": 96, "depth": 4, "heads": 4, "neighbours": 16},
    }

    @property
    def graph(self) -> GraphSpec:
        return GraphSpec(self.neighbours, self.radius, self.reach)


class GraphNetwork(nn.Module):
    """Embed the nodes, let them learn from their neighbours, read the answer from all of them."""

    def __init__(self, config: GraphConfig) -> None:
        super().__init__()
        self.config = config
        self.pixels, self.seed = PixelFeatures(config), SeedFeatures(config)
        self.view = GraphView(config.frame, len(config.features), config.graph)
        self.embed = nn.Linear(self.view.size + 2, config.width)
        self.blocks = nn.ModuleList(GraphBlock(config) for _ in range(config.depth))
        self.norm = nn.RMSNorm(config.width, eps=1e-6)
        self.summary = Summary(config.width, config.heads)
        self.head = nn.Sequential(
            nn.Linear(3 * config.width + self.seed.size, config.width),
            nn.GELU(),
            nn.Linear(config.width, config.num_outputs),
        )

    def forward(
        self, pixel_index: Tensor, pixel_value: Tensor, seed: Tensor, neighbour: Tensor | None = None
    ) -> Tensor:
        """(batch, pixels) twice, the seed's (row, column) (batch, 2), and the neighbours of the nodes (batch, nodes,
        neighbours), found here unless given -> (batch, outputs), before any activation."""
        graph = self.view(pixel_index, self.pixels(pixel_index, pixel_value), neighbour)
        place = self._place(graph)
        edges = self._edges(graph, place)
        x = self.embed(torch.cat((graph.values, place), dim=2))
        for block in self.blocks:
            x = block(x, edges, graph.is_padding)
        return self.head(torch.cat((self.summary(self.norm(x), graph.is_padding), self.seed(seed)), dim=1))

    def layers(self) -> list[nn.Module]:
        """From input to output, the head left out."""
        return [self.embed, *self.blocks]

    def _place(self, graph: Graph) -> Tensor:
        """(batch, nodes, 2): how far from the seed, -1 to 1 over the frame; 0 in padding."""
        frame = self.config.frame
        row, column = (
            (graph.row - frame.centre_row) * 2 / frame.rows,
            (graph.column - frame.centre_column) * 2 / frame.columns,
        )
        return torch.stack((row, column), dim=2).masked_fill(graph.is_padding[:, :, None], 0.0)

    def _edges(self, graph: Graph, place: Tensor) -> Edges:
        """Of a pair: the step from one to the other and its length, and which of the two shows more."""
        is_there = graph.is_edge.to(place.dtype)
        bare = Edges(graph.neighbour, is_there, place)
        where = torch.stack((graph.row, graph.column), dim=2).to(place.dtype) / self.config.radius
        step = (bare.gather(where) - where[:, :, None]) * is_there[..., None]
        length = step.square().sum(dim=3, keepdim=True).sqrt()
        shown = graph.values.sum(dim=2, keepdim=True)
        more = torch.tanh(bare.gather(shown) - shown[:, :, None])
        return Edges(graph.neighbour, is_there, torch.cat((step, length, more), dim=3))


class GraphBlock(nn.Module):
    """x + layer(norm(x)), then x + mlp(norm(x) + what all nodes show): a block of a transformer, with a look around and
    one at the whole in place of attention."""

    def __init__(self, config: GraphConfig) -> None:
        super().__init__()
        width = config.width
        self.norm, self.mlp_norm = nn.RMSNorm(width, eps=1e-6), nn.RMSNorm(width, eps=1e-6)
        self.layer = _make_layer(config)
        self.summary = Summary(width, config.heads)
        self.told = nn.Linear(3 * width, width, bias=False)
        nn.init.zeros_(self.told.weight)  # else what is random drowns what a node knows of itself
        self.mlp = plain_mlp(width, 2 * width)

    def forward(self, x: Tensor, edges: Edges, is_padding: Tensor) -> Tensor:
        x = x + self.layer(self.norm(x), edges)
        own = self.mlp_norm(x)
        return x + self.mlp(own + self.told(self.summary(own, is_padding))[:, None])


class Summary(nn.Module):
    """Of all nodes: their mean, their maximum, and for each head a mean that they weigh themselves. In the plain mean a
    handful of tracks among hundreds of hits of pile-up is hardly seen."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.score, self.value = nn.Linear(width, heads), nn.Linear(width, width)

    def forward(self, x: Tensor, is_padding: Tensor) -> Tensor:
        """(batch, nodes, width), (batch, nodes) -> (batch, 3 width); 0 where there are none."""
        is_node = (~is_padding).to(x.dtype)[:, :, None]
        mean = (x * is_node).sum(dim=1) / is_node.sum(dim=1).clamp(min=1)
        most = (x * is_node - 1e4 * (1 - is_node)).amax(dim=1)
        most = torch.where(is_node.sum(dim=1) > 0, most, 0.0)
        weight = (self.score(x) - 1e4 * (1 - is_node)).softmax(dim=1) * is_node
        value = self.value(x).reshape(*x.shape[:2], self.heads, x.shape[2] // self.heads)
        return torch.cat((mean, most, (value * weight[..., None]).sum(dim=1).flatten(1)), dim=1)


def _make_layer(config: GraphConfig) -> nn.Module:
    if config.layer not in LAYERS:
        raise ValueError(f"unknown layer {config.layer!r}; known: {', '.join(LAYERS)}")
    if config.width % config.heads:
        raise ValueError(f"a width of {config.width} is not shared evenly by {config.heads} heads")
    if config.layer == "gat":
        return Gat(config.width, config.heads)
    if config.layer == "graph-transformer":
        return GraphTransformer(config.width, config.heads)
    return {"edge-conv": EdgeConv, "sage": Sage, "gravnet": GravNet}[config.layer](config.width)
