"""Where should a sparse candidate be cut into its occupied patches, and how embedded?

Three ways to the same tokens, timed one after the other on each jet, one thread, batch 1, in ONNX Runtime:
`scatter` (in the network: pixels into their patches, then one matrix), `segment_sum` (in the network: a row of the
matrix for each hit, summed by patch), `core` (C++ outside gathers the patches, the network multiplies them).

    python benchmarks/patches.py [--data FOLDER_OF_JETS]

Keys: `milliseconds` of each (median over jets), `ratio_to_scatter` with its error, `bytes` that a bundle would take.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from _measuring import machine
from _networks import in_turn, milliseconds, one_by_one, ratio, session
from torch import Tensor, nn

from e2e.models.base import ModelConfig, PixelFeatures
from e2e.models.views import PatchView, occupied_slots
from e2e.tasks import TASKS

TASK, PATCH, WIDTH = TASKS["quark-gluon"], 5, 128
CONFIG = ModelConfig(TASK.frame, TASK.input_scale, features=("value", "log", "occupied"))
PLANE = len(TASK.frame.channels) * PATCH**2


class Scatter(nn.Module):
    def __init__(self, embed: nn.Linear) -> None:
        super().__init__()
        self.pixels, self.view, self.embed = PixelFeatures(CONFIG), PatchView(TASK.frame, PATCH), embed

    def forward(self, pixel_index: Tensor, pixel_value: Tensor) -> Tensor:
        return self.embed(self.view(pixel_index, self.pixels(pixel_index, pixel_value)).values)


class SegmentSum(nn.Module):
    def __init__(self, embed: nn.Linear) -> None:
        super().__init__()
        self.pixels, self.bias = PixelFeatures(CONFIG), embed.bias
        self.rows = nn.Parameter(embed.weight.detach().reshape(WIDTH, 3, PLANE).permute(2, 1, 0).contiguous())

    def forward(self, pixel_index: Tensor, pixel_value: Tensor) -> Tensor:
        frame, across = TASK.frame, -(-TASK.frame.columns // PATCH)
        features = torch.stack(self.pixels(pixel_index, pixel_value), dim=2)
        is_padding = pixel_index < 0
        index = torch.where(is_padding, 0.0, pixel_index).to(torch.int64)
        column, row = index % frame.columns, index // frame.columns % frame.rows
        num_places = across * -(-frame.rows // PATCH)
        place = torch.where(is_padding, num_places, row // PATCH * across + column // PATCH)
        inside = (index // (frame.rows * frame.columns) * PATCH + row % PATCH) * PATCH + column % PATCH
        slot, slot_place = occupied_slots(place, num_places)
        hits = (self.rows[inside] * features[..., None]).sum(dim=2)  # (batch, pixels, width)
        tokens = hits.new_zeros(index.shape[0], slot_place.shape[1] + 1, WIDTH)
        return tokens.scatter_add(1, slot[..., None].expand(-1, -1, WIDTH), hits)[:, :-1] + self.bias


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", default=[], help="simulated unless given")
    parser.add_argument("-n", type=int, default=500, help="jets")
    options = parser.parse_args()
    jets = one_by_one(TASK, options.data, options.n)
    torch.manual_seed(1)
    embed = nn.Linear(3 * PLANE, WIDTH)
    with tempfile.TemporaryDirectory() as folder:
        pixels = {"pixel_index": {0: "batch", 1: "pixels"}, "pixel_value": {0: "batch", 1: "pixels"}}
        example = tuple(torch.from_numpy(values) for values in jets[0][:2])
        scatter = session(Scatter(embed).eval(), example, pixels, Path(folder) / "scatter.onnx")
        segment_sum = session(SegmentSum(embed).eval(), example, pixels, Path(folder) / "segment_sum.onnx")
        tokens = (torch.rand(1, 9, 3 * PLANE),)
        product = session(embed, tokens, {"input": {0: "batch", 1: "tokens"}}, Path(folder) / "product.onnx")
        gather = gatherer(Path(folder))

        def by_core(feed: dict[str, np.ndarray]) -> np.ndarray:
            return product.run(None, {"input": gather(feed)})[0]

        ways = {"scatter": lambda f: scatter.run(None, f)[0], "segment_sum": lambda f: segment_sum.run(None, f)[0]}
        ways |= {"core": by_core, "core, gathering alone": gather}
        feeds = [dict(zip(("pixel_index", "pixel_value"), jet[:2], strict=True)) for jet in jets]
        for feed in feeds[:20]:
            for way in ("segment_sum", "core"):
                np.testing.assert_allclose(ways[way](feed), ways["scatter"](feed), rtol=1e-4, atol=1e-4)
        taken = in_turn(ways, feeds)
        num_tokens = [len(gather(feed)[0]) for feed in feeds]
    num_pixels = np.mean([feed["pixel_index"].shape[1] for feed in feeds])
    print(
        json.dumps(
            {
                "benchmark": "patches",
                "machine": machine(),
                "jets": len(feeds),
                "pixels": float(num_pixels),
                "tokens": float(np.mean(num_tokens)),
                "milliseconds": milliseconds(taken),
                "ratio_to_scatter": {name: ratio(own, taken["scatter"]) for name, own in taken.items()},
                "bytes": {"pixels": 8 * float(num_pixels), "patches": 4 * float(np.mean(num_tokens)) * (3 * PLANE + 1)},
            }
        )
    )


def gatherer(folder: Path):
    """patches.cc as a function of a feed: (1, tokens, numbers)."""
    source = Path(__file__).with_name("patches.cc")
    subprocess.run(["c++", "-O3", "-std=c++17", "-shared", "-fPIC", source, "-o", folder / "patches.so"], check=True)
    run = ctypes.CDLL(str(folder / "patches.so")).gatherPatches
    run.restype, floats = ctypes.c_int64, np.ctypeslib.ndpointer(np.float32, flags="C")
    run.argtypes = [floats, floats, ctypes.c_int64, floats, *[ctypes.c_int64] * 4, floats, floats]
    channels, rows, columns = TASK.frame.shape
    places = -(-rows // PATCH) * -(-columns // PATCH)
    tokens, place = np.empty((places, 3 * PLANE), np.float32), np.empty(places, np.float32)
    scale = np.array(TASK.input_scale, dtype=np.float32)

    def gather(feed):
        index, value = (feed[name][0] for name in ("pixel_index", "pixel_value"))
        count = run(index, value, len(index), scale, channels, rows, columns, PATCH, tokens, place)
        return tokens[None, :count]

    return gather


if __name__ == "__main__":
    main()
