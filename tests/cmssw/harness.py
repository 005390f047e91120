"""The plugins of `cmssw/RecoE2E`, compiled against the imitation of the framework, run over events of the record."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from e2e.cmssw import write_for_cmssw
from e2e.events.reader import read_inputs
from e2e.events.record import Events
from e2e.problems import Problems

ROOT = Path(__file__).parents[2]
CMSSW = ROOT / "cmssw"
TRACK = ("pt", "eta", "phi", "charge", "x_cm", "y_cm", "z_cm", "d0_error_cm", "dz_error_cm", "is_high_purity")
CANDIDATE = TRACK[:7]
BARREL, JETS, LAYERS, GRAPH = "diphoton-mass-nano", "quark-gluon-nano", "ditau-mass", "tau"
BUNDLES = (BARREL, "electron-photon-nano", JETS, LAYERS, GRAPH, "top-mass-nano")
EXCEPTION = 3  # exit status of `run_plugins` for a cms::Exception


def build(folder: Path, *options: str) -> Path:
    """The program `run_plugins`; one at a time, for several processes may test."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _build(folder, *options)


def _build(folder: Path, *options: str) -> Path:
    library = next((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so*"))
    cmake = Path(sys.executable).with_name("cmake")
    command = [str(cmake), "-S", str(CMSSW / "test"), "-B", str(folder), f"-DONNXRUNTIME={library}", *options]
    for each in (command, [str(cmake), "--build", str(folder), "-j2"]):
        done = subprocess.run(each, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder / "run_plugins"


@dataclass(frozen=True)
class Area:
    """What `$CMSSW_BASE/src` is: the packages, and bundles beside them."""

    src: Path
    program: Path

    @classmethod
    def make(cls, folder: Path, program: Path, bundles: Sequence[Path]) -> Area:
        shutil.copytree(CMSSW / "RecoE2E", folder / "src" / "RecoE2E")
        packages = folder / "python" / "RecoE2E"
        packages.mkdir(parents=True)
        (packages / "Inference").symlink_to(folder / "src" / "RecoE2E" / "Inference" / "python")
        for bundle in bundles:
            write_for_cmssw(bundle, folder / "src")
        return cls(folder / "src", program)

    @contextmanager
    def configuration(self) -> Iterator[tuple[Any, Any, Any]]:
        """FWCore.ParameterSet.Config, RecoE2E.Inference.taggers, and a function that gives a bundle's configuration."""
        paths = [str(self.src.parent / "python"), str(CMSSW / "test" / "imitation" / "python")]
        before = set(sys.modules)
        sys.path[:0] = paths
        try:
            from importlib import import_module

            def bundle_of(name: str) -> Any:
                return import_module(f"RecoE2E.Inference.bundles.{name.replace('-', '_')}_cfi")

            yield import_module("FWCore.ParameterSet.Config"), import_module("RecoE2E.Inference.taggers"), bundle_of
        finally:
            for name in set(sys.modules) - before:
                if name.startswith(("RecoE2E", "FWCore")):
                    del sys.modules[name]
            for path in paths:
                sys.path.remove(path)

    def run(
        self, text: str, records: Sequence[Mapping[str, Any]], folder: Path, *options: str
    ) -> tuple[subprocess.CompletedProcess[str], list[dict[str, Any]]]:
        """text: the configuration, of `Config.text`. Returns how it ended, and what each event then held."""
        config, events, output = (folder / name for name in ("config.txt", "events.bin", "output.bin"))
        config.write_text(text)
        events.write_bytes(b"".join(map(_to_bytes, records)))
        environment = {**os.environ, "CMSSW_SEARCH_PATH": str(self.src)}
        command = [str(self.program), str(config), str(events), str(output), *options]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        return done, list(_from_bytes(output.read_bytes())) if done.returncode == 0 else []


def labels_of_record() -> dict[str, Any]:
    """`source` of `addTagger`: collections go by the names that `record_of` gives them."""
    import FWCore.ParameterSet.Config as cms  # noqa: N813

    names = {"ebHits": "eb", "eeHits": "ee", "hbheHits": "hbhe", "tracks": "tracks", "vertices": "vertices"}
    tags = {parameter: cms.InputTag(name) for parameter, name in names.items()}
    return {**tags, "pixelHits": cms.InputTag("pixelHits"), "stripHits": cms.VInputTag("stripHits")}


def read_events(paths: Sequence[Path]) -> Events:
    return Events.concatenate(events for _, events in read_inputs(paths, Problems()))


def records_of(events: Events) -> list[dict[str, Any]]:
    """Every collection is there, an empty one where the record says nothing."""
    return [_record_of(events, event) for event in range(len(events))]


def _record_of(events: Events, event: int) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for name, parts in {"eb": ("EB",), "ee": ("EE",), "hbhe": ("HB", "HE")}.items():
        tables = [events.hits[part].rows_of(event) for part in parts if part in events.hits]
        for column, kind in (("detid", np.uint32), ("energy", np.float32), ("time", np.float32)):
            values = [table[column] for table in tables]
            record[f"{name}.{column}"] = np.concatenate(values) if values else np.zeros(0, kind)
    record["tracks"] = _rows(events, "tracks", TRACK, event)
    record["vertices"] = _rows(events, "vertices", ("x_cm", "y_cm", "z_cm"), event)
    record["tracker_hits"] = _rows(events, "tracker_hits", ("layer", "x_cm", "y_cm", "z_cm"), event)
    for name in ("photons", "electrons", "jets"):
        record[f"candidates.{name}"] = np.nan_to_num(_rows(events, name, CANDIDATE, event))
    return record


def _rows(events: Events, name: str, columns: Sequence[str], event: int) -> Any:
    """(rows, columns) float32; NaN where the record has no such column, and 0 for an unknown charge."""
    if name not in events.objects:
        return np.zeros((0, len(columns)), np.float32)
    table = events.objects[name].rows_of(event)
    length = len(next(iter(table.values())))
    rows = [table[column] if column in table else np.full(length, np.nan) for column in columns]
    if "charge" in columns:
        rows[columns.index("charge")] = np.nan_to_num(rows[columns.index("charge")])
    return np.stack(rows, axis=1).astype(np.float32)


def _to_bytes(record: Mapping[str, Any]) -> bytes:
    parts = [b"event\n"]
    for name, values in record.items():
        array = np.ascontiguousarray(values)
        parts += [f"{name} {array.dtype.name} {array.size}\n".encode(), array.tobytes(), b"\n"]
    return b"".join(parts)


def _from_bytes(content: bytes) -> Iterator[dict[str, Any]]:
    record: dict[str, Any] | None = None
    position = 0
    while position < len(content):
        end = content.index(b"\n", position)
        name, *about = content[position:end].decode().split()
        position = end + 1
        if name == "event":
            if record is not None:
                yield record
            record = {}
            continue
        kind, count = np.dtype(about[0]), int(about[1])
        assert record is not None
        record[name] = np.frombuffer(content, kind, count, position)
        position += count * kind.itemsize + 1
    if record is not None:
        yield record
