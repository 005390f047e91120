"""What one update costs: AdamW, our Muon, and PyTorch's own Muon on the matrices, in turn in one process.

    python benchmarks/muon.py [--model sparse-vit-tiny] [--task electron-photon] [--turns 15]

Keys: `milliseconds` of each, and `torch_over_ours`, of the matrices alone, each the median of turns with their spread.
"""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Callable
from dataclasses import replace

import torch
from _measuring import Turns, machine, seconds

from e2e.models import build_model, find_model, numbers_for
from e2e.tasks import TASKS
from e2e.training.muon import Muon
from e2e.training.optimiser import parameter_groups
from e2e.training.recipes import RECIPES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="sparse-vit-tiny")
    parser.add_argument("--task", default="electron-photon", choices=TASKS)
    parser.add_argument("--turns", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    ways = _ways(options.model, options.task)
    for step in ways.values():
        step()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.turns):
        for name, step in ways.items():
            taken[name].append(1e3 * seconds(step))
    ratios = [torch_ms / ours_ms for torch_ms, ours_ms in zip(taken["torch_muon"], taken["matrices"], strict=True)]
    result = {
        "benchmark": "muon",
        "machine": machine(),
        "model": options.model,
        "torch": torch.__version__,
        "milliseconds": {name: _of(values) for name, values in taken.items()},
        "torch_over_ours": _of(ratios),
    }
    print(json.dumps(result))


def _ways(model: str, task_name: str) -> dict[str, Callable[[], object]]:
    """AdamW on all, ours on all, and the matrices alone by ours and by PyTorch's."""
    family, config = find_model(model)
    task, recipe = TASKS[task_name], replace(RECIPES[task_name], optimiser="muon")
    numbers = {"input_scale": list(task.scales_of(task.frame)), **numbers_for(family, task.network), **config}
    network = build_model(family, task.frame, numbers)

    def groups() -> list[dict[str, object]]:
        return [{**group, "params": copy.deepcopy(group["params"])} for group in parameter_groups(network, recipe)]

    matrices, others = ([group for group in groups() if group["is_orthogonal"]] for _ in range(2))
    for group in others:
        del group["is_orthogonal"]
    made = {
        "adamw": torch.optim.AdamW(groups(), lr=recipe.learning_rate),
        "ours": Muon(groups(), lr=recipe.learning_rate),
        "matrices": Muon(matrices, lr=recipe.learning_rate),
        "torch_muon": torch.optim.Muon(others, lr=recipe.learning_rate, adjust_lr_fn="match_rms_adamw"),
    }
    for optimiser in made.values():
        for group in optimiser.param_groups:
            for parameter in group["params"]:
                parameter.grad = torch.randn_like(parameter)
    return {name: optimiser.step for name, optimiser in made.items()}


def _of(values: list[float]) -> dict[str, float]:
    turns = Turns(values)
    return {"median": round(turns.median, 3), "spread": turns.spread}


if __name__ == "__main__":
    main()
