"""Dense images of the public data sets -> candidates; what their Parquet and HDF5 files share.

Images are kept as they are: what is not 0 becomes a pixel, negative energies included, so that dense -> sparse -> dense
is equal to the bit (-0.0 becomes 0). Sources: converters of mbandrews/MLAnalyzer, rchudasa/MLAnalyzer and
bhbam/conversion_plot_script; readers of ML4SCI/E2E for the public sets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from e2e.contract import CHANNELS, CROP_SIZE, GRIDS, JET_CROP_SIZE, FrameSpec
from e2e.contract.grids import ENDCAP_ROWS, HCAL_UPSAMPLING
from e2e.datasets.candidate_set import CandidateSet
from e2e.datasets.image_metadata import Said
from e2e.datasets.labels import complete_labels
from e2e.datasets.names import KNOWN_AS, MASSES, first_of
from e2e.datasets.source import Layout, Options, is_same_window, window_of
from e2e.frames import Candidates, Seeds
from e2e.problems import InputError, Problems
from e2e.tasks import DITAU_MASS, TASKS
from e2e.tasks.task import jet_frame

IMAGE_COLUMNS = ("X_jets", "X_jet", "all_jet", "jet", "X")
BATCH_BYTES = 64 << 20  # of dense images held at once

Columns = Mapping[str, NDArray[Any]]

_LABEL = ("y", "Y")
SCALARS = (*chain.from_iterable(KNOWN_AS.values()), *_LABEL, "ieta", "iphi", "ae", "adR")

_TOP = ("track_pt", "track_d0", "track_dz", "ecal_energy", "hcal_energy", "bpix1", "bpix2", "bpix3")
_TOP_GUN = ("track_pt", "track_dz", "track_d0", *_TOP[3:])


class DataSet(NamedTuple):
    """A public data set: how its images are made, and the task they are for. has: one of these columns is there."""

    size: int  # rows and columns of an image
    channels: tuple[str, ...]
    has: tuple[str, ...]
    task: str


DATA_SETS = (
    DataSet(JET_CROP_SIZE, ("track_pt", "ecal_energy", "hcal_energy"), _LABEL, "quark-gluon"),
    DataSet(JET_CROP_SIZE, _TOP, _LABEL, "top"),
    DataSet(JET_CROP_SIZE, _TOP_GUN, MASSES, "top-mass"),
    DataSet(JET_CROP_SIZE, _TOP, (), "top"),
    DataSet(JET_CROP_SIZE, DITAU_MASS.frame.channels, MASSES, "ditau-mass"),
    DataSet(JET_CROP_SIZE, DITAU_MASS.frame.channels, _LABEL, "tau"),
    DataSet(CROP_SIZE, ("ecal_energy", "ecal_time"), _LABEL, "electron-photon"),
    DataSet(CROP_SIZE, ("ecal_energy",), _LABEL, "electron-photon"),  # ours, exported
    DataSet(CROP_SIZE, ("ecal_energy",), MASSES, "diphoton-mass"),
)


class Shape(NamedTuple):
    """Of one image in a file. is_flat: a single list, channels last."""

    channels: int
    size: int
    is_channels_last: bool

    @classmethod
    def of(cls, path: Path, lengths: Sequence[int]) -> Shape:
        """lengths: of the axes of one image. Raises InputError for what is no image of ours."""
        if len(lengths) == 3 and lengths[1] == lengths[2]:
            return cls(lengths[0], lengths[1], False)
        if len(lengths) == 3 and lengths[0] == lengths[1]:
            return cls(lengths[2], lengths[0], True)
        values = int(np.prod(lengths))
        if max(lengths, default=0) == values and values % JET_CROP_SIZE**2 == 0 and values:
            return cls(values // JET_CROP_SIZE**2, JET_CROP_SIZE, True)  # boosted tops: a flat list, channels last
        shape = " x ".join(map(str, lengths))
        raise InputError(path, f"images of {shape}", "give images of channels and as many rows as columns")

    def channels_first(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """values: (candidates, anything) -> (candidates, channels, rows, columns), float32."""
        with np.errstate(over="ignore"):
            single = values.astype(np.float32, copy=False)
        if self.is_channels_last:
            return np.moveaxis(single.reshape(-1, self.size, self.size, self.channels), 3, 1)
        return single.reshape(-1, self.channels, self.size, self.size)


def image_layout(path: Path, shape: Shape, names: Sequence[str], options: Options, said: Said | None) -> Layout:
    """What the images of a file show. names: of its columns. said: by the file itself, which goes before what we know
    of public data sets. Raises InputError where their order is not known, or the options say otherwise than the file.
    """
    if shape.size not in (JET_CROP_SIZE, CROP_SIZE):
        remedy = f"known are {JET_CROP_SIZE} (jets) and {CROP_SIZE} (photons)"
        raise InputError(path, f"images of {shape.size} x {shape.size}", remedy)
    fitting = (s for s in DATA_SETS if (s.size, len(s.channels)) == (shape.size, shape.channels))
    known = next((s for s in fitting if not s.has or set(s.has) & set(names)), None)
    if said is not None:
        _check_said(path, said, options)
        known = DataSet(shape.size, said.channels, (), said.task or "")
    channels = tuple(options.channels or (known.channels if known else ()))
    if not channels:
        what = f"images of {shape.channels} channels in an order that is not known"
        raise InputError(path, what, f"give --channels NAME,NAME,...; names: {', '.join(CHANNELS)}")
    if len(channels) != shape.channels:
        raise InputError(path, f"images of {shape.channels} channels, not {len(channels)}", "name each of them once")
    try:
        frame = jet_frame(*channels) if shape.size == JET_CROP_SIZE else FrameSpec(channels=channels)
    except ValueError as error:
        raise InputError(path, str(error), "give --channels NAME,NAME,...") from None
    if options.endcap_factor != 1 and not {"ieta", "iphi"} <= set(names):
        what = "images without ieta and iphi, so that their endcaps are not known"
        raise InputError(path, what, "leave out the endcap factor")
    task = options.task or (known.task if known else "") or None
    if task is not None and not is_same_window(TASKS[task].frame, frame):
        what = f"images are {window_of(frame)}, {task} takes {window_of(TASKS[task].frame)}"
        raise InputError(path, what, "choose another task")
    return Layout(frame, task)


def _check_said(path: Path, said: Said, options: Options) -> None:
    """Raises InputError where the options contradict the file."""
    if options.channels not in (None, said.channels):
        raise InputError(path, f"says that its channels are {', '.join(said.channels)}", "leave out --channels")
    if said.task is not None and options.task not in (None, said.task):
        raise InputError(path, f"says that it holds {said.task}, not {options.task}", "choose another task")


def batch_size(shape: Shape) -> int:
    """Images to read at once."""
    return max(1, BATCH_BYTES // (4 * shape.channels * shape.size**2))


def to_candidates(
    path: Path,
    first: int,
    images: NDArray[np.float32],
    scalars: Columns,
    layout: Layout,
    options: Options,
    problems: Problems,
) -> CandidateSet:
    """Candidates of images (candidates, channels, rows, columns) that begin at row `first` of the file.

    scalars: columns of (candidates,) by the file's names. Images with a value that is not finite are left out.
    """
    spec, count = layout.frame, len(images)
    seeds = _seeds(scalars, count, spec)
    if options.endcap_factor != 1 and np.any(seeds.row < 0):
        what = f"image {first + int(np.argmax(seeds.row < 0))} has no ieta and iphi, so that its endcaps are not known"
        raise InputError(path, what, "leave out the endcap factor")
    images = _rescaled(images, seeds, spec, options)
    with np.errstate(invalid="ignore"):
        is_bad = ~np.isfinite(images)
    is_good = np.logical_not(is_bad.any(axis=(1, 2, 3)))
    _report(path, first, is_bad, is_good, spec, problems)
    labels: dict[str, Any] = {
        ours: scalars[name] for ours, names in KNOWN_AS.items() if (name := first_of(names, scalars)) is not None
    }
    labels["event"] = np.arange(first, first + count, dtype=np.uint64)
    labels["target"] = _target(scalars, layout.task, count)
    complete = {name: column[is_good] for name, column in complete_labels(count, labels).items()}
    pixels = Candidates.from_dense(spec, images[is_good], seeds.select(is_good))
    return CandidateSet(pixels, complete, [{"reader": "images", "input": path.name}])


def _target(scalars: Columns, task: str | None, count: int) -> NDArray[Any]:
    """The label of a task that gives a probability, the mass of one that gives a quantity; NaN where there is none."""
    is_quantity = task is not None and TASKS[task].output.kind == "quantity"
    name = first_of(MASSES if is_quantity else _LABEL, scalars)
    return np.full(count, np.nan) if name is None else scalars[name]


def _seeds(scalars: Columns, count: int, spec: FrameSpec) -> Seeds:
    """ieta, iphi: HCAL towers of the stitched grid, counted from 0 on its axes; in files that know `ae` or `adR` the
    pixels themselves (crovellac/MLAnalyzer_run3). -1 where there is none."""
    if not {"ieta", "iphi"} <= scalars.keys():
        unknown = -np.ones(count)
        return Seeds.from_columns(np.arange(count), unknown, unknown, np.zeros(count))
    is_pixel = bool({"ae", "adR"} & scalars.keys()) or spec.grid == "barrel"
    is_known = np.isfinite(scalars["ieta"]) & np.isfinite(scalars["iphi"])
    towers = (np.where(is_known, scalars[name], 0).astype(np.int64) for name in ("ieta", "iphi"))
    middle = HCAL_UPSAMPLING // 2
    pixels = (tower if is_pixel else HCAL_UPSAMPLING * tower + middle for tower in towers)
    row, column = (np.where(is_known, pixel, -1) for pixel in pixels)
    return Seeds.from_columns(np.arange(count), row, column, np.zeros(count))


def _rescaled(images: NDArray[np.float32], seeds: Seeds, spec: FrameSpec, options: Options) -> NDArray[np.float32]:
    """With the factors of the options; the images themselves where both are 1."""
    factor = np.ones((len(images), len(spec.channels), spec.rows, 1), dtype=np.float32)
    if options.hcal_factor != 1 and "hcal_energy" in spec.channels:
        factor[:, spec.channels.index("hcal_energy")] *= np.float32(options.hcal_factor)
    if options.endcap_factor != 1 and spec.grid == "stitched" and "ecal_energy" in spec.channels:
        row = seeds.row[:, np.newaxis] - spec.centre_row + np.arange(spec.rows)
        is_endcap = (row < ENDCAP_ROWS) | (row >= GRIDS["stitched"].rows - ENDCAP_ROWS)
        ecal = spec.channels.index("ecal_energy")
        factor[:, ecal, :, 0] *= np.where(is_endcap, np.float32(options.endcap_factor), np.float32(1))
    return images if np.all(factor == 1) else images * factor


def _report(
    path: Path, first: int, is_bad: NDArray[np.bool_], is_good: NDArray[np.bool_], spec: FrameSpec, problems: Problems
) -> None:
    bad = np.flatnonzero(~is_good)
    if len(bad):
        channel = spec.channels[int(np.argmax(is_bad[bad[0]].any(axis=(1, 2))))]
        others = f" ({len(bad) - 1} more like it)" if len(bad) > 1 else ""
        where, what = f"{path}: image {first + bad[0]}", f"{channel} is not finite{others}"
        problems.report(where, what, "left out")


def slices(start: int, stop: int, size: int) -> Iterator[tuple[int, int]]:
    """Bounds of pieces of at most `size`, which begin at multiples of it."""
    while start < stop:
        end = min(stop, (start // size + 1) * size)
        yield start, end
        start = end
