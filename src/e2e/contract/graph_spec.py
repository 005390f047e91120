"""Which pixels of a candidate a graph network joins."""

from __future__ import annotations

from typing import NamedTuple


class GraphSpec(NamedTuple):
    """neighbours: of each node, the nearest, at most so many; radius: in pixels, beyond which nobody is a neighbour;
    reach: in pixels from the seed, beyond which nobody is a node; 0: the whole window counts."""

    neighbours: int
    radius: int
    reach: int = 0
