"""What does a masked autoencoder save by leaving out what is hidden, and what is empty?

Its encoder alone (forward), and a step of pre-training (forward, loss, backward), on the same batches, one after the
other, one thread: `dense` (a token for each patch, as of a plain ViT), `occupied` (the sparse ViT, nothing hidden), and
with 50, 75 and 90 % of the occupied patches hidden at random. In a step all are asked for the same places, those that
are hidden at 75 %, so that only what is seen differs.

    python benchmarks/pretraining.py --data FOLDER_OF_JETS [--model sparse-vit-tiny] [--batches 8] [--batch-size 32]

Keys: of `encoder` and `step` candidates per second (median over batches) and `ratio_to_occupied` of the times, with its
error; `hiding`: candidates per second that are masked at 75 %; `tokens` of the fullest of a batch, on average.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from _measuring import machine
from _networks import in_turn, ratio
from torch import Tensor

from e2e.contract import FrameSpec
from e2e.datasets import load_candidates
from e2e.models import find_model, numbers_for
from e2e.models.autoencoder import Autoencoder, build_autoencoder
from e2e.models.decoders import DecoderConfig
from e2e.models.reconstruction import ReconstructionLoss
from e2e.tasks import TASKS
from e2e.training.augment import Pixels
from e2e.training.masking import Asked, Masking, hide

RATIOS, ASKED = (0.5, 0.75, 0.9), 0.75
WAYS = ("dense", "occupied", *(f"hidden {r:.0%}" for r in RATIOS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="quark-gluon")
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--model", default="sparse-vit-tiny")
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=32)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    task = TASKS[options.task]
    family, config = find_model(options.model)
    numbers = {"input_scale": task.input_scale, **numbers_for(family, task.network), **config}
    network = build_autoencoder(family, task.frame, numbers, DecoderConfig())
    loss = ReconstructionLoss(task.frame, network.view.patch)
    stored = load_candidates(task, options.data, needs_targets=False).sample(options.batches * options.batch_size)
    batches = [Pixels(*map(torch.from_numpy, packed)) for packed, _ in stored.batches(options.batch_size)]
    feeds = [_prepared(network, batch) for batch in batches]
    result: dict[str, Any] = {"machine": machine(), "model": options.model, "batch_size": options.batch_size}
    result["tokens"] = {
        name: round(float(np.mean([_tokens(network, feed[name].visible) for feed in feeds])), 1) for name in WAYS
    }
    for what, run in (("encoder", _encode), ("step", partial(_step, loss=loss))):
        ways = {name: partial(_call, run, network, name) for name in WAYS}
        in_turn(ways, feeds[:1])  # first calls take longer
        taken = in_turn(ways, feeds)
        speed = {name: round(options.batch_size / float(np.median(own)), 1) for name, own in taken.items()}
        ratios = {name: ratio(own, taken["occupied"]) for name, own in taken.items()}
        result[what] = {"candidates_per_second": speed, "ratio_to_occupied": ratios}
    hiding = in_turn({"hide": partial(_hide, network, hidden=ASKED)}, batches)["hide"]
    result["hiding"] = round(options.batch_size / float(np.median(hiding)), 1)
    print(json.dumps(result))


class Feed(NamedTuple):
    """What one way sees of a batch, the whole batch, and what is asked of all ways."""

    visible: Pixels
    batch: Pixels
    place: Tensor
    weight: Tensor


def _prepared(network: Autoencoder, batch: Pixels) -> dict[str, Feed]:
    asked = _hide(network, batch, hidden=ASKED)
    seen = {"dense": _filled(batch, network), "occupied": batch}
    seen |= {f"hidden {r:.0%}": _hide(network, batch, hidden=r).visible for r in RATIOS}
    return {name: Feed(visible, batch, asked.place, asked.weight) for name, visible in seen.items()}


def _hide(network: Autoencoder, batch: Pixels, *, hidden: float) -> Asked:
    return hide(batch, network.view, Masking(ratio=hidden), torch.Generator().manual_seed(1))


def _filled(pixels: Pixels, network: Autoencoder) -> Pixels:
    """A pixel of value 0 more in each patch, so that it becomes a token."""
    frame: FrameSpec = network.view.frame
    place = torch.arange(network.view.num_places)
    row, column = place // network.view.grid[1] * network.view.patch, place % network.view.grid[1] * network.view.patch
    index = (row * frame.columns + column).to(pixels.pixel_index.dtype).expand(len(pixels.seed), -1)
    more = (torch.cat((pixels.pixel_index, index), dim=1), torch.cat((pixels.pixel_value, 0 * index), dim=1))
    return Pixels(*more, pixels.seed)


def _tokens(network: Autoencoder, visible: Pixels) -> int:
    return network.backbone.tokens(*visible[:2]).values.shape[1]


def _call(run: Callable[..., object], network: Autoencoder, name: str, feed: Mapping[str, Feed]) -> None:
    run(network, feed[name])


@torch.no_grad()
def _encode(network: Autoencoder, feed: Feed) -> None:
    network.backbone.encoder(*network.backbone.tokens(*feed.visible[:2]))


def _step(network: Autoencoder, feed: Feed, *, loss: ReconstructionLoss) -> None:
    terms = loss(network(*feed.visible, feed.place), network.truth(*feed.batch[:2], feed.place), feed.weight)
    network.zero_grad()
    loss.total(terms).backward()


if __name__ == "__main__":
    main()
