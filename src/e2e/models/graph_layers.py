"""What a node learns from its neighbours, in the ways that graph networks know. No graph library is needed to run them.

Each takes nodes (batch, nodes, width) and their edges, and gives as much for each node; all but GravNet what PyTorch
Geometric's layer gives with the same weights, EdgeConv before its last matrix (tests/unit/test_graph_layers.py).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

NUM_PAIR_FEATURES = 4


class Edges(NamedTuple):
    """neighbour: (batch, nodes, neighbours) int64, any where there is none; is_there: 1 for an edge, 0 for none, in the
    type of the numbers. pair: (batch, nodes, neighbours, NUM_PAIR_FEATURES), what is told of two nodes beside their own
    numbers."""

    neighbour: Tensor
    is_there: Tensor
    pair: Tensor

    def gather(self, x: Tensor) -> Tensor:
        """(batch, nodes, width) -> the neighbours' own, (batch, nodes, neighbours, width)."""
        batch, nodes, count = self.neighbour.shape
        width = x.shape[2]
        first = torch.arange(batch, device=x.device)[:, None, None] * nodes  # of each candidate's nodes, end to end
        rows = x.reshape(batch * nodes, width).index_select(0, (self.neighbour + first).flatten())
        return rows.reshape(batch, nodes, count, width)

    def mean(self, messages: Tensor) -> Tensor:
        """Over the neighbours that there are; 0 where there are none."""
        weight = self.is_there[..., None]
        return (messages * weight).sum(dim=2) / weight.sum(dim=2).clamp(min=1)

    def maximum(self, messages: Tensor) -> Tensor:
        """Over the neighbours that there are; 0 where there are none."""
        most = messages.masked_fill(self.is_there[..., None] == 0, -torch.inf).amax(dim=2)
        return most.masked_fill(self.is_there.sum(dim=2, keepdim=True) == 0, 0.0)

    def mean_and_maximum(self, messages: Tensor) -> Tensor:
        """Side by side."""
        return torch.cat((self.mean(messages), self.maximum(messages)), dim=2)

    def softmax(self, scores: Tensor) -> Tensor:
        """(batch, nodes, neighbours, heads) -> weights that sum up to 1 over the neighbours; 0 where there are none."""
        scores = scores.masked_fill(self.is_there[..., None] == 0, -1e9)
        return scores.softmax(dim=2) * self.is_there[..., None]


class EdgeConv(nn.Module):
    """Mean and maximum of an MLP of (own numbers, the neighbour's less own). Source: Wang et al., arXiv:1801.07829, who
    take the maximum, and ParticleNet (arXiv:1902.08570), the mean; why both: decision 29. The first layer
    of the MLP is made for nodes rather than edges: the same, and cheaper."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.own, self.other = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.mlp = nn.Sequential(nn.GELU(), nn.Linear(width, width), nn.GELU())
        self.gathered = nn.Linear(2 * width, width)

    def forward(self, x: Tensor, edges: Edges) -> Tensor:
        other = self.other(x)
        messages = self.mlp((self.own(x) - other)[:, :, None] + edges.gather(other))
        return self.gathered(edges.mean_and_maximum(messages))


class Sage(nn.Module):
    """Own numbers and the neighbours' mean, each through a matrix. Source: Hamilton et al., arXiv:1706.02216."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.own, self.mean = nn.Linear(width, width, bias=False), nn.Linear(width, width)

    def forward(self, x: Tensor, edges: Edges) -> Tensor:
        return self.own(x) + self.mean(edges.mean(edges.gather(x)))


class Gat(nn.Module):
    """Attention whose scores are a small network of both nodes; a node attends to itself as well. Source: Brody et al.
    (GATv2), arXiv:2105.14491."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.source, self.target = nn.Linear(width, width), nn.Linear(width, width)
        self.attention = nn.Parameter(torch.empty(heads, self.size))
        nn.init.xavier_uniform_(self.attention)
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor, edges: Edges) -> Tensor:
        source = self.source(x)
        values = torch.cat((source[:, :, None], edges.gather(source)), dim=2)
        values = values.reshape(*values.shape[:3], self.heads, self.size)
        target = self.target(x).reshape(*x.shape[:2], 1, self.heads, self.size)
        scores = (functional.leaky_relu(values + target, 0.2) * self.attention).sum(dim=4)
        with_self = edges._replace(is_there=functional.pad(edges.is_there, (1, 0), value=1.0))
        return (values * with_self.softmax(scores)[..., None]).sum(dim=2).flatten(2) + self.bias


class GraphTransformer(nn.Module):
    """Scaled dot products of queries and keys, both keys and values with what is told of the pair. Source: Shi et al.,
    arXiv:2009.03509; pairs as in the Particle Transformer, arXiv:2202.03772."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.query, self.key, self.value, self.own = (nn.Linear(width, width) for _ in range(4))
        self.pair = nn.Linear(NUM_PAIR_FEATURES, width, bias=False)

    def forward(self, x: Tensor, edges: Edges) -> Tensor:
        def by_head(values: Tensor) -> Tensor:
            return values.reshape(*values.shape[:3], self.heads, self.size)

        pair = by_head(self.pair(edges.pair))
        key, value = by_head(edges.gather(self.key(x))) + pair, by_head(edges.gather(self.value(x))) + pair
        query = by_head(self.query(x)[:, :, None])
        weight = edges.softmax((query * key).sum(dim=4) / self.size**0.5)
        return (value * weight[..., None]).sum(dim=2).flatten(2) + self.own(x)


class GravNet(nn.Module):
    """Neighbours count by their distance in a space that is learnt; mean and maximum of what they say.

    Source: Qasim et al., arXiv:1902.07987. There the neighbours themselves are found in that space, where a rounding
    error changes who is near; here they are those on the detector, so that every engine gives the same answer.
    """

    SPACE = 4

    def __init__(self, width: int) -> None:
        super().__init__()
        self.space, self.message = nn.Linear(width, self.SPACE), nn.Linear(width, width)
        self.own, self.gathered = nn.Linear(width, width, bias=False), nn.Linear(2 * width, width)

    def forward(self, x: Tensor, edges: Edges) -> Tensor:
        place = self.space(x)
        square = (edges.gather(place) - place[:, :, None]).square().sum(dim=3, keepdim=True)
        messages = edges.gather(self.message(x)) * torch.exp(-10.0 * square)
        return self.own(x) + self.gathered(edges.mean_and_maximum(messages))
