"""Write bundles anew from their own weights: the same network, card and numbers, in the form that ONNX has of it today.

    python tools/export_again.py BUNDLE...

Prints how far the new answers are from the golden ones of before. What `e2e verify --record` found of the old file is
dropped: call it again. Stops where weights or answers would change.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from e2e.bundles import load_bundle, verify_golden
from e2e.bundles.bundle import TRAINING_CURVE, TRAINING_HISTORY, WORKING_POINTS
from e2e.bundles.export import export_bundle, move_bundle
from e2e.bundles.network import load_network
from e2e.inference.engine import load_engine
from e2e.tasks import TASKS

VERSIONS = ("e2e", "torch", "onnx", "onnxruntime", "opset")  # of a bundle's provenance: those of the export


def main(path: Path) -> None:
    old = load_bundle(path)
    about = old.contract
    beside = [path / name for name in (TRAINING_CURVE, TRAINING_HISTORY, WORKING_POINTS)]
    with TemporaryDirectory(prefix=".again.", dir=path.parent) as folder:
        trial = Path(folder) / "trial"
        export_bundle(
            load_network(old).network,
            TASKS[about.task],
            trial,
            answers=about.model.answers,
            trained_pt_gev=about.trained_pt_gev,
            provenance={key: value for key, value in about.provenance.items() if key not in VERSIONS},
        )
        new = load_bundle(trial)
        if new.weights_path.read_bytes() != old.weights_path.read_bytes():
            sys.exit(f"{path}: its weights would change")
        deviation = verify_golden(old, load_engine(new).run_whole)
        texts = {file.name: file.read_text(encoding="utf-8") for file in beside if file.exists()}
        move_bundle(trial, path, about.training, texts)
    print(f"{path}: {old.onnx_path.stat().st_size} bytes, golden answers moved by {deviation:.1e} of their size")


if __name__ == "__main__":
    for bundle in sys.argv[1:]:
        main(Path(bundle))
