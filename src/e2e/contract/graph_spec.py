"""Which pixels of a candidate a graph network joins."""

from __future__ import annotations

from typing import NamedTuple


class GraphSpec(NamedTuple):
    """neighbours: of each node, the nearest, at most so many; radius: in pixels, beyond which nobody is a neighbour."""

    neighbours: int
    radius: int
