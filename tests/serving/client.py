"""A client of the server that the tests of this folder ask."""

from pathlib import Path

import numpy as np

from e2e.bundles.parity import check_agreement, random_candidates
from e2e.inference.engine import RemoteOptions, load_engine

ZOO = Path(__file__).parents[2] / "zoo"
NAME, OTHER = "diphoton-mass-nano", "quark-gluon-nano"


def remote(bundle, *urls, **options):
    return load_engine(bundle, "triton", remote=RemoteOptions(servers=urls, **options))


def some(bundle, number, seed=1):
    return random_candidates(np.random.default_rng(seed), bundle.contract.frame, number, 60)


def check_same(bundle, packed, outputs):
    scale, sizes = bundle.contract.tolerance_scale, bundle.contract.answer_sizes
    check_agreement("served", outputs, load_engine(bundle).run_whole(packed), scale, sizes)
