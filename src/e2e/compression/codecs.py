"""Which codec a file was compressed by."""

from __future__ import annotations

from pathlib import Path

from e2e.compression.codec import FEATURES, Codec
from e2e.compression.compressed_file import AGAIN, CompressedFile
from e2e.compression.lossless import SparseZstd
from e2e.compression.zfp import Zfp
from e2e.parquet import READ_ERRORS
from e2e.problems import InputError


def find_codec(compressed: CompressedFile, model: Path | None = None) -> Codec:
    """That of the file; model: the run that it needs, if it needs one.

    Raises InputError for a codec that this version does not know, a damaged one, or another model.
    """
    try:
        return _codec(compressed, model)
    except READ_ERRORS as error:
        what = f"damaged file of compressed candidates (codec: {type(error).__name__} {error})"
        raise InputError(compressed.path, what, AGAIN) from None


def _codec(compressed: CompressedFile, model: Path | None) -> Codec:
    said = compressed.header.codec
    name = said["name"]
    if name == FEATURES:
        from e2e.compression.learned import codec_to_read

        return codec_to_read(compressed.path, said, model)
    if model is not None and name in (SparseZstd.NAME, Zfp.NAME):
        raise InputError(compressed.path, f"compressed by {name}, which takes no model", "leave the model out")
    if name == SparseZstd.NAME:
        return SparseZstd(compressed.header.frame)
    if name == Zfp.NAME:
        return Zfp(compressed.header.frame, tuple(said["scale"]), said["tolerance"])
    raise InputError(compressed.path, f"compressed by {name!r}, which this e2e does not know", "install a newer e2e")
