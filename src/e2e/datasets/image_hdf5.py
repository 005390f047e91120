"""HDF5 images of MLAnalyzer and ML4SCI: one data set of images, one of numbers for each scalar.

These files have no checksums: a flipped bit may give another number. What cannot be read ends in one line.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from e2e.datasets.candidate_set import CandidateSet
from e2e.datasets.image_metadata import KEY, read_said
from e2e.datasets.images import IMAGE_COLUMNS, SCALARS, Shape, batch_size, image_layout, slices, to_candidates
from e2e.datasets.source import Layout, Options
from e2e.problems import InputError, Problems

_MAGIC = b"\x89HDF\r\n\x1a\n"


class ImageHdf5:
    name = "images of MLAnalyzer and ML4SCI (HDF5)"

    def recognises(self, path: Path) -> bool:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC

    def layout(self, path: Path, options: Options) -> Layout:
        with _opened(path) as file:
            said = read_said(path, file.attrs.get(KEY))
            return image_layout(path, _shape(path, file), list(file), options, said)

    def count(self, path: Path) -> int:
        with _opened(path) as file:
            return len(file[_image_name(path, file)])

    def read(
        self, path: Path, start: int, stop: int, layout: Layout, options: Options, problems: Problems
    ) -> Iterator[CandidateSet]:
        with _opened(path) as file:
            name, shape = _image_name(path, file), _shape(path, file)
            scalars = [key for key in SCALARS if key in file]
            for key in scalars:
                _check_numbers(path, file, key, name)
            chunk = (file[name].chunks or (1,))[0]
            size = max(chunk, batch_size(shape) // chunk * chunk)
            for low, high in slices(start, stop, size):
                images = shape.channels_first(file[name][low:high])
                numbers = {key: np.asarray(file[key][low:high], dtype=np.float64).reshape(-1) for key in scalars}
                with _outside():
                    yield to_candidates(path, low, images, numbers, layout, options, problems)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file; whatever HDF5 raises on damaged bytes, which can be anything, becomes an InputError."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            yield file
    except (InputError, GeneratorExit, KeyboardInterrupt):
        raise
    except _OutsideError as error:
        raise error.cause from None
    except Exception as error:
        what = f"truncated or damaged HDF5 file ({type(error).__name__}: {error})"
        raise InputError(path, what, "fetch or make the file again") from None


class _OutsideError(Exception):
    def __init__(self, cause: BaseException) -> None:
        self.cause = cause


@contextmanager
def _outside() -> Iterator[None]:
    """For a block in which nothing is read: what it raises is no damage of the file."""
    try:
        yield
    except Exception as error:
        raise _OutsideError(error) from error


def _check_numbers(path: Path, file: Any, key: str, images: str) -> None:
    """Raises InputError unless data set `key` has one number for each image."""
    shape, kind = getattr(file[key], "shape", ()), getattr(file[key], "dtype", None)
    if kind is None or kind.kind not in "biuf":
        raise InputError(path, f"{key} holds no numbers", "make the file again, or rename it")
    if not shape or shape[1:] not in ((), (1,)):
        what = f"data set {key} of shape {shape}, not one number for each image"
        raise InputError(path, what, "make the file again, or rename it")
    if shape[0] != len(file[images]):
        what = f"{len(file[images])} images in {images}, but {shape[0]} numbers in {key}"
        raise InputError(path, what, "make the file again")


def _image_name(path: Path, file: Any) -> str:
    name = next((name for name in IMAGE_COLUMNS if name in file and len(getattr(file[name], "shape", ())) > 2), None)
    if name is None:
        raise InputError(path, "no data set of images", f"known: {', '.join(IMAGE_COLUMNS)}")
    return name


def _shape(path: Path, file: Any) -> Shape:
    return Shape.of(path, file[_image_name(path, file)].shape[1:])
