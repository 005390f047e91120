"""Candidates as the feature vectors of a trained autoencoder, quantised."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from e2e.bundles.bundle import digest_file
from e2e.compression.codec import FEATURES
from e2e.compression.quantise import Quantiser
from e2e.compression.sparsify import AT_ONCE, in_parts, sparsify
from e2e.contract import FrameSpec
from e2e.frames.candidates import Candidates, Seeds
from e2e.models.autoencoder import Autoencoder, build_autoencoder
from e2e.models.decoders import DecoderConfig
from e2e.parquet import READ_ERRORS
from e2e.problems import InputError
from e2e.tasks import TASKS
from e2e.training.run_folder import RUN, WEIGHTS, load_weights, read_run

DEFAULT_RATE = 4.0


class VectorModel(Protocol):
    """What turns candidates into vectors and back. digest: tells it from every other."""

    @property
    def frame(self) -> FrameSpec: ...

    @property
    def digest(self) -> str: ...

    def vectors(self, candidates: Candidates) -> NDArray[np.float32]:
        """(candidates, features)"""

    def candidates(self, vectors: NDArray[np.float32], seeds: Seeds) -> Candidates:
        """What is read back."""


@dataclass(frozen=True)
class AutoencoderRun:
    """A finished run of `e2e pretrain` with features. digest: SHA-256 over its weights and its numbers."""

    frame: FrameSpec
    network: Autoencoder
    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    digest: str

    @torch.no_grad()
    def vectors(self, candidates: Candidates) -> NDArray[np.float32]:
        """(candidates, features)"""
        parts = [np.zeros((0, self.network.features), dtype=np.float32)]
        for start in range(0, len(candidates), AT_ONCE):
            packed = candidates.pack(start, min(start + AT_ONCE, len(candidates)))
            parts.append(self.network.vector(*map(torch.from_numpy, packed)).numpy())
        return np.concatenate(parts)

    @torch.no_grad()
    def candidates(self, vectors: NDArray[np.float32], seeds: Seeds) -> Candidates:
        """What is read back from vectors (candidates, features)."""

        def read_back(some: NDArray[np.float32], of: Seeds) -> Candidates:
            probability, value = self.network.image(torch.from_numpy(some))
            return sparsify(self.frame, probability.numpy(), value.numpy(), of)

        return in_parts(self.frame, vectors, seeds, read_back)


def load_autoencoder(run: Path) -> AutoencoderRun:
    """Raises InputError for a run that is none, is not finished, has no feature vector, or is damaged."""
    try:
        return _autoencoder(run, read_run(run))
    except (AttributeError, *READ_ERRORS) as error:
        what = f"{RUN} is damaged, or of another version ({type(error).__name__} {error})"
        raise InputError(run, what, "train again, or fetch it again") from None


def _autoencoder(run: Path, about: dict[str, Any]) -> AutoencoderRun:
    pretraining = about["recipe"].get("pretraining")
    if pretraining is None or not pretraining["decoder"]["features"]:
        remedy = "train one: e2e pretrain TASK DATA -o RUN --features 64"
        raise InputError(run, "no autoencoder with a feature vector", remedy)
    if about["state"] != "finished":
        raise InputError(run, "the training is not finished", "call `e2e pretrain` again with the same arguments")
    frame = replace(TASKS[about["recipe"]["task"]].frame, channels=tuple(about["channels"]))
    numbers = [about["recipe"]["family"], frame.to_json(), about["config"], pretraining["decoder"]]
    network = build_autoencoder(about["recipe"]["family"], frame, about["config"], DecoderConfig(**numbers[3]))
    load_weights(network, run)
    written = json.dumps([digest_file(run / WEIGHTS).sha256, *numbers], sort_keys=True)
    mean, scale = (np.array(about["features"][name], dtype=np.float32) for name in ("mean", "scale"))
    if not mean.shape == scale.shape == (network.features,):
        raise ValueError(f"{network.features} features, spread of {mean.shape} and {scale.shape}")
    return AutoencoderRun(frame, network.eval(), mean, scale, sha256(written.encode()).hexdigest())


@dataclass(frozen=True)
class LearnedCodec:
    """A block is its quantised vectors; images are read back as `sparsify` has it."""

    model: VectorModel
    quantiser: Quantiser

    NAME = FEATURES

    @property
    def frame(self) -> FrameSpec:
        return self.model.frame

    def to_json(self) -> dict[str, Any]:
        return {"name": self.NAME, "is_lossless": False, "model": self.model.digest, **self.quantiser.to_json()}

    def encode(self, candidates: Candidates) -> bytes:
        return self.quantiser.encode(self.model.vectors(candidates))

    def decode(self, code: bytes, seeds: Seeds) -> Candidates:
        return self.model.candidates(self.quantiser.decode(code, len(seeds)), seeds)


def codec_to_write(run: Path, rate: float | None) -> LearnedCodec:
    """Raises InputError for a run that cannot be used, or a rate that cannot be."""
    model = load_autoencoder(run)
    try:
        return LearnedCodec(model, Quantiser(model.mean, model.scale, DEFAULT_RATE if rate is None else rate))
    except ValueError as error:
        raise InputError("compress", str(error), "choose another") from None


def codec_to_read(file: Path, said: dict[str, Any], run: Path | None) -> LearnedCodec:
    """said: what the header of `file` says of its codec. Raises InputError for another model than the file's."""
    short = said["model"][:12]
    if run is None:
        raise InputError(file, f"feature vectors of the model {short}", "give the run: --model RUN")
    model = load_autoencoder(run)
    if model.digest != said["model"]:
        what = f"is the model {model.digest[:12]}; {file} was compressed with {short}"
        raise InputError(run, what, "give the run that it was compressed with")
    return LearnedCodec(model, Quantiser.from_json(said))
