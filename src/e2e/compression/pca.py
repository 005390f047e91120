"""Principal components of the images: what a feature vector is worth without a network, to compare with."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator, svds

from e2e.compression.sparsify import in_parts, pixels_of
from e2e.contract import FrameSpec
from e2e.frames.candidates import Candidates, Seeds
from e2e.models.base import LOG_GAIN

FloatArray = NDArray[np.float32]

_LEVEL_CANDIDATES = 256  # that say from where on a number is a pixel


@dataclass(frozen=True)
class Pca:
    """scale: factor of each channel, so that values are of order one; their logarithms are what is decomposed.
    mean: (numbers,) of an image. components: (features, numbers), orthonormal. level: (channels,) sizes from which on a
    number becomes a pixel, so that there are as many pixels as in the candidates that it was fitted to."""

    frame: FrameSpec
    scale: tuple[float, ...]
    mean: FloatArray
    components: FloatArray
    level: FloatArray

    @property
    def digest(self) -> str:
        numbers = (np.array(self.scale, np.float32), self.mean, self.components, self.level)
        return sha256(b"".join(part.astype("<f4").tobytes() for part in numbers)).hexdigest()

    def vectors(self, candidates: Candidates) -> FloatArray:
        """(candidates, features)"""
        rows = _logarithms(candidates, self.scale)
        return (rows @ self.components.T - self.components @ self.mean).astype(np.float32)

    def candidates(self, vectors: FloatArray, seeds: Seeds) -> Candidates:
        """What is read back from vectors (candidates, features)."""
        scale = np.array(self.scale, dtype=np.float32)[:, None]

        def read_back(some: FloatArray, of: Seeds) -> Candidates:
            logarithm = (some @ self.components + self.mean).reshape(len(some), len(scale), -1)
            value = np.sign(logarithm) * np.expm1(np.abs(logarithm)) / np.float32(LOG_GAIN) / scale
            return pixels_of(self.frame, np.abs(logarithm) >= self.level[:, None], value, of)

        return in_parts(self.frame, vectors, seeds, read_back)


def fit_pca(candidates: Candidates, scale: tuple[float, ...], features: int, seed: int = 0) -> Pca:
    """Raises ValueError for fewer candidates than features, or as many."""
    if not 0 < features < len(candidates):
        raise ValueError(f"{features} components of {len(candidates)} candidates; give more candidates")
    rows = _logarithms(candidates, scale)
    mean = np.asarray(rows.mean(axis=0), dtype=np.float32).reshape(-1)
    # the rows less their mean, never dense
    centred = LinearOperator(
        rows.shape,
        matvec=lambda x: rows @ x.ravel() - mean @ x.ravel(),
        rmatvec=lambda y: rows.T @ y.ravel() - mean * y.sum(),
        dtype=np.float32,
    )
    _, size, found = svds(centred, k=features, random_state=seed)
    order = np.argsort(-size)
    components = np.ascontiguousarray(found[order], dtype=np.float32)
    some = candidates.select(slice(0, _LEVEL_CANDIDATES))
    whole = Pca(candidates.spec, scale, mean, components, np.zeros(len(scale), dtype=np.float32))
    sizes = np.abs(whole.vectors(some) @ components + mean).reshape(len(some), len(scale), -1)
    pixels = np.bincount(some.pixel_index // sizes.shape[2], minlength=len(scale))
    level = [_kth_largest(sizes[:, channel], count) for channel, count in enumerate(pixels)]
    return Pca(candidates.spec, scale, mean, components, np.array(level, dtype=np.float32))


def _logarithms(candidates: Candidates, scale: tuple[float, ...]) -> csr_array:
    """(candidates, numbers of an image), sparse: log(1 + 100 |x|) of the scaled values, with their sign."""
    spec = candidates.spec
    scaled = candidates.pixel_value * np.array(scale, np.float32)[candidates.pixel_index // (spec.rows * spec.columns)]
    logarithm = (np.sign(scaled) * np.log1p(np.float32(LOG_GAIN) * np.abs(scaled))).astype(np.float32)
    shape = len(candidates), spec.num_pixels
    return csr_array((logarithm, candidates.pixel_index, candidates.offsets), shape=shape)


def _kth_largest(values: FloatArray, count: int) -> float:
    """Infinity where none is wanted."""
    return float(np.partition(values.ravel(), -count)[-count]) if count else float("inf")
