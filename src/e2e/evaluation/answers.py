"""What a bundle said of every candidate that it was measured on, beside what is known of each: a Parquet file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from e2e.contract.versions import ANSWERS_VERSION
from e2e.datasets.candidate_set import CandidateSet
from e2e.datasets.labels import LABEL_COLUMNS, Labelled, Labels, complete_labels
from e2e.evaluation.classical import calorimeter_mass, sees_calorimeters
from e2e.files import replacing, writing
from e2e.metrics import FloatArray
from e2e.parquet import reading_parquet
from e2e.problems import InputError
from e2e.tasks import Task

ANSWERS = "answers.parquet"
# Which candidate it is; an older file may lack others.
IDENTITY_COLUMNS = ("input", "run", "luminosity_block", "event", "number", "pt", "eta", "target")
ANSWER_PREFIX = "answer."  # of the bundle's outputs
CALORIMETER_MASS = "calorimeter_mass"

_VERSION_KEY, _ABOUT_KEY = b"e2e.answers_version", b"e2e.provenance"


@dataclass(frozen=True)
class Answers(Labelled):
    """labels: the columns of `LABEL_COLUMNS`, and `calorimeter_mass`, GeV, NaN where it is not known. outputs:
    (candidates, outputs) of the bundle, `names` of them. about: what the file says of itself, JSON values; `num_own`:
    how many of the outputs are the task's own."""

    labels: Labels
    names: tuple[str, ...]
    outputs: FloatArray
    about: dict[str, Any]

    def __len__(self) -> int:
        return len(self.outputs)

    @property
    def own(self) -> FloatArray:
        """(candidates, columns of the task's own output): a score; or an estimate, its interval and its flag."""
        return self.outputs[:, : self.about["num_own"]]


def write_answers(
    path: Path, task: Task, candidates: CandidateSet, names: tuple[str, ...], outputs: FloatArray, about: dict[str, Any]
) -> None:
    """outputs: (candidates, outputs), `names` of them. The same answers give the same bytes."""
    columns: dict[str, NDArray[Any]] = {name: candidates.labels[name] for name in LABEL_COLUMNS}
    columns[CALORIMETER_MASS] = _mass(task, candidates)
    columns |= {ANSWER_PREFIX + name: column.astype(np.float32) for name, column in zip(names, outputs.T, strict=True)}
    arrays = {name: pa.array(column, from_pandas=False) for name, column in columns.items()}
    said = {_VERSION_KEY: str(ANSWERS_VERSION), _ABOUT_KEY: json.dumps(about, sort_keys=True)}
    table = pa.table(arrays).replace_schema_metadata(said)
    with replacing(path) as hidden, writing(path):
        pq.write_table(table, hidden, compression="zstd", use_dictionary=False, write_page_checksum=True)


def read_answers(path: Path) -> Answers:
    """Columns that an older file does not have are NaN. Raises InputError for a file that is missing, damaged, of a
    newer version, or something else."""
    if not path.exists():
        raise InputError(path, "missing: an older e2e did not write it", "call `e2e evaluate` again")
    with reading_parquet(path, "table of answers"), pq.ParquetFile(path, page_checksum_verification=True) as file:
        metadata = file.metadata.metadata or {}
        _check_version(path, metadata)
        table = file.read(use_threads=False)
        columns = {name: table[name].to_numpy() for name in table.column_names}
        names = tuple(name for name in columns if name.startswith(ANSWER_PREFIX))
        known = {name: columns[name] for name in LABEL_COLUMNS if name in columns}
        if missing := set(IDENTITY_COLUMNS) - known.keys():
            raise ValueError(f"no column {min(missing)}")
        labels = complete_labels(len(table), known)
        labels[CALORIMETER_MASS] = columns[CALORIMETER_MASS].astype(np.float32)
        outputs = np.stack([columns[name].astype(np.float64) for name in names], axis=1)
        about = json.loads(metadata[_ABOUT_KEY])
        if type(about["num_own"]) is not int or not 0 < about["num_own"] <= len(names):
            raise ValueError("num_own")
    return Answers(labels, tuple(name.removeprefix(ANSWER_PREFIX) for name in names), outputs, about)


def _check_version(path: Path, metadata: Mapping[bytes, bytes]) -> None:
    if _VERSION_KEY not in metadata:
        raise InputError(path, "not a table of answers, or one of an older e2e", "call `e2e evaluate` again")
    if (version := int(metadata[_VERSION_KEY])) > ANSWERS_VERSION:
        what = f"answers of version {version}; this e2e reads up to {ANSWERS_VERSION}"
        raise InputError(path, what, "install a newer e2e")


def _mass(task: Task, candidates: CandidateSet) -> NDArray[np.float32]:
    if task.mass_radius is None or not sees_calorimeters(task.frame, candidates.candidates.spec):
        return np.full(len(candidates), np.nan, dtype=np.float32)
    return calorimeter_mass(candidates, task.mass_radius).astype(np.float32)
