"""Train a task from event stores; a run can be stopped at any time and taken up again."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch import Trainer, seed_everything
from torch import nn

from e2e import __version__
from e2e.bundles.columns import answer_for
from e2e.contract import FrameSpec
from e2e.contract.answers import KINDS, AnswerKind
from e2e.datasets import CandidateSet, load_candidates
from e2e.datasets.candidate_set import SAMPLE_SEED
from e2e.files import make_folder, write_json
from e2e.models import build_model, count_parameters, find_model, graph_of, model_names, numbers_for
from e2e.problems import InputError, known_names
from e2e.tasks import TASKS, Task
from e2e.training.calibration import calibrate
from e2e.training.callbacks import Clock
from e2e.training.checkpoint import SafeCheckpointIO
from e2e.training.data import CandidateData
from e2e.training.distributed import launched
from e2e.training.module import Surroundings, TaskModule
from e2e.training.optimiser import parameter_groups
from e2e.training.precision import AUTO, resolve_precision
from e2e.training.recipes import OPTIMISERS, RECIPES, Optimiser, Recipe
from e2e.training.run_folder import BEST, RUN, read_run, resume_from, save_weights, start_from, trained_before
from e2e.training.trainer import best_checkpoint, fit, make_trainer


def train(
    recipe: str,
    data: Sequence[Path],
    output: Path,
    *,
    model: str | None = None,
    start: Path | None = None,
    seed: int = 1,
    epochs: int | None = None,
    precision: str | None = None,
    optimiser: Optimiser | None = None,
    learning_rate: float | None = None,
    accumulate: int | None = None,
    quantity: AnswerKind | None = None,
    corrects_bias: bool = False,
    relative: bool = False,
    joint: bool = False,
    compile: bool = False,
    max_candidates: int | None = None,
    threads: int | None = None,
    progress: bool = True,
) -> Path:
    """Train `recipe` on event stores or candidate stores; returns the run folder `output`.

    An unfinished run in `output` is resumed where it was at most `trainer.CHECKPOINT_EVERY` before it ended. Writes
    `run.json` (recipe, provenance, metrics), `weights.safetensors` (of the best epoch), `history/PART` (a part per
    start: `metrics.csv`, and TensorBoard's files where that is installed) and the checkpoints. Started by `torchrun`,
    its processes share each update's candidates, and the first one writes.
    model: another network than the recipe's, by its name in `e2e.models.find_model`.
    start: an earlier run or a bundle whose weights to begin with; those of channels that it did not have begin at zero,
    so that the first answers are the earlier ones. max_candidates: a random so many, to see what more would bring; the
    same for every network, seed and number of processes, and `run.json` says so under `selection`.
    optimiser: `adamw` or `muon`. learning_rate: peak of the schedule; with `start`, a third of the recipe's or less
    keeps what was learned. accumulate: steps that make one update. quantity: how a mass is answered: `quantiles`,
    `gaussian` or `point`; with corrects_bias its median response is made linear after the training (`fit_excess`).
    relative: learn the logarithm, so that the same share of a small and of a large mass counts alike. joint: learn what
    the task has beside its own output as well, such as the true pT; the bundle then gives that too. compile: by
    `torch.compile`, for a GPU. threads: of PyTorch.
    Raises InputError for an unknown recipe or model, unreadable or too few data, or a folder that holds another run,
    FloatingPointError for a loss that is no number, whose batch is then in the folder.
    """
    changes: dict[str, Any] = {"quantity": quantity, "corrects_bias": corrects_bias or None, "joint": joint or None}
    changes |= {"relative": relative or None, "optimiser": optimiser}
    changes |= {"epochs": epochs, "precision": precision, "learning_rate": learning_rate, "accumulate": accumulate}
    plan = _plan(recipe, seed, threads, max_candidates=max_candidates, compile=compile or None, **changes)
    if model is not None:
        plan = _with_model(plan, model)
    launch = launched()
    task = TASKS[plan.task]
    if threads:
        torch.set_num_threads(threads)
    earlier = read_run(output) if (output / RUN).exists() else None
    plan = replace(plan, precision=_precision(plan, earlier))
    frame = replace(task.frame, channels=plan.channels) if plan.channels else task.frame
    candidates, selection = _select(load_candidates(task, data, frame, plan.max_events), plan, data)
    outputs = task.outputs if plan.joint else (task.output,)
    if plan.joint:
        candidates = candidates.with_beside(task)
    about: dict[str, Any] = {"recipe": plan.to_json(), "seed": seed, "ranks": launch.ranks}
    about |= {"data": candidates.provenance, "candidates": len(candidates), **selection}
    if start is not None:
        about["start"] = trained_before(start)
    resume = resume_from(output, earlier, about)

    seed_everything(seed, verbose=False)
    of_task = numbers_for(plan.family, task.network)
    config = {"input_scale": list(task.scales_of(frame)), **of_task, **plan.config}
    answers = tuple(answer_for(output, plan.quantity, relative=plan.relative) for output in outputs)
    if (num_raw := sum(answer.num_raw for answer in answers)) != 1:
        config["num_outputs"] = num_raw
    network = _network(plan, frame, config)
    if start is not None:
        start_from(network, frame.channels, start, plan.to_json())
    training, validation = _split(candidates, plan, seed, launch.ranks)
    updates = plan.epochs * ceil(training.num_batches(plan.batch_size, launch.ranks) / plan.accumulate)
    make_folder(output)
    module = TaskModule(network, Surroundings(plan, frame, answers, seed, updates, output))
    best, clock = best_checkpoint(output), Clock()
    trainer = make_trainer(plan, output, [clock, best], launch, progress=progress and launch.is_first)
    if launch.is_first:
        write_json(output / RUN, {**about, "state": "running", "versions": _versions()})
    at_once = plan.batch_size if graph_of(network) else 4 * plan.batch_size  # without gradients; edges are many
    fit(trainer, module, CandidateData(training, validation, plan.batch_size, at_once, seed), resume)

    if launch.is_first:
        chosen = SafeCheckpointIO().load_checkpoint(output / BEST)
        weights = {name.removeprefix("network."): tensor for name, tensor in chosen["state_dict"].items()}
        save_weights(output, weights)
        result = {
            "config": config,
            "channels": list(frame.channels),
            "parameters": count_parameters(network),
            "epochs_trained": trainer.current_epoch,
            "best_epoch": int(chosen["epoch"]),
            "best_validation_loss": float(best.best_model_score or float("nan")),
            "training_seconds": round(clock.seconds, 1),
            "machine": _machine(trainer),
        }
        network.load_state_dict(weights)
        where = at_once, trainer.strategy.root_device
        result |= calibrate(network, answers, task, validation, *where, corrects_bias=plan.corrects_bias)
        write_json(output / RUN, {**about, "state": "finished", **result, "versions": _versions()})
    trainer.strategy.barrier()  # nobody leaves before the run is written
    return output


def _plan(recipe: str, seed: int, threads: int | None, **changes: Any) -> Recipe:
    """The recipe with what the caller gave; None keeps the recipe's own."""
    if recipe not in RECIPES:
        raise InputError("train", f"unknown recipe {recipe!r}", known_names(recipe, RECIPES))
    limits = {"epochs": 1, "accumulate": 1, "max_candidates": 2, "threads": 1, "seed": 0}
    given = {**changes, "threads": threads, "seed": seed}
    for name, least in limits.items():
        value = given[name]
        if value is not None and value < least:
            raise InputError("train", f"{name} {value}", f"give at least {least}")
    if changes["joint"] and not TASKS[RECIPES[recipe].task].beside:
        raise InputError(
            "train",
            f"a joint training of {recipe}",
            "it has one output; joint is for " + _names_of(lambda task: bool(task.beside)),
        )
    if changes["relative"] and not TASKS[RECIPES[recipe].task].output.is_positive:
        raise InputError(
            "train",
            f"a relative training of {recipe}",
            "it asks for no quantity above zero; relative is for " + _names_of(lambda task: task.output.is_positive),
        )
    if (optimiser := changes["optimiser"]) is not None and optimiser not in OPTIMISERS:
        raise InputError("train", f"unknown optimiser {optimiser!r}", f"choose one of: {', '.join(OPTIMISERS)}")
    kind = changes["quantity"]
    if kind is not None and (kind not in KINDS or kind == "probability"):
        raise InputError("train", f"quantity {kind!r}", "choose one of: quantiles, gaussian, point")
    rate = changes["learning_rate"]
    if rate is not None and not 0 < rate < 1:
        raise InputError("train", f"learning rate {rate}", "give a number between 0 and 1")
    return replace(RECIPES[recipe], **{key: value for key, value in changes.items() if value is not None})


def _names_of(is_one: Callable[[Task], bool]) -> str:
    return ", ".join(name for name, task in TASKS.items() if is_one(task))


def _precision(plan: Recipe, earlier: dict[str, Any] | None) -> str:
    """That of the machine where the run was begun, for all of it."""
    begun = earlier["recipe"] if earlier is not None else None
    if plan.precision == AUTO and isinstance(begun, dict) and "precision" in begun:
        return resolve_precision(str(begun["precision"]))
    return resolve_precision(plan.precision)


def _select(whole: CandidateSet, plan: Recipe, data: Sequence[Path]) -> tuple[CandidateSet, dict[str, Any]]:
    """What the recipe takes of the candidates, and how `run.json` says it: nothing where it takes all."""
    if plan.max_candidates is None:
        return whole, {}
    if plan.max_candidates > len(whole):
        what = f"{len(whole)} candidates, fewer than max_candidates {plan.max_candidates}"
        raise InputError(", ".join(map(str, data)), what, f"give at most {len(whole)}, or more data")
    of = {"random": plan.max_candidates, "of": len(whole), "seed": SAMPLE_SEED}
    return whole.sample(plan.max_candidates), {"selection": of}


def _with_model(plan: Recipe, model: str) -> Recipe:
    if model not in model_names():
        raise InputError("train", f"unknown model {model!r}", f"known: {', '.join(model_names())}")
    family, config = find_model(model)
    return replace(plan, family=family, config=config)


def _network(plan: Recipe, frame: FrameSpec, config: dict[str, Any]) -> nn.Module:
    """Raises InputError when the numbers do not go together."""
    try:
        network = build_model(plan.family, frame, config)
    except ValueError as error:
        raise InputError("train", f"{plan.family} for {plan.task}: {error}", "choose another model") from None
    parameter_groups(network, plan)  # refuses now rather than after the run has begun
    return network


def _split(candidates: CandidateSet, plan: Recipe, seed: int, ranks: int) -> tuple[CandidateSet, CandidateSet]:
    """To train on, and to validate with. Raises InputError when a process would have none of either."""
    parts = candidates.split(plan.validation_fraction, seed)
    if not all(part.num_batches(plan.batch_size, ranks) for part in parts):
        what = f"{len(candidates)} candidates are too few for {ranks} process{'es' if ranks > 1 else ''}"
        raise InputError("train", what, "give more data")
    for number, output in enumerate(TASKS[plan.task].outputs[1:] if plan.joint else (), start=1):
        if any(np.isnan(part.targets[:, number]).all() for part in parts):
            raise InputError("train", f"no candidate's {output.name} is known", "leave joint out, or give other data")
    return parts


def _machine(trainer: Trainer) -> str:
    return f"{platform.machine()}, {type(trainer.accelerator).__name__}, {torch.get_num_threads()} threads"


def _versions() -> dict[str, str]:
    return {"e2e": __version__, "torch": torch.__version__, "lightning": lightning.__version__}
