"""The layers of graph networks: PyTorch Geometric's where it has them, and what must hold of each."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from e2e.models.graph_layers import NUM_PAIR_FEATURES, EdgeConv, Edges, Gat, GraphTransformer, GravNet, Sage

WIDTH, HEADS = 8, 2
LAYERS = [EdgeConv, Sage, GravNet, lambda width: Gat(width, HEADS), lambda width: GraphTransformer(width, HEADS)]
BATCH, NODES, COUNT = 2, 9, 4


def edges() -> Edges:
    """Some nodes have fewer neighbours than others, one has none."""
    generator = torch.Generator().manual_seed(1)
    step = torch.stack([1 + torch.randperm(NODES - 1, generator=generator)[:COUNT] for _ in range(BATCH * NODES)])
    neighbour = (torch.arange(BATCH * NODES)[:, None] + step) % NODES  # nobody is its own
    is_there = (torch.rand(BATCH * NODES, COUNT, generator=generator) > 0.3).float()
    is_there[3] = 0
    pair = torch.randn(BATCH, NODES, COUNT, NUM_PAIR_FEATURES, generator=generator)
    shape = BATCH, NODES, COUNT
    return Edges(neighbour.reshape(shape), is_there.reshape(shape), pair)


def nodes() -> torch.Tensor:
    return torch.randn(BATCH, NODES, WIDTH, generator=torch.Generator().manual_seed(2))


def as_list(found: Edges) -> tuple[torch.Tensor, torch.Tensor]:
    """Every edge, from whom to whom, as PyTorch Geometric takes them; and what is told of the pairs."""
    candidate, node, which = torch.argwhere(found.is_there > 0).T
    source = found.neighbour[candidate, node, which] + candidate * NODES
    return torch.stack((source, node + candidate * NODES)), found.pair[candidate, node, which]


def same(ours: nn.Module, theirs: Callable[..., torch.Tensor], **more: torch.Tensor) -> None:
    found = edges()
    pairs, _ = as_list(found)
    expected = theirs(nodes().reshape(-1, WIDTH), pairs, **more).reshape(BATCH, NODES, WIDTH)
    torch.testing.assert_close(ours(nodes(), found), expected, rtol=1e-5, atol=1e-6)


def take(target: nn.Module, source: nn.Module) -> None:
    target.load_state_dict(source.state_dict())


@pytest.fixture
def geometric():
    return pytest.importorskip("torch_geometric.nn", reason="PyTorch Geometric is not installed")


def test_sage(geometric):
    ours, theirs = Sage(WIDTH), geometric.SAGEConv(WIDTH, WIDTH)
    take(theirs.lin_l, ours.mean)
    take(theirs.lin_r, ours.own)
    same(ours, theirs)


def test_gat(geometric):
    ours, theirs = Gat(WIDTH, HEADS), geometric.GATv2Conv(WIDTH, WIDTH // HEADS, heads=HEADS)
    take(theirs.lin_l, ours.source)
    take(theirs.lin_r, ours.target)
    with torch.no_grad():
        theirs.att.copy_(ours.attention[None])
        nn.init.normal_(ours.bias)
        theirs.bias.copy_(ours.bias)
    same(ours, theirs)


def test_graph_transformer(geometric):
    ours = GraphTransformer(WIDTH, HEADS)
    theirs = geometric.TransformerConv(WIDTH, WIDTH // HEADS, heads=HEADS, edge_dim=NUM_PAIR_FEATURES)
    for own, other in (("query", "query"), ("key", "key"), ("value", "value"), ("own", "skip"), ("pair", "edge")):
        take(getattr(theirs, f"lin_{other}"), getattr(ours, own))
    same(ours, theirs, edge_attr=as_list(edges())[1])


def test_edge_conv(geometric):
    """There the network sees the whole of (own, the neighbour's less own)."""
    ours = EdgeConv(WIDTH)
    whole = nn.Linear(2 * WIDTH, WIDTH)
    with torch.no_grad():
        whole.weight.copy_(torch.cat((ours.own.weight, ours.other.weight), dim=1))
        whole.bias.copy_(ours.own.bias)
    message = nn.Sequential(whole, *ours.mlp)
    theirs = geometric.EdgeConv(copy.deepcopy(message), aggr=["mean", "max"])
    take(theirs.nn, message)  # it began anew
    same(ours, lambda x, pairs: ours.gathered(theirs(x, pairs)))


@pytest.mark.parametrize("make", LAYERS)
def test_who_is_no_neighbour_is_not_heard(make):
    """Nor does it matter which number stands there, or in which order the neighbours come."""
    torch.manual_seed(3)
    layer, found, x = make(WIDTH), edges(), nodes()
    answer = layer(x, found)
    assert answer.shape == x.shape and torch.isfinite(answer).all()
    elsewhere = torch.where(found.is_there > 0, found.neighbour, 0)
    pair = torch.where(found.is_there[..., None] > 0, found.pair, 7.0)
    torch.testing.assert_close(layer(x, Edges(elsewhere, found.is_there, pair)), answer)
    back = Edges(*(tensor.flip(2) for tensor in found))
    torch.testing.assert_close(layer(x, back), answer)
    moved = x.clone()
    moved[0, 5] += 1
    is_heard = ((found.neighbour[0] == 5) & (found.is_there[0] > 0)).any(dim=1)
    is_heard[5] = True
    changed = (layer(0.2 * moved, found) != layer(0.2 * x, found))[0].any(dim=1)
    assert torch.equal(changed, is_heard)


def test_edges_by_hand():
    x = torch.tensor([[[1.0], [2.0], [4.0]]])
    found = Edges(torch.tensor([[[1, 2], [0, 0], [0, 1]]]), torch.tensor([[[1.0, 1], [1, 0], [0, 0]]]), torch.zeros(0))
    assert found.mean(found.gather(x)).flatten().tolist() == [3, 1, 0]
    assert found.maximum(found.gather(-x)).flatten().tolist() == [-2, -1, 0]
    assert found.mean_and_maximum(found.gather(x)).tolist() == [[[3, 4], [1, 1], [0, 0]]]
    assert found.softmax(torch.zeros(1, 3, 2, 1)).flatten().tolist() == [0.5, 0.5, 1, 0, 0, 0]
