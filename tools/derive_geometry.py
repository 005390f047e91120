"""Derive the crystal tables of `src/e2e/detector/tables/` from the public CMS event-display geometry.

usage: python tools/derive_geometry.py SHARED_DATA

SHARED_DATA holds `geometry/` (front and back corners of every crystal, metres, from cms-outreach/ispy-webgl, MIT) and
`ig/` (real events, whose rec hits carry the same corners). The barrel repeats every 20 columns (18 supermodules) and
the endcap is its own mirror image in x, y and z, so 3,400 + 1,831 rows describe all 75,848 crystals.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
from pathlib import Path

import numpy as np

from e2e.events.ig import load_event_json, member_names  # the corners are read with the product's own parser

TABLES = Path(__file__).parents[1] / "src/e2e/detector/tables"
RUN2_ALIGNED = "Run2_"  # these files carry run-dependent ECAL alignment; the table is the ideal geometry


def corners(folder: Path) -> dict[int, np.ndarray]:
    """DetId -> (8, 3) corners in cm, front face first, of every crystal that the files show."""
    found: dict[int, np.ndarray] = {}
    for name in ("eb-reduced", "ee"):
        with gzip.open(folder / "geometry" / f"{name}.json.gz") as file:
            for rows in json.load(file)["Collections"].values():
                found.update((row[0], 100.0 * np.array(row[1:9])) for row in rows)
    for path in sorted((folder / "ig").glob("*.ig")):
        if path.name.startswith(RUN2_ALIGNED):
            continue
        for member in member_names(path):
            rows = load_event_json(path, member)["Collections"].get("EBRecHits_V2", [])
            found.update((row[4], 100.0 * np.array(row[5:13])) for row in rows)
    return found


def write(name: str, header: list[str], rows: list[list[str]]) -> None:
    with (TABLES / name).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def wrap(phi: np.ndarray) -> np.ndarray:
    return (phi + np.pi) % (2 * np.pi) - np.pi


def barrel_rows(found: dict[int, np.ndarray]) -> list[list[str]]:
    groups: dict[tuple[int, int], list[np.ndarray]] = {}
    for detid, box in found.items():
        if detid >> 25 != (3 << 3 | 1):
            continue
        ieta = (detid >> 9 & 127) * (1 if detid >> 16 & 1 else -1)
        iphi = detid & 511
        row = []
        for face in (box[:4].mean(0), box[4:].mean(0)):
            rho = np.hypot(face[0], face[1])
            row += [np.arcsinh(face[2] / rho), wrap(np.arctan2(face[1], face[0]) - np.deg2rad(iphi - 10.5)), rho]
        groups.setdefault((ieta, (iphi - 1) % 20), []).append(np.array(row))
    if len(groups) != 170 * 20:
        raise SystemExit(f"only {len(groups)} of 3,400 barrel positions seen")
    spread = max(np.ptp(np.array(rows), axis=0).max() for rows in groups.values())
    print(f"barrel: 18-fold symmetry holds to {spread:.1e} (radian, eta or cm)")
    return [[str(key[0]), str(key[1]), *(f"{v:.6f}" for v in np.mean(groups[key], axis=0))] for key in sorted(groups)]


def endcap_rows(found: dict[int, np.ndarray]) -> list[list[str]]:
    quadrant: dict[tuple[int, int], list[np.ndarray]] = {}
    for detid, box in found.items():
        if detid >> 25 != (3 << 3 | 2):
            continue
        ix, iy, front = detid >> 7 & 127, detid & 127, np.abs(box[:4].mean(0))
        quadrant.setdefault((max(ix, 101 - ix), max(iy, 101 - iy)), []).append(front)
    spread = max(np.ptp(np.array(rows), axis=0).max() for rows in quadrant.values())
    print(f"endcap: {len(quadrant)} positions a quadrant, mirror symmetry holds to {spread:.1e} cm")
    return [[*map(str, key), *(f"{v:.4f}" for v in np.mean(quadrant[key], axis=0))] for key in sorted(quadrant)]


if __name__ == "__main__":
    found = corners(Path(sys.argv[1]))
    face = ["eta_{0}", "phi_offset_{0}", "rho_{0}_cm"]
    header = ["ieta", "column_in_supermodule", *(c.format(s) for s in ("front", "back") for c in face)]
    write("eb.csv", header, barrel_rows(found))
    write("ee.csv", ["ix", "iy", "x_cm", "y_cm", "z_cm"], endcap_rows(found))
