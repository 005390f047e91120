"""How each task is trained. Every recipe has a debug twin that runs through in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args

from e2e.contract.answers import AnswerKind
from e2e.training.augment import Augmentation
from e2e.training.precision import AUTO

Optimiser = Literal["adamw", "muon"]
OPTIMISERS: tuple[Optimiser, ...] = get_args(Optimiser)


@dataclass(frozen=True)
class Recipe:
    """How to train `family` with the numbers `config`; input scale and those of the task apart.

    quantity: how one is answered, of `KINDS` in `e2e.contract.answers`; corrects_bias: by `fit_excess`; relative: as a
    logarithm. joint: with what the task has beside its own output.
    batch_size: of each process and step; `accumulate` steps make one update. optimiser: of `OPTIMISERS`; `muon` moves
    matrices along orthogonal directions (`e2e.training.muon`). learning_rate: the peak of AdamW's, after a
    `warmup_fraction` of all updates. weight_decay: not of biases, norms and positions. layer_decay: factor from each
    layer to the one before it. ema_decay: of averaged weights, which are then what counts; 0: none.
    patience: epochs without a better validation loss. max_events: of the input, max_candidates: a random so many of
    those cut from it; None: all. channels: some of the task's, to see what the others are worth; None: all.
    precision: as Lightning names it, or `auto`: see `resolve_precision`.
    compile: train what `torch.compile` makes of the network.
    """

    task: str
    family: str = "resnet15"
    config: dict[str, Any] = field(default_factory=dict)
    quantity: AnswerKind = "quantiles"
    corrects_bias: bool = False
    relative: bool = False
    joint: bool = False
    epochs: int = 8
    batch_size: int = 256
    accumulate: int = 1
    optimiser: Optimiser = "adamw"
    learning_rate: float = 2e-3
    warmup_fraction: float = 0.05
    weight_decay: float = 0.01
    layer_decay: float = 1.0
    ema_decay: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    patience: int = 4
    validation_fraction: float = 0.07
    precision: str = AUTO
    compile: bool = False
    max_events: int | None = None
    max_candidates: int | None = None
    channels: tuple[str, ...] | None = None

    def debug(self) -> Recipe:
        """The same, small: two epochs over 600 events."""
        return replace(self, epochs=2, max_events=600, batch_size=64, validation_fraction=0.2)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def whole_recipe(written: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe as `run.json` has it, with the defaults of what an older version did not know."""
    known = {field.name: field.default for field in fields(Recipe) if field.default is not MISSING}
    return {**known, **written}


_JETS: dict[str, Any] = {
    "optimiser": "muon",
    "epochs": 6,
    "batch_size": 128,
    "learning_rate": 1e-3,
    "validation_fraction": 0.1,
    "augmentation": Augmentation(phi_reflection=True, eta_reflection=True),
}

_FULL = {
    "electron-photon": Recipe("electron-photon", optimiser="muon", batch_size=128, learning_rate=1e-3),
    "diphoton-mass": Recipe("diphoton-mass", optimiser="muon", batch_size=128, learning_rate=1e-3),
    "quark-gluon": Recipe("quark-gluon", **_JETS),
    "top": Recipe("top", **_JETS),
    "top-3-channels": Recipe("top", **_JETS, channels=("track_pt", "ecal_energy", "hcal_energy")),
    "top-mass": Recipe("top-mass", **_JETS),
    "tau": Recipe("tau", **_JETS),
    "ditau-mass": Recipe("ditau-mass", **_JETS),
    "higgs-diphoton": Recipe("higgs-diphoton", **_JETS),
}

RECIPES: dict[str, Recipe] = {
    **_FULL,
    **{f"{name}-debug": recipe.debug() for name, recipe in _FULL.items()},
}
