"""Events as Phoenix reads them: the JSON format of HSF's event display.

Source: guides/developers/event_data_format.md of HSF/phoenix (commit 9654fb6), and phoenix-objects.ts there where the
guide is silent: event -> object type -> collection -> objects. Lengths are in mm and energies in MeV, for which the
sizes that Phoenix draws are made (0.03 mm of cluster and 0.2 mm of jet for each MeV); angles in radian, `pT` in MeV.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e2e.display.cells import SURFACES, cells_of
from e2e.display.crops import Crop
from e2e.display.objects import POINT, objects_of, polyline
from e2e.display.selection import Shown, identity

MM_PER_CM, MEV_PER_GEV = 10.0, 1000.0
CELL_MM_PER_MEV = 0.03  # Phoenix would draw all cells alike
TRACK_POINTS = 24


def to_phoenix(shown: Sequence[Shown], crops: Sequence[Sequence[Crop]]) -> dict[str, Any]:
    """One entry an event, its key `Run R, LS L, Event E` (with a number behind it where that comes twice).

    Cells of the calorimeters are `CaloCells`, one collection a subdetector; photons and electrons are linked to
    `CaloClusters` of their own; crops are the `CaloClusters` collection `candidates`, with the bundles' answers as
    decoration. A collection that is empty or that the source does not give is left out.
    """
    content: dict[str, Any] = {}
    for one, of_event in zip(shown, crops, strict=True):
        run, block, event = identity(one.events)
        key = name = f"Run {run}, LS {block}, Event {event}"
        number = 2
        while key in content:
            key, number = f"{name} ({number})", number + 1
        content[key] = {
            "run number": run,
            "event number": event,
            "lumiBlock": str(block),
            **_event(one, of_event),
        }
    return content


def _event(one: Shown, crops: Sequence[Crop]) -> dict[str, Any]:
    found = {
        name: objects_of(one.events, 0, name) or {} for name in ("tracks", "jets", "taus", "vertices", "tracker_hits")
    }
    cells = {name: _cells(name, cells_of(one.events, 0, name) or {}) for name in SURFACES}
    clusters = {name: _clusters(objects_of(one.events, 0, name) or {}) for name in ("photons", "electrons")}
    links = {
        name: [{"LinkedClusters": [f"{name}:{i}"], **_kinematics(cluster)} for i, cluster in enumerate(of_kind)]
        for name, of_kind in clusters.items()
    }
    types: dict[str, dict[str, list[Any]]] = {
        "Tracks": {"tracks": _tracks(found["tracks"])},
        "CaloCells": cells,
        "CaloClusters": {**clusters, "candidates": [_candidate(crop) for crop in crops]},
        "Jets": {name: _jets(found[name]) for name in ("jets", "taus")},
        "Hits": {"tracker hits": _points(found["tracker_hits"])},
        "Vertices": {"vertices": [{"x": x, "y": y, "z": z} for x, y, z in _points(found["vertices"])]},
        "Photons": {"photons": links["photons"]},
        "Electrons": {"electrons": links["electrons"]},
    }
    filled = {kind: {name: rows for name, rows in of_kind.items() if rows} for kind, of_kind in types.items()}
    return {kind: of_kind for kind, of_kind in filled.items() if of_kind}


def _tracks(columns: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
    if not columns:
        return []
    line = np.round(polyline(dict(columns), TRACK_POINTS) * MM_PER_CM, 2).tolist()
    charge = np.nan_to_num(columns["charge"]).astype(int).tolist()
    tracks = [
        {"pos": points, "pT": pt * MEV_PER_GEV, "eta": eta, "phi": phi, "charge": q}
        for points, pt, eta, phi, q in zip(line, *_lists(columns, "pt", "eta", "phi"), charge, strict=True)
    ]
    return [track for track, path in zip(tracks, columns["path_cm"], strict=True) if path > 0]


def _cells(name: str, columns: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """Phoenix takes `radius` as the distance from the origin, `z` without its sign, and each alone; there is the middle
    of the box, which it turns across the beam or along it, and makes at least as long as wide."""
    if not columns:
        return []
    surface, eta = SURFACES[name], columns["eta"].astype(np.float64)
    front_cm = surface.radius_cm if surface.z_cm is None else surface.z_cm
    assert front_cm is not None
    rho_cm = front_cm / (1 if surface.z_cm is None else np.sinh(np.abs(eta)))
    side_cm = columns["phi_width"] * rho_cm if surface.width_cm is None else np.full(len(eta), surface.width_cm)
    side = MM_PER_CM * side_cm
    energy = MEV_PER_GEV * columns["energy"].astype(np.float64)
    length = np.maximum(CELL_MM_PER_MEV * energy, side)
    middle = MM_PER_CM * front_cm + length / 2
    place, far = ("radius", middle * np.cosh(eta)) if surface.z_cm is None else ("z", middle)
    sizes = ((values.round(2)).tolist() for values in (side, length, far))
    return [
        {"energy": e, "eta": at_eta, "phi": phi, "side": width, "length": reach, place: distance}
        for e, at_eta, phi, width, reach, distance in zip(
            energy.tolist(), *_lists(columns, "eta", "phi"), *sizes, strict=True
        )
    ]


def _clusters(columns: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """Direction is the object's own; its energy is that of a massless one where the record has no other."""
    if not columns:
        return []
    energy = columns["pt"].astype(np.float64) * np.cosh(columns["eta"].astype(np.float64))
    return [
        {"energy": of_one * MEV_PER_GEV, "eta": eta, "phi": phi, "pT": pt * MEV_PER_GEV}
        for of_one, pt, eta, phi in zip(energy.tolist(), *_lists(columns, "pt", "eta", "phi"), strict=True)
    ]


def _candidate(crop: Crop) -> dict[str, Any]:
    answers = {
        f"{bundle} {output}": value
        for bundle, outputs in crop["answers"].items()
        for output, value in outputs.items()
        if value is not None
    }
    energy = crop["pt"] * float(np.cosh(crop["eta"])) * MEV_PER_GEV
    return {"energy": energy, "eta": crop["eta"], "phi": crop["phi"], "source": crop["source"], **answers}


def _jets(columns: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
    if not columns:
        return []
    rows = zip(*_lists(columns, "pt", "eta", "phi"), strict=True)
    return [{"eta": eta, "phi": phi, "et": pt * MEV_PER_GEV} for pt, eta, phi in rows]


def _points(columns: Mapping[str, NDArray[Any]]) -> list[list[float]]:
    if not columns:
        return []
    place = np.stack([columns[axis].astype(np.float64) for axis in POINT], axis=-1) * MM_PER_CM
    return np.round(place, 3).tolist()


def _kinematics(cluster: Mapping[str, Any]) -> dict[str, Any]:
    return {name: cluster[name] for name in ("energy", "eta", "phi", "pT")}


def _lists(columns: Mapping[str, NDArray[Any]], *names: str) -> list[list[float]]:
    return [columns[name].astype(np.float64).tolist() for name in names]
