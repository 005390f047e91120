"""Frames a second of `e2e display` in a browser that draws in software, every frame from another side.

    python benchmarks/display.py [HITS]

An event of HITS (5,000) calorimeter cells, 500 tracks and 20 jets, drawn by headless Chromium (SwiftShader) in a window
of 1280 x 800. Each frame is waited for. The last line printed is JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from _measuring import Turns, machine
from playwright.sync_api import sync_playwright

from e2e.detector.ecal_cells import NUM_BARREL_CELLS, ecal_cells
from e2e.detector.hcal_cells import HcalReadOut, hcal_cells
from e2e.display.display import display
from e2e.events.record import OBJECT_COLUMNS, Events, Table
from e2e.events.store import write_events

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SOFTWARE = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
TURNS, FRAMES = 7, 40


class Old(HcalReadOut):
    has_new_hcal_ids = False


def busy_event(num_hits: int) -> Events:
    """Half the hits in the barrel of the ECAL, a tenth in its endcaps, the rest in the HCAL; energies fall as in real
    events, with a median of 0.5 GeV."""
    rng = np.random.default_rng(1)
    ecal, hcal = ecal_cells(), hcal_cells(Old())
    first = hcal.depth == 1
    chosen = {
        "EB": rng.choice(ecal.detid[:NUM_BARREL_CELLS], num_hits // 2, replace=False),
        "EE": rng.choice(ecal.detid[NUM_BARREL_CELLS:], num_hits // 10, replace=False),
        "HB": rng.choice(hcal.detid[~hcal.is_endcap & first], num_hits // 5, replace=False),
        "HE": rng.choice(hcal.detid[hcal.is_endcap & first], num_hits // 5, replace=False),
    }
    hits = {}
    for name, detid in chosen.items():
        energy = rng.lognormal(np.log(0.5), 1.1, len(detid)).astype(np.float32)
        columns = {"detid": detid, "energy": energy, "time": np.zeros(len(detid), np.float32)}
        hits[name] = Table.from_counts([len(detid)], columns)
    objects = {}
    for name, count in (("tracks", 500), ("jets", 20)):
        columns = {column: np.zeros(count, np.float32) for column in OBJECT_COLUMNS[name]}
        columns["pt"] = (1 + rng.exponential(30 if name == "jets" else 3, count)).astype(np.float32)
        columns["eta"] = rng.uniform(-2.4, 2.4, count).astype(np.float32)
        columns["phi"] = rng.uniform(-np.pi, np.pi, count).astype(np.float32)
        if "charge" in columns:
            columns["charge"] = rng.choice([-1, 1], count).astype(np.float32)
        objects[name] = Table.from_counts([count], columns)
    one = np.ones(1)
    return Events(one.astype(np.uint32), one.astype(np.uint32), one.astype(np.uint64), hits, objects)


def main(num_hits: int) -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        store, page_file = Path(folder) / "busy.parquet", Path(folder) / "busy.html"
        write_events(store, [busy_event(num_hits)])
        display([store], output=page_file)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(SOFTWARE))
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(page_file.as_uri())
        page.locator("#identity:not(:empty)").wait_for()
        for family in ("ecal", "hcal", "tracks"):
            page.locator(f"#above-{family}").fill("0")  # so that every hit is drawn
        page.wait_for_timeout(500)
        idle = page.evaluate("e2eDisplay.numFrames")
        page.wait_for_timeout(1000)
        idle = page.evaluate("e2eDisplay.numFrames") - idle
        page.evaluate("e2eDisplay.renderFrames(5)")
        measured = [page.evaluate(f"e2eDisplay.renderFrames({FRAMES})") for _ in range(TURNS)]
        browser.close()
    rates = Turns([one["frames"] / one["seconds"] for one in measured])
    result = {
        "frames_per_second": round(rates.median, 1),
        "best": round(max(rates.values), 1),
        "spread": rates.spread,
        "hits": measured[0]["hits"],
        "idle_frames_per_second": idle,
        "renderer": measured[0]["renderer"],
        "machine": machine(),
        "load": os.getloadavg()[0],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
