"""Bytes of a candidate against what they are worth: `e2e compare-codecs`, with its numbers as JSON.

    python benchmarks/compression.py CODEC ... --bundles BUNDLE --test TEST [--data TRAIN] [--candidates 1200] [-o DIR]

CODEC: `lossless`, `zfp:0.01,0.1`, `pca:64:2,4`, `RUN:2,4,6` of a run of `e2e pretrain` with features. Keys: those of
`codecs.json`, see docs/compression.md; of each codec `bytes` of the pixels of a candidate, `images` as of
`measure_images`, `frozen` as of `measure_frozen`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from e2e.comparison.codecs import compare_codecs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("codecs", nargs="+")
    parser.add_argument("--bundles", type=Path, nargs="+", required=True)
    parser.add_argument("--test", type=Path, nargs="+", required=True)
    parser.add_argument("--data", type=Path, nargs="+", default=())
    parser.add_argument("--candidates", type=int, default=1200)
    parser.add_argument("-o", "--output", type=Path, default=Path("codecs"))
    options = vars(parser.parse_args())
    count = options.pop("candidates")
    print(json.dumps(compare_codecs(**options, max_candidates=count)))


if __name__ == "__main__":
    main()
