"""Milliseconds an event of the CMSSW plugins, module by module, in the test harness (no CMSSW): one thread, all small
taggers, about 2 jets and 4 photons an event, pile-up 20; and the memory of another stream: what is its own, what is in
use for it once all have worked (scratch is made for as many events as meet in a module), and what it adds to the most
that the job takes, networks at work and what the allocator keeps included.

    python benchmarks/cmssw.py
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _measuring import Turns, machine

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "cmssw"))

import harness  # noqa: E402

from e2e.events.record import Events, Table  # noqa: E402
from e2e.simulation.simulate import simulate  # noqa: E402

TAGGERS = {  # bundle -> collection
    "electron-photon-nano": "photons",
    "diphoton-mass-nano": "photons",
    "quark-gluon-nano": "jets",
    "top-mass-nano": "jets",
}
NUM_EVENTS, JETS, PHOTONS, REPEAT, TURNS, EXTRA_STREAMS = 100, 2, 4, 3, 7, 8


def events() -> Events:
    """Jets of quarks and gluons with pile-up; photons are put where the barrel has its highest crystals."""
    from e2e.detector.geometry import barrel_position
    from e2e.detector.grids import barrel_crystal
    from e2e.frames import native

    with tempfile.TemporaryDirectory() as folder:
        path = simulate("quark-gluon", Path(folder) / "events", num_events=NUM_EVENTS, seed=77, pileup=20.0)
        found = harness.read_events([path])
    jets = found.objects["jets"]
    index = np.arange(len(jets)) - jets.offsets[jets.event_index]
    objects = {**found.objects, "jets": jets.select(index < JETS)}
    seeds = native.isolated_seeds(found.hits["EB"], 0.5, 15)
    order = np.arange(len(seeds)) - np.searchsorted(seeds.event_index, seeds.event_index)
    seeds = seeds.select(order < PHOTONS)
    eta, phi = barrel_position(*barrel_crystal(seeds.row, seeds.column))
    columns = {"pt": seeds.energy, "eta": eta.astype(np.float32), "phi": phi.astype(np.float32)}
    nothing = {axis: np.zeros(len(seeds), np.float32) for axis in ("x_cm", "y_cm", "z_cm")}
    counts = np.bincount(seeds.event_index, minlength=len(found))
    return replace(found, objects={**objects, "photons": Table.from_counts(counts, columns | nothing)})


def main() -> None:
    program = harness.build(ROOT / "build" / "cmssw")
    found = events()
    records = harness.records_of(found)
    with tempfile.TemporaryDirectory() as folder:
        area = harness.Area.make(Path(folder) / "area", program, [ROOT / "zoo" / name for name in TAGGERS])
        with area.configuration() as (cms, taggers, bundle_of):
            process = cms.Process("HLT")
            labels: list[str] = []
            for name, collection in TAGGERS.items():
                source = harness.labels_of_record()
                labels += taggers.addTagger(process, bundle_of(name).bundle, collection, source=source)
            labels = list(dict.fromkeys(labels))
            text = cms.text(process, labels)
        run = [area.run(text, records, Path(folder), "--repeat", str(REPEAT))[0] for _ in range(TURNS)]
        taken = [json.loads(done.stdout.splitlines()[-1]) for done in run]
        memory = {
            (streams, count): _memory(area, text, records[:count], Path(folder), streams)
            for streams in (1, 1 + EXTRA_STREAMS)
            for count in (1, NUM_EVENTS)
        }

    def of_another(what: int, count: int) -> float:
        many, one = memory[1 + EXTRA_STREAMS, count][what], memory[1, count][what]
        return round((many - one) / EXTRA_STREAMS / 1e6, 3)

    of_event = {label: [1e3 * one[label] / (REPEAT * NUM_EVENTS) for one in taken] for label in labels}
    whole = Turns([sum(times) for times in zip(*of_event.values(), strict=True)])
    counts = {name: len(found.objects[name]) / NUM_EVENTS for name in ("jets", "photons")}
    result: dict[str, Any] = {
        "milliseconds_per_event": round(whole.median, 3),
        "spread": whole.spread,
        "per_module": {label: round(statistics.median(times), 3) for label, times in of_event.items()},
        "of_an_event": counts,
        "megabytes_per_extra_stream": {
            "its own": of_another(0, count=1),  # the event is another stream's
            "in use": of_another(0, NUM_EVENTS),
            "at most": of_another(1, NUM_EVENTS),
        },
        "megabytes_of_the_job": round(memory[1, NUM_EVENTS][1] / 1e6, 1),
        "machine": machine(),
    }
    print(json.dumps(result))


def _memory(area: harness.Area, text: str, records: Any, folder: Path, streams: int) -> tuple[float, float]:
    """Bytes that are in use at the end, and the most that the program took: medians of three runs, for streams meet by
    chance."""
    script = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    area.run(text, records, folder, "--streams", str(streams))  # writes what the next line reads
    command = [str(area.program), *(str(folder / name) for name in ("config.txt", "events.bin", "output.bin"))]
    command += ["--streams", str(streams), "--memory", "1"]
    environment = {"CMSSW_SEARCH_PATH": str(area.src)}
    run = [sys.executable, "-c", script, *command]
    done = [subprocess.run(run, capture_output=True, text=True, check=True, env=environment) for _ in range(3)]
    held, most = zip(*(map(int, one.stdout.split()) for one in done), strict=True)
    return statistics.median(held), statistics.median(most) * 1024


if __name__ == "__main__":
    main()
