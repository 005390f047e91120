"""Train an encoder without labels, or a feature vector to compress candidates to; resumable like every training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import seed_everything

from e2e.datasets import CandidateSet
from e2e.files import make_folder
from e2e.models.autoencoder import Autoencoder, autoencoder_names, build_autoencoder, find_autoencoder
from e2e.models.decoders import DecoderConfig
from e2e.models.reconstruction import LossWeights
from e2e.problems import InputError, known_names
from e2e.tasks import TASKS
from e2e.training.beginning import begin, check_options, split
from e2e.training.calibration import raw_answers
from e2e.training.data import CandidateData
from e2e.training.distributed import launched
from e2e.training.fitting import finish, fit_and_keep, num_updates
from e2e.training.masking import Kind, Masking
from e2e.training.module import Surroundings
from e2e.training.pretraining import PretrainingModule
from e2e.training.recipes import RECIPES, Recipe
from e2e.training.run_folder import resume_from, start_decoder, start_from

AS_FEATURES = "features"  # what a recipe says of the quantity: the network's numbers mean none


def pretrain(
    recipe: str,
    data: Sequence[Path],
    output: Path,
    *,
    model: str = "sparse-vit-tiny",
    features: int = 0,
    mask: Kind = "random",
    ratio: float | None = None,
    start: Path | None = None,
    seed: int = 1,
    epochs: int | None = None,
    precision: str | None = None,
    learning_rate: float | None = None,
    max_candidates: int | None = None,
    threads: int | None = None,
    progress: bool = True,
) -> Path:
    """Train an autoencoder on candidates, labelled or not, of any task with this frame; returns the run folder.

    recipe: as of `train`, for the frame and how to learn. model: of the families sparse-vit and hybrid, whose network
    becomes the encoder; or, with features alone, conv-autoencoder or conv-vae, dense ones to compare with. features: 0
    pre-trains the encoder, which is asked for what it does not see; a number makes a feature vector of this length,
    from which everything is read back. mask: what is hidden: `random` patches, a `block` of them, or single channels of
    patches (`channel`). ratio: of what is occupied; 0.75 unless given, 0 with features. start: an earlier run of
    `pretrain` or `train`, or a bundle, of the same model, whose weights to begin with.
    `e2e train --start OUTPUT --model MODEL` fine-tunes the encoder, that of a dense one as the model conv. The folder
    and the other options are as in `train`.
    Raises InputError for what does not go together, unreadable or too few data, or a folder that holds another run.
    """
    changes = {"epochs": epochs, "precision": precision, "learning_rate": learning_rate}
    plan, decoder = _plan(recipe, model, features, {**changes, "max_candidates": max_candidates})
    check_options("pretrain", threads=threads, seed=seed, max_candidates=max_candidates, **changes)
    masking, weights, launch = _masking(mask, ratio, features), LossWeights(), launched()
    begun = begin(plan, data, output, seed=seed, ranks=launch.ranks, start=start, threads=threads, needs_targets=False)
    plan, frame, candidates, about, earlier = begun
    task = TASKS[plan.task]
    written = {**about["recipe"], "quantity": AS_FEATURES}
    written["pretraining"] = {"masking": asdict(masking), "decoder": decoder.to_json(), "loss": asdict(weights)}
    about["recipe"] = written
    resume = resume_from(output, earlier, about)

    seed_everything(seed, verbose=False)
    config = {"input_scale": list(task.scales_of(frame)), "num_outputs": decoder.num_outputs}
    config |= {**about["of_task"], **plan.config}
    network = build_autoencoder(plan.family, frame, config, decoder)
    if start is not None:
        start_from(network.backbone, frame.channels, start, written)
        start_decoder(network, start)
    training, validation = split(candidates, plan, seed, launch.ranks, "pretrain")
    make_folder(output)
    surroundings = Surroundings(plan, frame, seed, num_updates(training, plan, launch.ranks), output)
    module = PretrainingModule(network, surroundings, masking, weights)
    shuffled = CandidateData(training, validation, plan.batch_size, plan.batch_size, seed)
    fitted = fit_and_keep(plan, output, about, module, shuffled, launch, resume=resume, progress=progress)
    if launch.is_first:
        result = {"config": config, "channels": list(frame.channels), **fitted.result}
        if features:
            network.load_state_dict(fitted.weights)
            result["features"] = _spread(network, validation, plan.batch_size, fitted.trainer.strategy.root_device)
        finish(output, about, result)
    fitted.trainer.strategy.barrier()  # nobody leaves before the run is written
    return output


def _plan(recipe: str, model: str, features: int, changes: dict[str, Any]) -> tuple[Recipe, DecoderConfig]:
    """The recipe of a training with labels, with another network, and what the caller gave."""
    if recipe not in RECIPES:
        raise InputError("pretrain", f"unknown recipe {recipe!r}", known_names(recipe, RECIPES))
    if model not in (names := autoencoder_names()):
        raise InputError("pretrain", f"no autoencoder {model!r}", known_names(model, names))
    try:
        family, config, decoder = find_autoencoder(model, features)
    except ValueError as error:
        raise InputError("pretrain", f"{model} of {features} features: {error}", "give other options") from None
    given = {name: value for name, value in changes.items() if value is not None}
    return replace(RECIPES[recipe], family=family, config=config, **given), decoder


def _masking(mask: Kind, ratio: float | None, features: int) -> Masking:
    """Raises InputError for what does not go together."""
    try:
        masking = Masking(mask, ratio if ratio is not None else 0.0 if features else 0.75)
    except ValueError as error:
        raise InputError("pretrain", str(error), "give other options") from None
    if not features and not masking.ratio:
        raise InputError("pretrain", "nothing hidden and no features", "give a ratio above 0, or features")
    return masking


def _spread(
    network: Autoencoder, candidates: CandidateSet, batch_size: int, device: torch.device
) -> dict[str, list[float]]:
    """Mean and standard deviation of each feature, for who rounds them. Features of a variational vector have one
    scale, that of their prior: one that says nothing then costs nothing."""
    vectors = raw_answers(network.backbone, candidates, batch_size, device)[:, : network.features]
    scale = np.ones(network.features) if network.is_variational else vectors.std(axis=0)
    return {"mean": vectors.mean(axis=0).tolist(), "scale": scale.tolist()}
