"""Where the function of each verb lives."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

# verb -> where its function lives; imported only when the verb runs, so that `e2e --help` is instant
VERBS = {
    "info": "e2e.info",
    "check": "e2e.checking.check",
    "predict": "e2e.inference.predict",
    "simulate": "e2e.simulation.simulate",
    "convert": "e2e.datasets.convert",
    "export-data": "e2e.datasets.export_data",
    "compress": "e2e.compression.compress",
    "decompress": "e2e.compression.decompress",
    "validate-simulation": "e2e.validation.validate",
    "train": "e2e.training.train",
    "pretrain": "e2e.training.pretrain",
    "export": "e2e.release",
    "evaluate": "e2e.evaluation.evaluate",
    "report": "e2e.report.report",
    "stress": "e2e.evaluation.stress",
    "compare": "e2e.comparison.compare",
    "compare-codecs": "e2e.comparison.codecs",
    "verify": "e2e.inference.verify",
    "serve": "e2e.serving.serve",
    "bench": "e2e.bench.bench",
    "display": "e2e.display.display",
    "demo": "e2e.demo",
    "completion": "e2e.cli.completion",
}


def verb_function(verb: str) -> Callable[..., Any]:
    return getattr(import_module(VERBS[verb]), verb.replace("-", "_"))
