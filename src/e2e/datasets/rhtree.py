"""MLAnalyzer's ntuples, the tree `fevt/RHTree`: whole-detector images of an event as flat vectors, and its jets.

Sources: RecHitAnalyzer of mbandrews/MLAnalyzer, rchudasa/MLAnalyzer and rchudasa/MLAnalyzerRun3. ROOT's baskets have no
checksums: a flipped bit may pass as another number. d0 and dz there are sums or means of the tracks in a pixel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e2e.contract import GRIDS, TRACKER_LAYERS
from e2e.contract.grids import ENDCAP_ROWS, HCAL_UPSAMPLING
from e2e.datasets.candidate_set import CandidateSet
from e2e.datasets.images import slices
from e2e.datasets.labels import complete_labels
from e2e.datasets.names import KNOWN_AS, first_of
from e2e.datasets.source import Layout, Options, window_of
from e2e.frames import Candidates, ChannelFrames, Seeds, native
from e2e.frames.places import jet_window_is_inside
from e2e.problems import InputError, Problems
from e2e.tasks import TASKS

BATCH_EVENTS = 8  # 40 MB of images with 13 channels

_MAGIC = b"root"
_TREES = ("fevt/RHTree", "RHTree")
_STITCHED, _HCAL = GRIDS["stitched"], GRIDS["hcal"]

# Where a channel is found; the first name that the tree has.
_BRANCHES: dict[str, tuple[str, ...]] = {
    "ecal_energy": ("ECAL_energy",),
    "hcal_energy": ("HBHE_energy",),
    "track_pt": ("ECAL_tracksPt_atECALfixIP", "ECAL_tracksPt"),
    "track_d0": ("ECAL_tracksD0_atECALfixIP", "ECAL_tracksD0", "ECAL_tracksd0_PV"),
    "track_dz": ("ECAL_tracksDz_atECALfixIP", "ECAL_tracksDz", "ECAL_tracksz0_PV"),
    "track_d0_significance": ("ECAL_tracksD0Sig_atECALfixIP", "ECAL_tracksD0Sig", "ECAL_tracksd0sig_PV"),
    "track_dz_significance": ("ECAL_tracksDzSig_atECALfixIP", "ECAL_tracksDzSig", "ECAL_tracksz0sig_PV"),
    **{
        name: (f"{name[:-1].upper()}_layer{name[-1]}_ECAL_atPV", f"{name[:-1].upper()}_layer{name[-1]}_ECAL")
        for name in TRACKER_LAYERS
    },
}
# The branch with a task's target, one number for each jet.
_TARGETS = {"quark-gluon": "jetIsQuark", "ditau-mass": "a_m", "tau": "jet_IsTau"}
_SEEDS = ("jetSeed_ieta", "jetSeed_iphi")


class RhTree:
    name = "MLAnalyzer ntuple (RHTree)"

    def recognises(self, path: Path) -> bool:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                return False
        try:
            with _tree(path):
                return True
        except InputError:
            return False

    def layout(self, path: Path, options: Options) -> Layout:
        if options.channels:
            raise InputError(path, "an ntuple, whose images have names", "leave out --channels")
        with _tree(path) as tree:
            task = options.task or next((task for task, name in _TARGETS.items() if name in tree), None)
            if task is None:
                raise InputError(path, "its jets have no truth that names a task", "say --task")
            frame = TASKS[task].frame
            if frame.grid != "stitched":
                what = f"images of the stitched grid, {task} takes {window_of(frame)}"
                raise InputError(path, what, "choose another task")
            missing = [_BRANCHES.get(name, (name,))[0] for name in frame.channels if _branch(tree, name) is None]
            missing += [name for name in _SEEDS if name not in tree]
            if missing:
                raise InputError(path, f"no branch {', '.join(missing)} for {task}", "choose another task")
            return Layout(frame, task)

    def count(self, path: Path) -> int:
        with _tree(path) as tree:
            return int(tree.num_entries)

    def read(
        self, path: Path, start: int, stop: int, layout: Layout, options: Options, problems: Problems
    ) -> Iterator[CandidateSet]:
        for low, high in slices(start, stop, BATCH_EVENTS):
            with _tree(path) as tree:
                is_good = np.ones(high - low, dtype=bool)
                frames = []
                for name in layout.frame.channels:
                    found, is_finite = _frames(path, tree, name, low, high, options)
                    _report(path, low, name, is_finite, problems)
                    frames.append(found)
                    is_good &= is_finite
                counts, jets = _jets(tree, low, high)
                numbers = {
                    ours: tree[name].array(entry_start=low, entry_stop=high, library="np")
                    for ours, name in (("run", "runId"), ("luminosity_block", "lumiId"), ("event", "eventId"))
                    if name in tree
                }
            yield _candidates(path, low, frames, is_good, counts, jets, numbers, layout)


@contextmanager
def _tree(path: Path) -> Iterator[Any]:
    """The tree; what uproot raises on damaged bytes, which can be anything, becomes an InputError."""
    import uproot

    try:
        with uproot.open(path) as file:
            name = next((name for name in _TREES if name in file), None)
            if name is None:
                raise InputError(path, f"no tree {_TREES[0]}", "give an ntuple of MLAnalyzer")
            yield file[name]
    except (InputError, GeneratorExit, KeyboardInterrupt):
        raise
    except Exception as error:
        what = f"truncated or damaged ROOT file ({type(error).__name__}: {error})"
        raise InputError(path, what, "fetch or make the file again") from None


def _report(path: Path, first: int, channel: str, is_finite: NDArray[np.bool_], problems: Problems) -> None:
    bad = np.flatnonzero(~is_finite)
    if len(bad):
        others = f" ({len(bad) - 1} more like it)" if len(bad) > 1 else ""
        where, what = f"{path}: event {first + bad[0]}", f"{channel} is not finite{others}"
        problems.report(where, what, "its jets are left out")


def _branch(tree: Any, channel: str) -> str | None:
    return first_of(_BRANCHES.get(channel, ()), tree)


def _vectors(tree: Any, name: str, low: int, high: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Lengths of the vectors of entries `low` to `high`, and all their numbers."""
    import awkward

    array = tree[name].array(entry_start=low, entry_stop=high)
    lengths = awkward.to_numpy(awkward.num(array, axis=1))
    return lengths.astype(np.int64), np.asarray(awkward.to_numpy(awkward.flatten(array, axis=1)))


def _frames(
    path: Path, tree: Any, channel: str, low: int, high: int, options: Options
) -> tuple[ChannelFrames, NDArray[np.bool_]]:
    """Whole frames of a channel on the stitched grid, each HCAL tower shared by its 25 pixels; which are finite."""
    name, is_hcal = str(_branch(tree, channel)), channel == "hcal_energy"
    grid = _HCAL if is_hcal else _STITCHED
    lengths, values = _vectors(tree, name, low, high)
    if np.any(lengths != grid.rows * grid.columns):
        what = f"{name} of {lengths[0]} numbers, not {grid.rows} x {grid.columns}"
        raise InputError(path, what, "give an ntuple with whole-detector images")
    images = values.astype(np.float32).reshape(-1, grid.rows, grid.columns)
    if is_hcal:  # its columns lie on the ECAL's phi axis already
        images = images / np.float32(HCAL_UPSAMPLING**2) * np.float32(options.hcal_factor)
        images = images.repeat(HCAL_UPSAMPLING, axis=1).repeat(HCAL_UPSAMPLING, axis=2)
    elif channel == "ecal_energy":
        images[:, :ENDCAP_ROWS] *= np.float32(options.endcap_factor)
        images[:, -ENDCAP_ROWS:] *= np.float32(options.endcap_factor)
    flat = images.reshape(len(images), -1)
    is_finite: NDArray[np.bool_] = np.all(np.isfinite(flat), axis=1)
    flat[~is_finite] = 0
    event, pixel = np.nonzero(flat)
    offsets = np.concatenate(([0], np.cumsum(np.bincount(event, minlength=len(flat)))))
    return ChannelFrames(_STITCHED, offsets, pixel.astype(np.int32), flat[event, pixel]), is_finite


def _jets(tree: Any, low: int, high: int) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
    """Jets of each event, and the columns that have a number for each of them."""
    counts, ieta = _vectors(tree, _SEEDS[0], low, high)
    columns = {"ieta": ieta, "iphi": _vectors(tree, _SEEDS[1], low, high)[1]}
    wanted = {**{ours: first_of(names, tree) for ours, names in KNOWN_AS.items()}, **{t: t for t in _TARGETS.values()}}
    for ours, name in wanted.items():
        if name is not None and name in tree:
            lengths, values = _vectors(tree, name, low, high)
            if np.array_equal(lengths, counts):  # another collection of the event otherwise
                columns[ours] = values
    return counts, columns


def _candidates(
    path: Path,
    first: int,
    frames: Sequence[ChannelFrames],
    is_good: NDArray[np.bool_],
    counts: NDArray[np.int64],
    jets: dict[str, NDArray[Any]],
    numbers: dict[str, NDArray[Any]],
    layout: Layout,
) -> CandidateSet:
    event = np.repeat(np.arange(len(counts)), counts)
    middle = HCAL_UPSAMPLING // 2
    row, column = (HCAL_UPSAMPLING * jets[name].astype(np.int64) + middle for name in ("ieta", "iphi"))
    seeds = Seeds.from_columns(event, row, column, np.zeros(len(event)))
    is_inside = jet_window_is_inside(seeds.row, layout.frame) & (column >= 0) & (column < _STITCHED.columns)
    is_inside &= is_good[event]
    labels: dict[str, Any] = {ours: jets[ours][is_inside] for ours in KNOWN_AS if ours in jets}
    labels |= {name: values[event[is_inside]] for name, values in numbers.items()}
    labels.setdefault("event", (first + event)[is_inside])
    labels["number"] = (np.arange(len(event)) - np.searchsorted(event, event))[is_inside]
    target = _TARGETS.get(str(layout.task))
    if target in jets:
        labels["target"] = jets[str(target)][is_inside]
    chosen = seeds.select(is_inside)
    candidates: Candidates = native.cut_candidates(frames, layout.frame, chosen)
    provenance = [{"reader": "rhtree", "input": path.name}]
    return CandidateSet(candidates, complete_labels(len(chosen), labels), provenance)
