"""What takes part in a comparison of codecs, as it is named on the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from e2e.compression.codec import Codec
from e2e.compression.learned import DEFAULT_RATE, AutoencoderRun, LearnedCodec, load_autoencoder
from e2e.compression.lossless import SparseZstd
from e2e.compression.pca import Pca, fit_pca
from e2e.compression.quantise import Quantiser
from e2e.compression.zfp import Zfp
from e2e.datasets import CandidateSet
from e2e.problems import InputError
from e2e.tasks import Task
from e2e.training.run_folder import RUN, data_seen, read_run

LOSSLESS = "lossless"
KNOWN = f"give {LOSSLESS}, zfp:TOLERANCE, pca:COMPONENTS[:RATE], or RUN[:RATE] of e2e pretrain --features"

_LEVEL_OF = {"zfp": "tolerance"}  # else a rate


@dataclass(frozen=True)
class Source:
    """What several entries share: the codec before its rate or tolerance. name: `lossless`, `zfp`, `pca:64`, or that of
    a run's folder. task: of the candidates. fitted_to: to which principal components are fitted."""

    name: str
    task: Task
    run: Path | None = None
    components: int = 0
    fitted_to: CandidateSet | None = None

    @cached_property
    def autoencoder(self) -> AutoencoderRun:
        assert self.run is not None
        return load_autoencoder(self.run)

    @cached_property
    def pca(self) -> Pca:
        if self.fitted_to is None:
            raise InputError("compare-codecs", f"nothing to fit {self.name} to", "give --data")
        try:
            return fit_pca(self.fitted_to.candidates.load(), self.task.input_scale, self.components)
        except ValueError as error:
            raise InputError("compare-codecs", str(error), "give more with --data and --max-candidates") from None

    @cached_property
    def spread(self) -> tuple[Any, Any]:
        """Mean and width of each feature."""
        if self.run is not None:
            return self.autoencoder.mean, self.autoencoder.scale
        assert self.fitted_to is not None
        vectors = self.pca.vectors(self.fitted_to.candidates.load())
        return vectors.mean(axis=0), vectors.std(axis=0)

    @property
    def data(self) -> list[dict[str, Any]]:
        """What it has learned from."""
        if self.run is not None:
            return data_seen(read_run(self.run))
        return self.fitted_to.provenance if self.components and self.fitted_to is not None else []


@dataclass(frozen=True)
class CodecEntry:
    """level: the rate of a vector in bits, or the tolerance of zfp; None: lossless."""

    source: Source
    level: float | None = None

    @property
    def name(self) -> str:
        if self.level is None:
            return self.source.name
        return f"{self.source.name}, {_LEVEL_OF.get(self.source.name, 'rate')} {self.level:g}"

    def codec(self) -> Codec:
        """Raises InputError for what cannot be made."""
        source, task = self.source, self.source.task
        try:
            if self.level is None:
                return SparseZstd(task.frame)
            if source.run is None and not source.components:
                return Zfp(task.frame, task.input_scale, self.level)
            model = source.autoencoder if source.run is not None else source.pca
            return LearnedCodec(model, Quantiser(*source.spread, self.level))
        except ValueError as error:
            raise InputError("compare-codecs", f"{self.name}: {error}", "choose another") from None


def find_codec_entries(codecs: Sequence[str], task: Task, fitted_to: CandidateSet | None) -> list[CodecEntry]:
    """Each of `codecs` with each of its rates or tolerances, which commas separate. Raises InputError for what is none,
    and for two of the same name."""
    entries = [entry for codec in codecs for entry in _entries(codec, task, fitted_to)]
    names = [entry.name for entry in entries]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise InputError("compare-codecs", f"named twice: {'; '.join(doubled)}", "give each once")
    if not entries:
        raise InputError("compare-codecs", "no codecs", KNOWN)
    return entries


def _entries(codec: str, task: Task, fitted_to: CandidateSet | None) -> Iterator[CodecEntry]:
    wrong = InputError("compare-codecs", f"no codec {codec!r}", KNOWN)
    kind, *numbers = codec.split(":")
    if codec == LOSSLESS:
        yield CodecEntry(Source(LOSSLESS, task))
        return
    if kind == "zfp" and len(numbers) == 1:
        source, levels = Source("zfp", task), numbers[0]
    elif kind == "pca" and len(numbers) in (1, 2) and numbers[0].isdigit():
        source = Source(f"pca:{numbers[0]}", task, components=int(numbers[0]), fitted_to=fitted_to)
        levels = numbers[1] if len(numbers) > 1 else f"{DEFAULT_RATE:g}"
    else:
        run, levels = Path(codec), f"{DEFAULT_RATE:g}"
        if not run.exists() and ":" in codec:
            start, _, levels = codec.rpartition(":")
            run = Path(start)
        if not (run / RUN).is_file():
            raise wrong
        source = Source(run.resolve().name, task, run=run)
    try:
        yield from [CodecEntry(source, float(level)) for level in levels.split(",")]
    except ValueError:
        raise wrong from None
