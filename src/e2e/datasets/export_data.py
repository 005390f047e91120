"""Candidates -> dense images in the Parquet and HDF5 layouts of ML4SCI and MLAnalyzer, for programs that want those."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from e2e.contract import FrameSpec
from e2e.contract.grids import HCAL_UPSAMPLING
from e2e.datasets.candidate_set import CandidateSet
from e2e.datasets.image_metadata import KEY, write_said
from e2e.datasets.look import common_layout, look, raise_first, with_entries
from e2e.datasets.source import Layout, Options
from e2e.files import replacing, writing
from e2e.problems import InputError, Problems
from e2e.tasks import TASKS

BATCH = 64  # candidates made dense at once: 50 MB of the largest jets
HDF5_CHUNK = 32  # images, as MLAnalyzer writes them

Columns = dict[str, NDArray[Any]]
Write = Callable[[Columns], None]


def export_data(
    inputs: Sequence[Path],
    output: Path,
    *,
    task: str | None = None,
    progress: Callable[[int, int], Any] = lambda done, total: None,
) -> int:
    """Write the candidates of files or folders of any format into one file of dense images; returns how many.

    output: `.parquet`: nested lists `X_jets` (channels, rows, columns), a row group for each candidate; `.h5` or
    `.hdf5`: `X_jets` (candidates, rows, columns, channels) for jets, `X` for crops of the barrel, `all_jet`
    (candidates, channels, rows, columns) for tasks that give a quantity. Beside it `y` (1: signal) or `am` (the
    quantity) and `apt`; `pt`, `m0` (measured mass), and for jets `iphi`, `ieta` (of the seed's HCAL tower; NaN: not
    known). The file says its task and channels, see `image_metadata`.
    Raises InputError for an input that cannot be read in whole, another ending, or an output that cannot be written.
    """
    options, problems = Options(task), Problems()
    some = with_entries(look(inputs, options, problems), problems)
    raise_first(problems)
    layout, total = common_layout(some), sum(item.entries for item in some)
    opened = _opener(output)
    done = written = 0
    with replacing(output) as hidden, opened(hidden, output, layout) as write:
        for item in some:
            assert item.source is not None
            for candidates in item.source.read(item.path, 0, item.entries, layout, options, problems):
                for start in range(0, len(candidates), BATCH):
                    part = candidates.select(slice(start, start + BATCH))
                    write(dense_columns(part, layout.task))
                    written += len(part)
            if worst := next((problem for problem in problems if problem.severity == "error"), None):
                raise InputError(worst.where, worst.what, "convert first, which leaves it out")
            done += item.entries
            progress(done, total)
    return written


def dense_columns(candidates: CandidateSet, task: str | None) -> Columns:
    """`image` (candidates, channels, rows, columns) float32, and the scalar columns beside it."""
    pixels = candidates.candidates.load()
    columns: Columns = {"image": pixels.to_dense()}
    if task is not None and TASKS[task].output.kind == "quantity":
        columns |= {"am": candidates.target, "apt": candidates.labels["truth.pt"]}
    else:
        columns["y"] = candidates.target
    columns |= {"pt": candidates.pt, "m0": candidates.labels["mass"]}
    if pixels.spec.grid == "stitched":
        is_known = (pixels.seeds.row >= 0) & (pixels.seeds.column >= 0)
        for name, place in (("iphi", pixels.seeds.column), ("ieta", pixels.seeds.row)):
            columns[name] = np.where(is_known, place // HCAL_UPSAMPLING, np.nan).astype(np.float32)
    return columns


def _opener(output: Path) -> Callable[[Path, Path, Layout], AbstractContextManager[Write]]:
    if output.suffix == ".parquet":
        return _parquet
    if output.suffix in (".h5", ".hdf5"):
        return _hdf5
    raise InputError(output, f"no format for the ending {output.suffix!r}", "give .parquet, .h5 or .hdf5")


@contextmanager
def _parquet(hidden: Path, output: Path, layout: Layout) -> Iterator[Write]:
    file: pq.ParquetWriter | None = None

    def write(columns: Columns) -> None:
        nonlocal file
        images = columns["image"]
        values: Any = pa.array(images.reshape(-1))
        for size in images.shape[:0:-1]:
            values = pa.ListArray.from_arrays(pa.array(np.arange(0, len(values) + 1, size, dtype=np.int32)), values)
        table = pa.table({"X_jets": values, **{k: v for k, v in columns.items() if k != "image"}})
        table = table.replace_schema_metadata({KEY: write_said(layout)})
        with writing(output):
            file = file or pq.ParquetWriter(hidden, table.schema, compression="snappy")
            file.write_table(table, row_group_size=1)

    try:
        yield write
    finally:
        if file is not None:
            with writing(output):
                file.close()


@contextmanager
def _hdf5(hidden: Path, output: Path, layout: Layout) -> Iterator[Write]:
    import h5py

    name, is_channels_last = _image_name(layout.frame, layout.task)
    with writing(output), h5py.File(hidden, "w") as file:
        file.attrs[KEY] = write_said(layout)

        def write(columns: Columns) -> None:
            image = columns.pop("image")
            append(file, name, np.moveaxis(image, 1, -1) if is_channels_last else image)
            for key, values in columns.items():
                append(file, key, values if is_channels_last else values[:, np.newaxis])

        yield write


def append(file: Any, name: str, rows: NDArray[Any]) -> None:
    """Add rows to a data set of an open HDF5 file, made at the first call."""
    if name not in file:
        shape = rows.shape[1:]
        file.create_dataset(
            name, (0, *shape), rows.dtype, maxshape=(None, *shape), chunks=(HDF5_CHUNK, *shape), compression="lzf"
        )
    data = file[name]
    data.resize(len(data) + len(rows), axis=0)
    data[len(data) - len(rows) :] = rows


def _image_name(frame: FrameSpec, task: str | None) -> tuple[str, bool]:
    """Name of the images in HDF5, and whether their channels come last."""
    if frame.grid == "barrel":
        return "X", True
    is_quantity = task is not None and TASKS[task].output.kind == "quantity"
    return ("all_jet", False) if is_quantity else ("X_jets", True)
