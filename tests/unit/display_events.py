"""One event with something of everything that a display shows, awkward things among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from e2e.detector.detid import pack_eb, pack_ee, pack_hcal
from e2e.events.record import OBJECT_COLUMNS, Events, Table


def hits(detid: Sequence[int] | np.ndarray, energy: Sequence[float]) -> Table:
    columns = {"detid": np.asarray(detid, dtype=np.uint32), "energy": np.asarray(energy, dtype=np.float32)}
    return Table.from_counts([len(energy)], {**columns, "time": np.arange(len(energy), dtype=np.float32)})


def objects(name: str, rows: Sequence[Mapping[str, float]]) -> Table:
    """A column that no row has is NaN."""
    columns = {
        column: np.array([row.get(column, np.nan) for row in rows], np.float32) for column in OBJECT_COLUMNS[name]
    }
    return Table.from_counts([len(rows)], columns)


ORIGIN = {"x_cm": 0.0, "y_cm": 0.0, "z_cm": 0.0}
TRACKS = [
    {"pt": 1.0, "eta": 0.0, "phi": 0.0, "charge": 1, **ORIGIN},
    {"pt": 20.0, "eta": 2.0, "phi": 1.0, "charge": -1, "x_cm": 0.1, "y_cm": -0.2, "z_cm": 4.0},
    {"pt": 0.5, "eta": 0.3, "phi": -2.0, "charge": -1, **ORIGIN},  # curls up
    {"pt": 5.0, "eta": 0.5, "phi": 3.0, **ORIGIN},  # charge not known
    {"pt": 3.0, "eta": 0.5, "phi": 3.0, "charge": 1, "x_cm": 500.0, "y_cm": 0.0, "z_cm": 0.0},  # begins outside
    {"pt": 4.0, "eta": 0.2, "phi": 1.0, "charge": 1, "x_cm": 1.0, "y_cm": 0.0, "z_cm": 400.0},  # and beyond the endcap
    {"pt": 0.0, "eta": 0.5, "phi": 3.0, "charge": 1, **ORIGIN},
    {"pt": 2.0, "eta": 1e5, "phi": 0.0, "charge": 1, **ORIGIN},  # along the beam
]


def busy_event() -> Events:
    """Depths of one HCAL tower, energies below zero, tracks that end oddly, no electrons in the record."""
    hit_tables = {
        "EB": hits(pack_eb([5, -85, 20, 21], [10, 360, 200, 200]), [30.0, 0.5, -0.1, 2.0]),
        "EE": hits(pack_ee([50, 20], [90, 30], [1, -1]), [8.0, 3.0]),
        "HB": hits(pack_hcal("HB", [15, 15, 3], [7, 7, 71], [1, 2, 1]), [4.0, 2.0, -1.0]),
        "HE": hits(pack_hcal("HE", [-28, -28], [3, 3], [1, 3]), [1.0, 0.25]),
        "HF": hits(pack_hcal("HF", [41], [3], [1]), [20.0]),
    }
    object_tables = {
        "tracks": objects("tracks", TRACKS),
        "photons": objects("photons", [{"pt": 30.0, "eta": 0.1, "phi": 0.0, "energy": 30.2, **ORIGIN}]),
        "jets": objects("jets", [{"pt": 25.0, "eta": -1.0, "phi": 2.0}, {"pt": 60.0, "eta": 1.0, "phi": -2.0}]),
        "taus": objects("taus", [{"pt": 33.0, "eta": 0.4, "phi": 1.5}]),
        "vertices": objects("vertices", [{"x_cm": 0.1, "y_cm": 0.1, "z_cm": 3.0}, {}]),
        "tracker_hits": objects("tracker_hits", [{"layer": 1, "x_cm": 4.0, "y_cm": 0.5, "z_cm": 2.0}]),
        "truth": objects("truth", []),
    }
    number = np.array([7])
    return Events(
        np.array([200_000], np.uint32),
        number.astype(np.uint32),
        np.array([2**60 + 1], np.uint64),
        hit_tables,
        object_tables,
    )


def empty_event() -> Events:
    """Nothing above zero, no collection of objects."""
    one = np.array([1])
    return Events(
        one.astype(np.uint32), one.astype(np.uint32), one.astype(np.uint64), {"EB": hits(pack_eb([1], [1]), [-0.5])}
    )
