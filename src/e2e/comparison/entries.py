"""What takes part in a comparison: a network to train, a run, or a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from e2e.models import model_names
from e2e.problems import InputError


@dataclass(frozen=True)
class Entry:
    """path: of a run or a bundle; None for a network that is trained here."""

    name: str
    path: Path | None = None

    @property
    def is_trained_here(self) -> bool:
        return self.path is None

    def label(self, seed: int, size: int | None = None) -> str:
        """size: of the training candidates; None: all."""
        return self.name + (f"-seed{seed}" if self.is_trained_here else "") + (f"-{size}" if size else "")

    def run(self, output: Path, seed: int, size: int | None = None) -> Path | None:
        """None where there is a bundle alone."""
        if self.path is None:
            return output / "runs" / self.label(seed, size)
        return self.path if (self.path / "run.json").exists() else None

    def bundle(self, output: Path, seed: int, size: int | None = None) -> Path:
        if self.path is not None and not (self.path / "run.json").exists():
            return self.path
        return output / "bundles" / self.label(seed, size)


def find_entries(models: Sequence[str]) -> list[Entry]:
    """Raises InputError for what is neither a folder nor a name, and for two of the same name."""
    if not models:
        raise InputError("compare", "no models", f"give some of: {', '.join(model_names())}")
    entries = []
    for model in models:
        if model in model_names():
            entries.append(Entry(model))
        elif Path(model).is_dir():
            entries.append(Entry(Path(model).resolve().name, Path(model)))
        else:
            near = get_close_matches(model, model_names(), n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            known = f"{hint}known: {', '.join(model_names())}; or give a run or a bundle"
            raise InputError("compare", f"no model or folder {model!r}", known)
    names = [entry.name for entry in entries]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise InputError("compare", f"named twice: {', '.join(sorted(doubled))}", "give each once")
    return entries
