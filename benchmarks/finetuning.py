"""What a training without labels is worth: fine-tuning and probes on shares of the labels, against scratch.

    python benchmarks/finetuning.py RUN TASK --data TRAIN --test TEST [--shares 0.01 0.1 1] [--seeds 3] [--epochs N]
        [--candidates N] [-o DIR]

RUN: of `e2e pretrain`. Keys: those of `finetuning.json`, see `e2e.comparison.finetuning`; `rows`, one for each share
and way (scratch, fine-tuned, linear probe, small network). What is in DIR is not trained again.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path

from e2e.comparison.finetuning import compare_starts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("start", type=Path)
    parser.add_argument("task")
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--test", type=Path, nargs="+", required=True)
    parser.add_argument("--shares", type=float, nargs="+", default=(0.01, 0.1, 1.0))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=None)
    parser.add_argument("--candidates", type=int, default=None)
    parser.add_argument("-o", "--output", type=Path, default=Path("finetuning"))
    options = vars(parser.parse_args())
    count = options.pop("candidates")
    print(json.dumps(compare_starts(**options, max_candidates=count, say=partial(print, file=sys.stderr))))


if __name__ == "__main__":
    main()
