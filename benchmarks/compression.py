"""Bytes of a candidate against what they are worth: codecs side by side on the same unseen candidates.

    python benchmarks/compression.py --data TEST --bundle BUNDLE [--fit TRAIN] [--models RUN ...] [--rates 2 4 6]
        [--tolerances 0.01 0.1] [--components 64] [--candidates 1200]

`--models`: runs of `e2e pretrain` with features. `--components`: of principal components, fitted to as many candidates
of `--fit`. `--tolerances`: of zfp. Keys, of each codec: `bytes` of the pixels of a candidate (blocks of 64), `images`
as of `measure_images`, `frozen` as of `measure_frozen`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from e2e.bundles import load_bundle
from e2e.compression.codec import Codec
from e2e.compression.compressed_writer import BLOCK_CANDIDATES
from e2e.compression.frozen import measure_frozen
from e2e.compression.image_scores import measure_images
from e2e.compression.learned import LearnedCodec, load_autoencoder
from e2e.compression.lossless import SparseZstd
from e2e.compression.pca import fit_pca
from e2e.compression.quantise import Quantiser
from e2e.compression.zfp import Zfp
from e2e.datasets import load_candidates
from e2e.frames import Candidates
from e2e.tasks import TASKS, Task


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--fit", type=Path, nargs="+", default=())
    parser.add_argument("--models", type=Path, nargs="+", default=())
    parser.add_argument("--rates", type=float, nargs="+", default=(4.0,))
    parser.add_argument("--tolerances", type=float, nargs="+", default=())
    parser.add_argument("--components", type=int, nargs="+", default=())
    parser.add_argument("--candidates", type=int, default=1200)
    options = parser.parse_args()
    bundle = load_bundle(options.bundle)
    task = TASKS[bundle.contract.task]
    candidates = load_candidates(task, options.data).sample(options.candidates)
    pixels = candidates.candidates.load()
    result: dict[str, Any] = {"task": task.name, "bundle": str(options.bundle), "candidates": len(pixels), "codecs": {}}
    for name, codec in _codecs(task, options):
        size, found = _through(codec, pixels)
        images, frozen = measure_images(pixels, found)["channels"], measure_frozen(bundle, candidates, found)
        result["codecs"][name] = {"bytes": round(size / len(pixels), 1), "images": images, "frozen": frozen}
    print(json.dumps(result))


def _codecs(task: Task, options: argparse.Namespace) -> Iterator[tuple[str, Codec]]:
    yield "lossless", SparseZstd(task.frame)
    for tolerance in options.tolerances:
        yield f"zfp, tolerance {tolerance:g}", Zfp(task.frame, task.input_scale, tolerance)
    models: dict[str, Any] = {run.name: load_autoencoder(run) for run in options.models}
    spread = {name: (model.mean, model.scale) for name, model in models.items()}
    for features in options.components:
        known = load_candidates(task, options.fit).sample(options.candidates).candidates.load()
        name, model = f"{features} components", fit_pca(known, task.input_scale, features)
        vectors = model.vectors(known)
        models[name], spread[name] = model, (vectors.mean(axis=0), vectors.std(axis=0))
    for name, model in models.items():
        for rate in options.rates:
            yield f"{name}, rate {rate:g}", LearnedCodec(model, Quantiser(*spread[name], rate))


def _through(codec: Codec, pixels: Candidates) -> tuple[int, Candidates]:
    """Bytes of all, and what comes back."""
    blocks = [pixels.select(slice(i, i + BLOCK_CANDIDATES)) for i in range(0, len(pixels), BLOCK_CANDIDATES)]
    codes = [codec.encode(block) for block in blocks]
    found = [codec.decode(code, block.seeds) for code, block in zip(codes, blocks, strict=True)]
    return sum(map(len, codes)), Candidates.concatenate(found)


if __name__ == "__main__":
    main()
