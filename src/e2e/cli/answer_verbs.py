"""Arguments of the verbs that ask bundles, here or on a server, and show what they say."""

from __future__ import annotations

from pathlib import Path

from e2e.cli.arguments import PRECISION_HELP, SHELLS, Verb, as_json, inputs
from e2e.inference.names import DEVICES, ENGINE_NAMES, LOCAL_ENGINES, PRECISIONS


def add_answer_verbs(verb: Verb) -> None:
    add = verb("predict", "run a bundle on real or simulated events: one row per candidate")
    add("bundle", type=Path, metavar="BUNDLE", help="folder of a bundle, such as zoo/electron-photon")
    inputs(add)
    add("-o", "--output", type=Path, default=None, metavar="OUT.parquet", help="write the rows to this Parquet file")
    as_json(add)
    add("--engine", default="onnxruntime", choices=ENGINE_NAMES, help="what runs the bundle; see docs/engines.md")
    add(
        "--servers",
        nargs="+",
        default=(),
        metavar="URL",
        help="of the engine triton: HOST:PORT of gRPC, or http://HOST:PORT; several share the work",
    )
    add("--deadline", type=float, default=30.0, metavar="S", help="seconds that a batch waits for servers; 30")
    add("--no-fallback", dest="fallback", action="store_false", help="fail where no server answers")
    add(
        "--candidates",
        default="auto",
        choices=("auto", "objects", "seeds", "leading", "jets", "taus"),
        help="cut around the record's photons and electrons, isolated hot crystals, the event's hottest crystal; for "
        "bundles of jets around its jets or taus",
    )
    add("--batch-size", type=int, default=256, metavar="N", help="candidates that an engine is given at once; 256")
    parts = "processes; the output is then a folder with a part for each file, and an interrupted call goes on"
    add("--workers", type=int, default=None, metavar="W", help=parts)
    add("--dask", default=None, metavar="ADDRESS", help="of a Dask scheduler, whose workers to use instead")
    add("--threads", type=int, default=1, metavar="N", help="of the engine; 1")
    add("--device", default="cpu", choices=DEVICES, help="cuda, tensorrt: of the engines that can")
    add("--precision", default="fp32", choices=PRECISIONS, help=PRECISION_HELP)

    add = verb("display", "look at events in the browser: cells, tracks, jets, what the networks see and say")
    inputs(add)
    named = "places from 0, such as 3 or 0-9, or RUN:BLOCK:EVENT; the first 20 unless given"
    add("--events", "--event", nargs="+", default=(), metavar="N", help=named)
    add(
        "--bundles", "--bundle", nargs="+", type=Path, default=(), metavar="BUNDLE", help="whose crops and answers show"
    )
    add("-o", "--output", type=Path, default=None, metavar="OUT.html", help="one file, instead of serving the page")
    add("--phoenix", type=Path, default=None, metavar="OUT.json", help="events for Phoenix (HSF)")
    add("--port", type=int, default=8400, metavar="P", help="to serve the page on; 0: any")
    add("--host", default="127.0.0.1", metavar="ADDRESS", help="to listen on; this machine alone unless given")
    add("--open", dest="open_browser", action="store_true", help="open the page in the browser")
    as_json(add)

    add = verb("verify", "does every engine give a bundle's answers? batches, lengths, no pixel, extreme energies")
    add("bundles", nargs="+", type=Path, metavar="BUNDLE", help="folders of bundles")
    add("--engines", nargs="+", default=LOCAL_ENGINES, metavar="NAME", help=", ".join(LOCAL_ENGINES))
    add("--record", action="store_true", help="write what was found into the bundle's contract and card")
    as_json(add)

    add = verb("serve", "write a model repository of bundles and run a Triton server on it, until interrupted")
    add("bundles", nargs="+", type=Path, metavar="BUNDLE", help="folders of bundles")
    add("--repository", type=Path, default=None, metavar="DIR", help="kept, and added to; a temporary one unless given")
    add("--port", type=int, default=8000, metavar="P", help="of HTTP; gRPC has the next, metrics the one after; 0: any")
    add("--host", default="127.0.0.1", metavar="ADDRESS", help="to listen on; this machine alone unless given")
    add("--instances", type=int, default=1, metavar="N", help="of each model, with threads of its own")
    add("--threads", type=int, default=1, metavar="N", help="of each instance")
    add("--max-candidates", type=int, default=256, metavar="N", help="of one request")
    add("--certificate", type=Path, default=None, metavar="PEM", help="and --key: TLS for gRPC")
    add("--key", type=Path, default=None, metavar="PEM", help="of the certificate")
    as_json(add)

    add = verb("bench", "measure bundles in engines: latency, throughput, memory, start, share of the machine's best")
    add("bundles", nargs="+", type=Path, metavar="BUNDLE", help="folders of bundles")
    add("-o", "--output", type=Path, default=Path("bench"), metavar="DIR", help="for numbers and a page; bench")
    add("--data", type=Path, nargs="+", default=(), metavar="INPUT", help="candidates to ask; simulated unless given")
    add(
        "--engines",
        nargs="+",
        default=("onnxruntime", "pytorch"),
        metavar="NAME",
        help=f"{', '.join(ENGINE_NAMES)}; with a precision: pytorch-bf16",
    )
    add("--batch-sizes", type=int, nargs="+", default=(1, 32, 1024), metavar="N", help="1 32 1024")
    add("--threads", type=int, nargs="+", default=None, metavar="N", help="one, and as many as cores, unless given")
    add("--device", default="cpu", choices=DEVICES, help="cuda, tensorrt: of the engines that can")
    add("--rounds", type=int, default=5, metavar="N", help="in random order, so that what else runs meets all alike")
    add("--seconds", type=float, default=0.5, metavar="S", help="of each round")
    add("--against", type=Path, default=None, metavar="BENCH", help="a saved bench.json: what has changed since?")
    as_json(add)

    add = verb("demo", "simulate fresh events, predict both tasks, compare with the truth, write an HTML page")
    add("-o", "--output", type=Path, default=Path("demo"), metavar="DIR", help="for the page; demo")
    add("-n", "--num-events", type=int, default=4000, metavar="N", help="of each task; 4000")
    add("--seed", type=int, default=2026, metavar="S", help="of the simulation; 2026")
    add("--zoo", type=Path, default=Path("zoo"), metavar="DIR", help="folder of the shipped bundles; zoo")
    add("--real", type=Path, nargs="*", default=(), metavar="INPUT", help="real .ig files to predict on as well")
    as_json(add)

    add = verb("completion", "print what makes a shell complete verbs, options and names: see docs/command-line.md")
    add("shell", choices=SHELLS, help="yours")
