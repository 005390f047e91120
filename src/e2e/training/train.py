"""Train a task from event stores; a run can be stopped at any time and taken up again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import seed_everything
from torch import nn

from e2e.bundles.columns import answer_for
from e2e.contract import FrameSpec
from e2e.contract.answers import KINDS, AnswerKind
from e2e.datasets import CandidateSet
from e2e.files import make_folder
from e2e.models import build_model, find_model, graph_of, model_names
from e2e.problems import InputError, known_names
from e2e.tasks import TASKS, Task
from e2e.training.beginning import begin, check_options, split
from e2e.training.calibration import calibrate
from e2e.training.data import CandidateData
from e2e.training.distributed import launched
from e2e.training.fitting import finish, fit_and_keep, num_updates
from e2e.training.module import Surroundings, TaskModule
from e2e.training.optimiser import parameter_groups
from e2e.training.recipes import RECIPES, Optimiser, Recipe
from e2e.training.run_folder import resume_from, start_from


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
    `torch.compile`, for a GPU. threads: of PyTorch. progress: on standard error a bar, or a line for each epoch where
    that is no terminal.
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
    begun = begin(plan, data, output, seed=seed, ranks=launch.ranks, start=start, threads=threads)
    plan, frame, candidates, about, earlier = begun
    task = TASKS[plan.task]
    outputs = task.outputs if plan.joint else (task.output,)
    resume = resume_from(output, earlier, about)

    seed_everything(seed, verbose=False)
    config = {"input_scale": list(task.scales_of(frame)), **about["of_task"], **plan.config}
    answers = tuple(answer_for(output, plan.quantity, relative=plan.relative) for output in outputs)
    if (num_raw := sum(answer.num_raw for answer in answers)) != 1:
        config["num_outputs"] = num_raw
    network = _network(plan, frame, config)
    if start is not None:
        start_from(network, frame.channels, start, plan.to_json())
    training, validation = _split(candidates, plan, seed, launch.ranks)
    make_folder(output)
    surroundings = Surroundings(plan, frame, seed, num_updates(training, plan, launch.ranks), output)
    at_once = plan.batch_size if graph_of(network) else 4 * plan.batch_size  # without gradients; edges are many
    shuffled = CandidateData(training, validation, plan.batch_size, at_once, seed)
    module = TaskModule(network, surroundings, answers)
    fitted = fit_and_keep(plan, output, about, module, shuffled, launch, resume=resume, progress=progress)

    if launch.is_first:
        network.load_state_dict(fitted.weights)
        where = at_once, fitted.trainer.strategy.root_device
        found = calibrate(network, answers, task, validation, *where, corrects_bias=plan.corrects_bias)
        seen = {"channels": list(frame.channels), "pt_range": None if frame.is_whole else candidates.pt_range}
        finish(output, about, {"config": config, **seen, **fitted.result, **found})
    fitted.trainer.strategy.barrier()  # nobody leaves before the run is written
    return output


def _plan(recipe: str, seed: int, threads: int | None, **changes: Any) -> Recipe:
    """The recipe with what the caller gave; None keeps the recipe's own."""
    if recipe not in RECIPES:
        raise InputError("train", f"unknown recipe {recipe!r}", known_names(recipe, RECIPES))
    check_options("train", threads=threads, seed=seed, **changes)
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
    kind = changes["quantity"]
    if kind is not None and (kind not in KINDS or kind == "probability"):
        raise InputError("train", f"quantity {kind!r}", "choose one of: quantiles, gaussian, point")
    return replace(RECIPES[recipe], **{key: value for key, value in changes.items() if value is not None})


def _names_of(is_one: Callable[[Task], bool]) -> str:
    return ", ".join(name for name, task in TASKS.items() if is_one(task))


def _with_model(plan: Recipe, model: str) -> Recipe:
    if model not in model_names():
        raise InputError("train", f"unknown model {model!r}", known_names(model, model_names()))
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
    """As `split`; every further answer must be known of some candidates of both."""
    parts = split(candidates, plan, seed, ranks)
    for number, output in enumerate(TASKS[plan.task].outputs[1:] if plan.joint else (), start=1):
        if any(np.isnan(part.targets[:, number]).all() for part in parts):
            raise InputError("train", f"no candidate's {output.name} is known", "leave joint out, or give other data")
    return parts
