"""Small .ig files and events, written by the tests that read them."""

from __future__ import annotations

import copy
import json
import zipfile
from pathlib import Path
from typing import Any

from e2e.detector.detid import pack_eb, pack_hcal

HIT_FIELDS = ["energy", "eta", "phi", "time", "detid"]
PHOTON_FIELDS = ["energy", "et", "eta", "phi", "pos", "maxEnergyXtal", "e3x3", "e5x5", "sigmaIetaIeta"]
FIELDS = {
    "Event_V2": ["run", "event", "ls", "orbit"],
    "EBRecHits_V2": HIT_FIELDS,
    "HBRecHits_V2": HIT_FIELDS,
    "Tracks_V3": ["pos", "dir", "pt", "phi", "eta", "charge", "chi2"],
    "PFJets_V1": ["et", "eta", "theta", "phi"],
    "PFTaus_V1": ["eta", "phi", "pt", "charge"],
    "Photons_V1": PHOTON_FIELDS,
    "GsfElectrons_V2": ["pt", "eta", "phi", "charge", "pos"],
    "Vertices_V1": ["isValid", "isFake", "pos", "xError", "chi2", "ndof"],
}
CRYSTALS = [int(pack_eb(10, iphi)) for iphi in (1, 2, 3, 360)]
TOWER = int(pack_hcal("HB", 3, 7, 1, new_format=False))


def event(number: int = 1) -> dict[str, Any]:
    """Four EB hits, one HB hit, one object of each kind; what the tests then spoil."""
    rows = {
        "Event_V2": [[7, number, 42, 1]],
        "EBRecHits_V2": [[1.0 + i, 0.17, 0.1, 0.5, detid] for i, detid in enumerate(CRYSTALS)],
        "HBRecHits_V2": [[2.5, 0.2175, 0.567232, 1.5, TOWER]],
        "Tracks_V3": [[[0.01, 0.02, 0.03], [1.0, 0.0, 0.0], 3.0, 0.25, -0.5, -1, 9.0]],
        "PFJets_V1": [[40.0, 0.5, 1.0, -2.0]],
        "PFTaus_V1": [[0.25, -1.5, 30.0, 1]],
        "Photons_V1": [[12.0, 11.0, 0.4, 0.3, [0.001, 0.0, -0.05], 5.0, 8.0, 9.0, 0.01]],
        "GsfElectrons_V2": [[20.0, 1.1, 2.2, 1, [0.0, 0.0, 0.01]]],
        "Vertices_V1": [[1, 0, [0.001, 0.002, 0.03], 0.1, 30.0, 25.0], [1, 1, [0.0, 0.0, 0.0], 0.1, 0.0, 0.0]],
    }
    return {"Types": types(FIELDS), "Collections": rows, "Associations": {}}


def types(fields: dict[str, list[str]]) -> dict[str, list[list[str]]]:
    return {name: [[field, "double"] for field in names] for name, names in fields.items()}


def hits(data: dict[str, Any]) -> list[Any]:
    return data["Collections"]["EBRecHits_V2"]


def as_json(data: Any) -> bytes:
    return json.dumps(data).encode()


def as_python(data: Any) -> bytes:
    """The older dialect: parentheses, single quotes, nan."""
    text = as_json(data).decode()
    for json_token, python_token in {"[": "(", "]": ")", '"': "'", "NaN": "nan", "null": "None"}.items():
        text = text.replace(json_token, python_token)
    return text.encode()


def write_ig(path: Path, *events: Any, spell: Any = as_json, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """events: data of each event, or its bytes as they are; members are numbered from 1, all of run 7."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("Header", "{}")
        for number, data in enumerate(events, 1):
            text = data if isinstance(data, bytes) else spell(copy.deepcopy(data))
            archive.writestr(zipfile.ZipInfo(f"Events/Run_7/Event_{number}"), text, compression)
    return path
