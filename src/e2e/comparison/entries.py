"""What takes part in a comparison: a network to train, a run, or a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.bundles.bundle import CONTRACT, ONNX, digest_file
from e2e.files import reading
from e2e.models import model_names
from e2e.problems import InputError, known_names
from e2e.training.run_folder import RUN, WEIGHTS


@dataclass(frozen=True)
class Entry:
    """run: where it was trained; bundle: where it was exported; neither: it is trained and exported here. digest: of
    its weights, so that another of the same name is another."""

    name: str
    given_run: Path | None = None
    given_bundle: Path | None = None
    digest: str = ""

    @property
    def is_trained_here(self) -> bool:
        return self.given_run is None and self.given_bundle is None

    def label(self, seed: int, size: int | None = None) -> str:
        """Its name among files. size: of the training candidates; None: all."""
        if not self.is_trained_here:
            return f"{self.name}-{self.digest}"
        return f"{self.name}-seed{seed}" + (f"-{size}" if size else "")

    def run(self, output: Path, seed: int, size: int | None = None) -> Path | None:
        """None where there is a bundle alone."""
        return output / "runs" / self.label(seed, size) if self.is_trained_here else self.given_run

    def bundle(self, output: Path, seed: int, size: int | None = None) -> Path:
        return self.given_bundle or output / "bundles" / self.label(seed, size)


def find_entries(models: Sequence[str]) -> list[Entry]:
    """Raises InputError for what is neither a folder nor a name, and for two of the same name."""
    if not models:
        raise InputError("compare", "no models", f"give some of: {', '.join(model_names())}")
    entries = [_find_entry(model) for model in models]
    names = [entry.name for entry in entries]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise InputError("compare", f"named twice: {', '.join(sorted(doubled))}", "give each once")
    return entries


def _find_entry(model: str) -> Entry:
    if model in model_names():
        return Entry(model)
    path = Path(model)
    for mark, weights, kind in ((CONTRACT, ONNX, "given_bundle"), (RUN, WEIGHTS, "given_run")):
        if (path / mark).is_file():
            if not (path / weights).is_file():
                raise InputError(path, f"{weights} is missing", "give a finished run or a whole bundle")
            with reading(path):
                digest = digest_file(path / weights).sha256[:8]
            return Entry(path.resolve().name, **{kind: path}, digest=digest)
    remedy = f"{known_names(model, model_names())}; or give the folder of a run or a bundle"
    raise InputError("compare", f"no model, run or bundle {model!r}", remedy)
