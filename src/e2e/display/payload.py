"""What the page holds: events, crops and where they come from, as JSON with the columns in base64.

A column is `{"f": ...}` (float32) or `{"i": ...}` (int32), little-endian, so that what is shown is what was read, to
the bit of float32.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e2e import __version__
from e2e.contract.channels import TRACKER_LAYERS
from e2e.contract.grids import HE_TOWER_EDGES
from e2e.detector.geometry import FIELD_TESLA
from e2e.detector.hcal_cells import HB_MAX_ETA
from e2e.detector.helix import BARREL_MAX_ETA
from e2e.display.cells import SURFACES, cells_of
from e2e.display.crops import Crop
from e2e.display.objects import COLLECTIONS, objects_of
from e2e.display.selection import Shown, identity
from e2e.evaluation.labels import OPEN_DATA, SIMULATION
from e2e.events.record import Events
from e2e.simulation.simulate import SIMULATED_RUN

PAYLOAD_VERSION = 1
JET_RADIUS = 0.4  # of the circles and cones, for the eye: a record does not say how its jets were clustered


def make_payload(
    shown: Sequence[Shown], crops: Sequence[Sequence[Crop]], bundles: Sequence[Mapping[str, Any]], total: int
) -> dict[str, Any]:
    """JSON values alone. total: events of the inputs, of which those shown are some."""
    return {
        "version": PAYLOAD_VERSION,
        "e2e": __version__,
        "total": total,
        "detector": {
            "field_tesla": FIELD_TESLA,
            "barrel_max_eta": BARREL_MAX_ETA,
            "hb_max_eta": HB_MAX_ETA,
            "endcap_max_eta": HE_TOWER_EDGES[-1],
            "tracker_layers": {code: _layer_title(name) for name, code in TRACKER_LAYERS.items()},
            "jet_radius": JET_RADIUS,
            "surfaces": {name: surface._asdict() for name, surface in SURFACES.items()},
        },
        "bundles": list(bundles),
        "events": [_event(one, list(of_event)) for one, of_event in zip(shown, crops, strict=True)],
    }


def _layer_title(name: str) -> str:
    """`bpix1`: BPix 1."""
    return f"{name[:-1].upper().replace('PIX', 'Pix')} {name[-1]}"


def _event(one: Shown, crops: list[Crop]) -> dict[str, Any]:
    events = one.events
    run, block, event = identity(events)
    return {
        "run": run,
        "luminosity_block": block,
        "event": str(event),  # 64 bits are more than a number of JavaScript holds
        "label": label_of(events),
        "input": one.path.name,
        "provenance": json.dumps(dict(events.provenance), indent=1, sort_keys=True),  # as text: it may hold a NaN
        "cells": {name: encode_columns(cells_of(events, 0, name)) for name in SURFACES},
        "objects": {name: encode_columns(objects_of(events, 0, name)) for name in COLLECTIONS},
        "crops": crops,
    }


def label_of(events: Events) -> str:
    """What is written on pictures of them."""
    is_simulated = "simulation" in events.provenance or bool((events.run == SIMULATED_RUN).all())
    return SIMULATION if is_simulated else OPEN_DATA


def encode_columns(columns: Mapping[str, NDArray[Any]] | None) -> dict[str, dict[str, str]] | None:
    return None if columns is None else {name: _encode(values) for name, values in columns.items()}


def _encode(values: NDArray[Any]) -> dict[str, str]:
    kind, dtype = ("i", "<i4") if np.issubdtype(values.dtype, np.integer) else ("f", "<f4")
    with np.errstate(over="ignore"):
        return {kind: base64.b64encode(values.astype(dtype).tobytes()).decode()}
