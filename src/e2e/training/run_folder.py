"""What is in the folder of a run: how it is read, taken up again, and begun from."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from e2e.bundles import load_bundle
from e2e.bundles.bundle import CONTRACT
from e2e.files import as_read_back, replacing
from e2e.problems import InputError
from e2e.training.recipes import whole_recipe

_OF_THE_ANSWERS = ("quantity", "relative", "joint")  # of a recipe: what the raw numbers mean
_MOST_TOLD = 4  # differences of two runs
RUN, WEIGHTS, LAST, BEST, HISTORY = "run.json", "weights.safetensors", "last.ckpt", "best.ckpt", "history"


def read_run(run: Path) -> dict[str, Any]:
    """The content of a run folder's `run.json`. Raises InputError when it is not one."""
    remedy = "give a folder that `e2e train` wrote"
    if not run.is_dir():
        raise InputError(run, "no such folder", remedy)
    try:
        about = json.loads((run / RUN).read_text())
    except (OSError, ValueError):
        raise InputError(run, f"not a training run: {RUN} is missing or unreadable", remedy) from None
    is_run = isinstance(about, dict) and {"recipe", "seed", "data", "state"} <= set(about)
    if not is_run or not isinstance(about["recipe"], dict):
        raise InputError(run, f"{RUN} is not that of a training run", remedy)
    return about


def save_weights(run: Path, weights: Mapping[str, Tensor]) -> None:
    with replacing(run / WEIGHTS) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, temporary)


def read_history(run: Path) -> list[dict[str, float]]:
    """A row for each epoch of a run, in order, of what was logged; without those of a part that was begun again."""
    epochs: dict[int, dict[str, float]] = {}
    parts = sorted((run / HISTORY).glob("*/metrics.csv"), key=lambda path: int(path.parent.name))
    for path in parts:
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                known = {name: float(value) for name, value in row.items() if value}
                epochs.setdefault(int(known.pop("epoch")), {}).update(known)
    return [{"epoch": float(epoch), **epochs[epoch]} for epoch in sorted(epochs)]


def load_weights(network: nn.Module, run: Path) -> None:
    """Put the weights of a finished run into a network. Raises InputError when they are missing or do not fit."""
    with _fitting(run):
        network.load_state_dict(load_file(run / WEIGHTS))


def load_encoder(network: nn.Module, run: Path) -> None:
    """As `load_weights`, of the encoder of an autoencoder."""
    with _fitting(run):
        network.load_state_dict(encoder_of(load_file(run / WEIGHTS)))


@contextmanager
def _fitting(run: Path, remedy: str = "train again") -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError):
        raise InputError(run, f"{WEIGHTS} is missing or damaged", "train again, or fetch it again") from None
    except (RuntimeError, KeyError):  # what PyTorch says of it is a list of every tensor
        raise InputError(run, f"{WEIGHTS} does not fit the network", remedy) from None


def read_start(start: Path) -> dict[str, Any]:
    """What `run.json` says of the finished run, or the contract of the bundle, whose weights a training begins with.
    Raises InputError for anything else."""
    if not (start / CONTRACT).exists():
        return read_run(start)
    contract = load_bundle(start).contract
    told = contract.training
    about = {key: told.get(key) for key in ("recipe", "seed", "candidates")}
    about["data"] = told.get("data", [])
    return {**about, "epochs_trained": told.get("epochs trained"), "channels": list(contract.frame.channels)}


def start_from(network: nn.Module, channels: Sequence[str], start: Path, recipe: Mapping[str, Any]) -> None:
    """Put the weights of a finished run or of a bundle into a network that has all its channels, or more; a head that
    gives other numbers, or whose numbers mean another thing by the `recipe`, stays as it is. Raises InputError when
    they do not fit."""
    about = read_start(start)
    known, before = about.get("channels", []), whole_recipe(about.get("recipe") or {})
    if before["family"] != recipe["family"]:
        what = f"is of the family {before['family']}, the network to train {recipe['family']}"
        raise InputError(start, what, "give the model that it was, or begin with another")
    own = network.state_dict()
    with _fitting(start, "begin with one of the same model and channels, or of fewer channels"):
        weights = encoder_of(load_file(start / WEIGHTS))
        if list(known) != list(channels) and set(known) <= set(channels):
            first = str(getattr(network, "CHANNEL_WEIGHT", ""))
            wide = torch.zeros_like(own[first])
            wide[:, [list(channels).index(name) for name in known]] = weights[first]
            weights[first] = wide
        head = [name for name in weights if name.startswith("head.")]
        means_another = any(before[key] != recipe[key] for key in _OF_THE_ANSWERS)
        if means_another or any(name in own and weights[name].shape[0] != own[name].shape[0] for name in head):
            weights |= {name: own[name] for name in head if name in own}
        network.load_state_dict(weights)


def encoder_of(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those of the network alone; an autoencoder's are its encoder's and its decoder's."""
    prefix = "backbone."
    own = {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}
    return own or weights


def start_decoder(network: nn.Module, start: Path) -> None:
    """Put what the decoder of an earlier run has into that of `network`, where it has the same shape."""
    own = network.state_dict()
    with _fitting(start):
        weights = {name: tensor for name, tensor in load_file(start / WEIGHTS).items() if name.startswith("decoder.")}
        same = {name: tensor for name, tensor in weights.items() if name in own and own[name].shape == tensor.shape}
        network.load_state_dict({**own, **same})


def trained_before(start: Path) -> dict[str, Any]:
    """What is kept of the run or bundle that weights begin with."""
    about = read_start(start)
    about = {**about, "data": data_seen(about)}
    return {key: about.get(key) for key in ("recipe", "seed", "data", "candidates", "epochs_trained")}


def data_seen(about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """By a run's weights, and by those that they were begun from: that is training data as well."""
    before = (about.get("start") or {}).get("data") or []
    return [*(about.get("data") or []), *before]


def resume_from(output: Path, earlier: dict[str, Any] | None, about: dict[str, Any]) -> Path | None:
    """The checkpoint to go on from, if `output` holds an unfinished run; `about`: what must be the same."""
    if earlier is None:
        return None
    wanted = {"start": None, **as_read_back(about)}  # a run with a start is not one without
    if isinstance(earlier.get("recipe"), dict):
        earlier = {**earlier, "recipe": whole_recipe(earlier["recipe"])}
    if others := _differences(earlier, wanted):
        told = "; ".join(others[:_MOST_TOLD]) + ("; and more" if len(others) > _MOST_TOLD else "")
        raise InputError(output, f"holds another run: {told}", "choose another folder")
    if earlier["state"] == "finished":
        raise InputError(output, "holds a finished run", "choose another folder, or delete it")
    return output / LAST if (output / LAST).exists() else None


def _differences(earlier: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """What is not the same: numbers and names with their values, the rest by name alone."""
    found = []
    for key, value in wanted.items():
        there = earlier.get(key)
        if there == value:
            continue
        if isinstance(there, dict) and isinstance(value, dict):
            within = "" if key == "recipe" else f"{key}: "
            found += [within + difference for difference in _differences(there, value)]
            continue
        is_short = all(isinstance(each, str | int | float | None) for each in (there, value))
        name = "processes" if key == "ranks" else key
        found.append(f"{name} {json.dumps(there)}, not {json.dumps(value)}" if is_short else f"different {name}")
    return found
