"""What a network takes of packed candidates, the neighbours of a graph's nodes beside them where it wants them."""

from __future__ import annotations

from e2e.contract import FrameSpec, GraphSpec
from e2e.frames import native
from e2e.frames.candidates import FloatArray, Packed


def network_inputs(packed: Packed, frame: FrameSpec, graph: GraphSpec | None) -> dict[str, FloatArray]:
    """Named tensors, float32, in the order of a bundle's inputs; see `inputs_of` in
    `e2e.bundles.contract_file`."""
    named: dict[str, FloatArray] = packed._asdict()
    if graph is not None:
        named["neighbour"] = native.packed_neighbours(packed.pixel_index, frame, graph)
    return named
