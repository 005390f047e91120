"""Train a task from event stores; a run can be stopped at any time and taken up again."""

from __future__ import annotations

import json
import logging
import platform
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch import Callback, Trainer, seed_everything
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from e2e import __version__
from e2e.datasets import load_candidates
from e2e.files import make_folder, replacing, write_json
from e2e.models import build_model
from e2e.problems import InputError
from e2e.tasks import TASKS
from e2e.training.checkpoint import SafeCheckpointIO
from e2e.training.data import CandidateData
from e2e.training.module import TaskModule
from e2e.training.recipes import RECIPES, Recipe

CHECKPOINT_EVERY = timedelta(minutes=10)  # and after every epoch

RUN, WEIGHTS, LAST, BEST = "run.json", "weights.safetensors", "last.ckpt", "best.ckpt"


def train(
    recipe: str,
    data: Sequence[Path],
    output: Path,
    *,
    start: Path | None = None,
    seed: int = 1,
    epochs: int | None = None,
    precision: str | None = None,
    learning_rate: float | None = None,
    max_candidates: int | None = None,
    threads: int | None = None,
    progress: bool = True,
) -> Path:
    """Train `recipe` on event stores or candidate stores; returns the run folder `output`.

    An unfinished run in `output` is resumed where it was at most `CHECKPOINT_EVERY` before it ended. Writes `run.json`
    (recipe, provenance, metrics), `weights.safetensors` (of the best epoch), `history/PART/metrics.csv` (a part per
    start) and the checkpoints.
    start: an earlier run whose weights to begin with; those of channels that it did not have begin at zero, so that the
    first answers are the earlier run's. max_candidates: the first so many, to see what more would bring.
    learning_rate: peak of the schedule; with `start`, a third of the recipe's or less keeps what was learned.
    threads: of PyTorch.
    Raises InputError for an unknown recipe, unreadable data, or a folder that holds another run.
    """
    changes = {"epochs": epochs, "precision": precision, "learning_rate": learning_rate}
    plan = _plan(recipe, seed, threads, max_candidates=max_candidates, **changes)
    task = TASKS[plan.task]
    if threads:
        torch.set_num_threads(threads)
    make_folder(output)
    earlier = read_run(output) if (output / RUN).exists() else None
    frame = replace(task.frame, channels=plan.channels) if plan.channels else task.frame
    candidates = load_candidates(task, data, frame, plan.max_events).select(slice(plan.max_candidates))
    about = {"recipe": plan.to_json(), "seed": seed, "data": candidates.provenance, "candidates": len(candidates)}
    if start is not None:
        about["start"] = _trained_before(start)
    resume = _resume_from(output, earlier, about)

    seed_everything(seed, verbose=False)
    config = {"input_scale": list(task.scales_of(frame)), **task.network, **plan.config}
    network = build_model(plan.family, frame, config)
    if start is not None:
        start_from(network, frame.channels, start)
    module = TaskModule(network, task.output, plan.learning_rate)
    training, validation = candidates.split(plan.validation_fraction, seed)
    best = ModelCheckpoint(output, filename="best", monitor="validation_loss", enable_version_counter=False)
    trainer = _trainer(plan, output, best, progress)
    write_json(output / RUN, {**about, "state": "running", "versions": _versions()})
    _fit(trainer, module, CandidateData(training, validation, plan.batch_size, seed), resume)

    chosen = SafeCheckpointIO().load_checkpoint(output / BEST)
    weights = {k.removeprefix("network."): v.contiguous() for k, v in chosen["state_dict"].items()}
    with replacing(output / WEIGHTS) as temporary:
        save_file(weights, temporary)
    result = {
        "config": config,
        "channels": list(frame.channels),
        "epochs_trained": trainer.current_epoch,
        "best_epoch": int(chosen["epoch"]),
        "best_validation_loss": float(best.best_model_score or float("nan")),
        "machine": f"{platform.machine()}, {type(trainer.accelerator).__name__}, {torch.get_num_threads()} threads",
    }
    write_json(output / RUN, {**about, "state": "finished", **result, "versions": _versions()})
    return output


def _plan(recipe: str, seed: int, threads: int | None, **changes: Any) -> Recipe:
    """The recipe with what the caller gave; None keeps the recipe's own."""
    if recipe not in RECIPES:
        near = get_close_matches(recipe, RECIPES, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError("train", f"unknown recipe {recipe!r}", f"{hint}known: {', '.join(RECIPES)}")
    limits = (("epochs", changes["epochs"], 1), ("threads", threads, 1), ("seed", seed, 0))
    for name, value, least in (*limits, ("max_candidates", changes["max_candidates"], 2)):
        if value is not None and value < least:
            raise InputError("train", f"{name} {value}", f"give at least {least}")
    rate = changes["learning_rate"]
    if rate is not None and not 0 < rate < 1:
        raise InputError("train", f"learning rate {rate}", "give a number between 0 and 1")
    return replace(RECIPES[recipe], **{key: value for key, value in changes.items() if value is not None})


def read_run(run: Path) -> dict[str, Any]:
    """The content of a run folder's `run.json`. Raises InputError when it is not one."""
    remedy = "give a folder that `e2e train` wrote"
    if not run.is_dir():
        raise InputError(run, "no such folder", remedy)
    try:
        about = json.loads((run / RUN).read_text())
    except (OSError, ValueError):
        raise InputError(run, f"not a training run: {RUN} is missing or unreadable", remedy) from None
    if not isinstance(about, dict) or not {"recipe", "seed", "data", "state"} <= set(about):
        raise InputError(run, f"{RUN} is not that of a training run", remedy)
    return about


def load_weights(network: nn.Module, run: Path) -> None:
    """Put the weights of a finished run into a network. Raises InputError when they are missing or do not fit."""
    with _fitting(run):
        network.load_state_dict(load_file(run / WEIGHTS))


@contextmanager
def _fitting(run: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError, RuntimeError, KeyError) as error:
        what = f"{WEIGHTS} is missing or does not fit ({type(error).__name__})"
        raise InputError(run, what, "train again") from None


def start_from(network: nn.Module, channels: Sequence[str], start: Path) -> None:
    """Put the weights of a finished run into a network that has all its channels, or more. Raises InputError when they
    do not fit."""
    known = read_run(start).get("channels", [])
    if list(known) == list(channels) or not set(known) <= set(channels):
        load_weights(network, start)
        return
    first = str(getattr(network, "CHANNEL_WEIGHT", ""))
    with _fitting(start):
        weights = load_file(start / WEIGHTS)
        wide = torch.zeros_like(network.state_dict()[first])
        wide[:, [list(channels).index(name) for name in known]] = weights[first]
        network.load_state_dict({**weights, first: wide})


def _trained_before(start: Path) -> dict[str, Any]:
    """What the starting weights have seen: theirs are training data as well."""
    about = read_run(start)
    return {key: about.get(key) for key in ("recipe", "seed", "data", "candidates", "epochs_trained")}


def _resume_from(output: Path, earlier: dict[str, Any] | None, about: dict[str, Any]) -> Path | None:
    """The checkpoint to go on from, if `output` holds an unfinished run of the same recipe, seed and data."""
    if earlier is None:
        return None
    if any(earlier.get(key) != json.loads(json.dumps(value)) for key, value in about.items()):
        raise InputError(output, "holds a run of another recipe, seed or data", "choose another folder")
    if earlier["state"] == "finished":
        raise InputError(output, "holds a finished run", "choose another folder, or delete it")
    return output / LAST if (output / LAST).exists() else None


def _trainer(plan: Recipe, output: Path, best: ModelCheckpoint, progress: bool) -> Trainer:
    callbacks: list[Callback] = [
        best,
        ModelCheckpoint(output, filename="last", every_n_epochs=1, enable_version_counter=False),
        ModelCheckpoint(output, filename="last", train_time_interval=CHECKPOINT_EVERY, enable_version_counter=False),
        EarlyStopping("validation_loss", patience=plan.patience),
    ]
    if progress:
        callbacks.append(TQDMProgressBar(refresh_rate=20))
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    return Trainer(
        max_epochs=plan.epochs,
        precision=plan.precision,  # type: ignore[arg-type]
        logger=CSVLogger(output, name="history", version=_next_part(output / "history")),
        callbacks=callbacks,
        plugins=[SafeCheckpointIO()],
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        enable_progress_bar=progress,
        enable_model_summary=False,
        deterministic=True if not torch.cuda.is_available() else "warn",  # CUDA lacks some of the operations
    )


def _fit(trainer: Trainer, module: TaskModule, data: CandidateData, resume: Path | None) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")  # about its own defaults and future
        try:
            trainer.fit(module, data, ckpt_path=resume)
        except SystemExit:  # Lightning's answer to an interruption
            raise KeyboardInterrupt from None


def _next_part(history: Path) -> str:
    return str(len(list(history.glob("*"))))


def _versions() -> dict[str, str]:
    return {"e2e": __version__, "torch": torch.__version__, "lightning": lightning.__version__}
