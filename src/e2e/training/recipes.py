"""How each task is trained. Every recipe has a debug twin that runs through in seconds."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """learning_rate: peak of a one-cycle schedule (Adam). patience: epochs without a better validation loss.

    precision: as Lightning names it; `bf16-mixed` is twice as fast on processors with bf16 instructions.
    max_events: of the input, max_candidates: of those cut from it; None: all. config: numbers of the model family,
    input scale and those of the task apart.
    channels: some of the task's, to see what the others are worth; None: all.
    """

    task: str
    family: str = "resnet15"
    config: dict[str, Any] = field(default_factory=dict)
    epochs: int = 8
    batch_size: int = 256
    learning_rate: float = 2e-3
    patience: int = 4
    validation_fraction: float = 0.07
    precision: str = "32-true"
    max_events: int | None = None
    max_candidates: int | None = None
    channels: tuple[str, ...] | None = None

    def debug(self) -> Recipe:
        """The same, small: two epochs over 600 events."""
        return replace(self, epochs=2, max_events=600, batch_size=64, validation_fraction=0.2)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


_JETS: dict[str, Any] = {
    "epochs": 6,
    "batch_size": 64,
    "learning_rate": 1e-3,
    "validation_fraction": 0.1,
    "precision": "bf16-mixed",
}

_FULL = {
    "electron-photon": Recipe("electron-photon"),
    "diphoton-mass": Recipe("diphoton-mass"),
    "quark-gluon": Recipe("quark-gluon", **_JETS),
    "top": Recipe("top", **_JETS),
    "top-3-channels": Recipe("top", **_JETS, channels=("track_pt", "ecal_energy", "hcal_energy")),
    "tau": Recipe("tau", **_JETS),
    "ditau-mass": Recipe("ditau-mass", **_JETS),
    "higgs-diphoton": Recipe("higgs-diphoton", **_JETS),
}

RECIPES: dict[str, Recipe] = {
    **_FULL,
    **{f"{name}-debug": recipe.debug() for name, recipe in _FULL.items()},
}
