"""Train a task from event stores; a run can be stopped at any time and taken up again."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch import Callback, Trainer, seed_everything
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from safetensors.torch import save_file

from e2e import __version__
from e2e.datasets import load_candidates
from e2e.models import build_model
from e2e.problems import InputError
from e2e.tasks import TASKS
from e2e.training.checkpoint import SafeCheckpointIO
from e2e.training.data import CandidateData
from e2e.training.module import TaskModule
from e2e.training.recipes import RECIPES

LAST, BEST = "last.ckpt", "best.ckpt"


def train(
    recipe: str,
    data: Sequence[Path],
    output: Path,
    *,
    seed: int = 1,
    epochs: int | None = None,
    precision: str | None = None,
    threads: int | None = None,
    progress: bool = True,
) -> Path:
    """Train `recipe` on event stores; returns the run folder `output`.

    An unfinished run in `output` is resumed from its last epoch. Writes `run.json` (recipe, provenance, metrics),
    `weights.safetensors` (of the best epoch), `history/PART/metrics.csv` (a part per start) and the checkpoints.
    threads: of PyTorch.
    Raises InputError for an unknown recipe, unreadable data, or a folder that holds another run.
    """
    if recipe not in RECIPES:
        raise InputError("train", f"unknown recipe {recipe!r}", f"choose one of: {', '.join(RECIPES)}")
    changes = {"epochs": epochs, "precision": precision}
    plan = replace(RECIPES[recipe], **{k: v for k, v in changes.items() if v is not None})  # type: ignore[arg-type]
    task = TASKS[plan.task]
    if threads:
        torch.set_num_threads(threads)
    candidates = load_candidates(task, data, limit=plan.max_events)
    about = {"recipe": plan.to_json(), "seed": seed, "data": candidates.provenance, "candidates": len(candidates)}
    resume = _prepare(output, about)

    seed_everything(seed, verbose=False)
    config = {"input_scale": task.input_scale, **plan.config}
    network = build_model(plan.family, task.frame, config)
    training, validation = candidates.split(plan.validation_fraction)
    best = ModelCheckpoint(output, filename="best", monitor="validation_loss", enable_version_counter=False)
    callbacks: list[Callback] = [
        best,
        ModelCheckpoint(output, filename="last", every_n_epochs=1, enable_version_counter=False),
        EarlyStopping("validation_loss", patience=plan.patience),
    ]
    if progress:
        callbacks.append(TQDMProgressBar(refresh_rate=20))
    trainer = Trainer(
        max_epochs=plan.epochs,
        precision=plan.precision,  # type: ignore[arg-type]
        logger=CSVLogger(output, name="history", version=_next_part(output / "history")),
        callbacks=callbacks,
        plugins=[SafeCheckpointIO()],
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        enable_progress_bar=progress,
        enable_model_summary=False,
        deterministic=True,
    )
    module = TaskModule(network, task.output, plan.learning_rate)
    trainer.fit(module, CandidateData(training, validation, plan.batch_size, seed), ckpt_path=resume)

    chosen = SafeCheckpointIO().load_checkpoint(output / BEST)
    weights = {k.removeprefix("network."): v.contiguous() for k, v in chosen["state_dict"].items()}
    save_file(weights, output / "weights.safetensors")
    result = {
        "config": config,
        "epochs_trained": trainer.current_epoch,
        "best_epoch": int(chosen["epoch"]),
        "best_validation_loss": float(best.best_model_score or float("nan")),
        "machine": f"{platform.machine()}, {type(trainer.accelerator).__name__}, {torch.get_num_threads()} threads",
    }
    _write_json(output / "run.json", {**about, "state": "finished", **result, "versions": _versions()})
    return output


def _prepare(output: Path, about: dict[str, Any]) -> Path | None:
    """The checkpoint to resume from, if `output` holds an unfinished run of the same recipe, seed and data."""
    file = output / "run.json"
    output.mkdir(parents=True, exist_ok=True)
    if file.exists():
        earlier = json.loads(file.read_text())
        if any(earlier.get(key) != json.loads(json.dumps(value)) for key, value in about.items()):
            raise InputError(output, "holds a run of another recipe, seed or data", "choose another folder")
        if earlier["state"] == "finished":
            raise InputError(output, "holds a finished run", "choose another folder, or delete it")
        return output / LAST if (output / LAST).exists() else None
    _write_json(file, {**about, "state": "running", "versions": _versions()})
    return None


def _next_part(history: Path) -> str:
    return str(len(list(history.glob("*"))))


def _versions() -> dict[str, str]:
    return {"e2e": __version__, "torch": torch.__version__, "lightning": lightning.__version__}


def _write_json(path: Path, content: dict[str, Any]) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(content, indent=2) + "\n")
    temporary.replace(path)
