"""What the command line takes: verbs, arguments and their help. The defaults are those of the verbs' functions."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from e2e import __version__
from e2e.cli_errors import Parser
from e2e.inference.names import DEVICES, ENGINE_NAMES, LOCAL_ENGINES, PRECISIONS

# what `e2e simulate` makes; a test holds them to TASKS and PROCESSES, which take longer to import
TASK_NAMES = (
    "electron-photon",
    "diphoton-mass",
    "quark-gluon",
    "top",
    "top-mass",
    "tau",
    "ditau-mass",
    "higgs-diphoton",
)
OTHER_PROCESSES = ("electron", "photon", "diphoton", "minimum-bias")

_PRECISION = "other than fp32: faster, and other answers by as much as docs/engines.md says"

SHELLS = ("bash", "zsh", "fish")
_LEARNING = ("auto", "32-true", "bf16-mixed", "16-mixed")
_FAST = "auto unless given: what this machine is fast in"

_EPILOG = """exit codes: 0 all done; 1 some input could not be used (one line on standard error says what, where and
what to do; other inputs were done); 2 the command line cannot be parsed; 130 interrupted"""


def make_parser() -> Parser:
    parser = Parser(
        "e2e", description="End-to-End reconstruction for CMS: detector hits in, identity and mass out.", epilog=_EPILOG
    )
    parser.add_argument("--version", action="version", version=f"e2e {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, about: str) -> Callable[..., argparse.Action]:
        return verbs.add_parser(name, help=about, description=about).add_argument

    def inputs(add: Callable[..., argparse.Action], dest: str = "inputs") -> None:
        add(dest, nargs="+", type=Path, metavar="INPUT", help="files of events or candidates, or folders of them")

    def formats(add: Callable[..., argparse.Action]) -> None:
        add("--task", default=None, metavar="TASK", help=f"for events that do not say it: {', '.join(TASK_NAMES)}")
        add(
            "--channels",
            type=lambda text: tuple(text.split(",")),
            default=None,
            metavar="NAME,NAME",
            help="of images whose order is not known, as they are stored",
        )
        add("--endcap-factor", type=float, default=1.0, metavar="F", help="4 for images of MLAnalyzer's resample_EE")
        add("--hcal-factor", type=float, default=1.0, metavar="F", help="0.04 for images with undivided HCAL towers")

    def as_json(add: Callable[..., argparse.Action]) -> None:
        add("--json", dest="as_json", action="store_true", help="print JSON on standard output")

    add = verb("info", "what is in files or folders of any format: events, candidates, channels, sparsity, provenance")
    inputs(add)
    as_json(add)
    add("--plot", type=Path, default=None, metavar="OUT.svg", help="average image of each kind and channel")
    formats(add)

    add = verb("check", "does this file say what we think? DetIds, positions, CMS's own photon sums")
    inputs(add)
    as_json(add)

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
    add("--batch-size", type=int, default=256, metavar="N", help="candidates that are asked at once; 256")
    parts = "processes; the output is then a folder with a part for each file, and an interrupted call goes on"
    add("--workers", type=int, default=None, metavar="W", help=parts)
    add("--dask", default=None, metavar="ADDRESS", help="of a Dask scheduler, whose workers to use instead")
    add("--threads", type=int, default=1, metavar="N", help="of the engine; 1")
    add("--device", default="cpu", choices=DEVICES, help="cuda, tensorrt: of the engines that can")
    add("--precision", default="fp32", choices=PRECISIONS, help=_PRECISION)

    add = verb("simulate", "simulate events with a CMS-like response; goes on where an interrupted call was")
    add("process", metavar="PROCESS", help=f"a task: {', '.join(TASK_NAMES)}; or {', '.join(OTHER_PROCESSES)}")
    add("-n", "--num-events", type=int, default=1000, metavar="N", help="1000 unless given")
    add("--seed", type=int, default=1, metavar="S", help="the same seed gives the same bytes")
    add("-o", "--output", type=Path, required=True, metavar="DIR", help="a folder of event stores")
    add("--pt", type=float, nargs=2, default=None, metavar=("LOW", "HIGH"), help="of a gun, GeV; 20 to 100")
    add("--pileup", type=float, default=0.0, metavar="MU", help="mean number of other collisions; 2012 data have 20")
    add("--pool", type=Path, default=None, metavar="FILE", help="pile-up pool to share between calls; made if missing")
    add("--tune", type=int, default=None, metavar="N", help="of Pythia, by its number; 14, Monash 2013, unless given")
    add("--workers", type=int, default=1, metavar="W", help="processes; the result does not depend on it")
    add("--dask", default=None, metavar="ADDRESS", help="of a Dask scheduler, whose workers to use instead")
    as_json(add)

    add = verb("convert", "files of any format to candidate stores; goes on where an interrupted call was")
    inputs(add)
    add("-o", "--output", type=Path, required=True, metavar="DIR", help="a folder of candidate stores")
    formats(add)
    add("--workers", type=int, default=1, metavar="W", help="processes; the result does not depend on it")
    add("--dask", default=None, metavar="ADDRESS", help="of a Dask scheduler, whose workers to use instead")
    as_json(add)

    add = verb("export-data", "candidates to dense images in the layouts of ML4SCI")
    inputs(add)
    add("-o", "--output", type=Path, required=True, metavar="FILE", help="ending in .parquet, .h5 or .hdf5")
    add("--task", default=None, metavar="TASK", help="for events that do not say it")
    as_json(add)

    add = verb("compress", "candidates of any format to one small file, of which any can be read alone")
    inputs(add)
    add("-o", "--output", type=Path, required=True, metavar="FILE", help="whole or not at all")
    add("--task", default=None, metavar="TASK", help="for events that do not say it")
    add("--model", type=Path, default=None, metavar="RUN", help="of e2e pretrain --features N; lossless unless given")
    add("--rate", type=float, default=None, metavar="R", help="bits of each feature; 4 unless given")
    add("--tolerance", type=float, default=None, metavar="T", help="images under zfp: what a scaled value may be off")
    add(
        "--block", type=int, default=64, metavar="N", help="candidates that are compressed, and would be lost, together"
    )
    as_json(add)

    add = verb("decompress", "a file of compressed candidates to a candidate store; damaged ones are named")
    add("file", type=Path, metavar="FILE", help="that e2e compress wrote")
    add("-o", "--output", type=Path, required=True, metavar="OUT.parquet", help="a candidate store")
    add("--model", type=Path, default=None, metavar="RUN", help="that a file of feature vectors was compressed with")
    add("--start", type=int, default=0, metavar="I", help="first candidate to take")
    add("--stop", type=int, default=None, metavar="I", help="the one after the last; all unless given")
    as_json(add)

    add = verb("validate-simulation", "set the simulation beside real collisions: pictures and a table of distances")
    add("--against", type=Path, nargs="+", required=True, metavar="INPUT", help="files of real events")
    add("-o", "--output", type=Path, default=Path("validation"), metavar="DIR", help="for the page; validation")
    add("--simulated", type=Path, nargs="*", default=(), metavar="INPUT", help="events to use; fresh ones unless given")
    add("--process", default="minimum-bias", metavar="PROCESS", help="to simulate; minimum-bias")
    add("-n", "--num-events", type=int, default=1000, metavar="N", help="to simulate; 1000")
    add("--seed", type=int, default=1, metavar="S", help="of the simulation; 1")
    add("--pileup", type=float, default=None, metavar="MU", help="from the vertices of the real events unless given")
    as_json(add)

    add = verb("train", "train the network of a task; resumes an unfinished run; torchrun shares it among processes")
    add("recipe", metavar="RECIPE", help="a task, or a task with -debug: seconds, and not good")
    inputs(add, "data")
    add("-o", "--output", type=Path, required=True, metavar="RUN", help="folder of the run; an unfinished one goes on")
    add("--model", default=None, metavar="NAME", help="such as sparse-vit-small; the recipe's unless given")
    add("--seed", type=int, default=1, metavar="S", help="of weights, order and augmentation; 1")
    add(
        "--start",
        type=Path,
        default=None,
        metavar="RUN",
        help="begin with the weights of a run or a bundle, also of fewer channels",
    )
    add("--epochs", type=int, default=None, metavar="N", help="the recipe's unless given")
    add("--precision", default=None, choices=_LEARNING, help=_FAST)
    add("--optimiser", default=None, choices=("adamw", "muon"), help="the recipe's unless given")
    add("--learning-rate", type=float, default=None, metavar="R", help="peak; the recipe's unless given")
    add(
        "--accumulate",
        type=int,
        default=None,
        metavar="N",
        help="steps that make one update; the recipe's unless given",
    )
    kinds = ("quantiles", "gaussian", "point")
    add("--quantity", default=None, choices=kinds, help="how a mass is answered; the recipe's unless given")
    add("--corrects-bias", action="store_true", help="make the median response of a mass linear after the training")
    add("--relative", action="store_true", help="learn the logarithm of a mass: relative errors count alike")
    add("--joint", action="store_true", help="learn what the task has beside its own output too, such as the true pT")
    add("--compile", action="store_true", help="train with torch.compile")
    add("--max-candidates", type=int, default=None, metavar="N", help="a random so many; all unless given")
    add("--threads", type=int, default=None, metavar="N", help="of PyTorch; its own choice unless given")
    as_json(add)

    add = verb("pretrain", "train an encoder without labels, or a feature vector to compress candidates to; resumes")
    add("recipe", metavar="RECIPE", help="as of train, for the frame and how to learn")
    inputs(add, "data")
    add("-o", "--output", type=Path, required=True, metavar="RUN", help="folder of the run; an unfinished one goes on")
    add("--model", default="sparse-vit-tiny", metavar="NAME", help="sparse-vit or hybrid in one of their sizes")
    add("--features", type=int, default=0, metavar="N", help="length of the feature vector; 0: hide and ask, no vector")
    add("--mask", default="random", choices=("random", "block", "channel"), help="what is hidden together")
    add("--ratio", type=float, default=None, metavar="R", help="hidden, of what is occupied; 0.75, with features 0")
    add("--start", type=Path, default=None, metavar="RUN", help="begin with the weights of a run or bundle")
    add("--seed", type=int, default=1, metavar="S", help="of weights, order and masks; 1")
    add("--epochs", type=int, default=None, metavar="N", help="the recipe's unless given")
    add("--precision", default=None, choices=_LEARNING, help=_FAST)
    add("--learning-rate", type=float, default=None, metavar="R", help="peak; the recipe's unless given")
    add("--max-candidates", type=int, default=None, metavar="N", help="a random so many; all unless given")
    add("--threads", type=int, default=None, metavar="N", help="of PyTorch; its own choice unless given")
    as_json(add)

    add = verb("export", "make a bundle of a trained run; refused unless PyTorch and ONNX Runtime agree")
    add("run", type=Path, metavar="RUN", help="a training run; with --cmssw also a bundle")
    add("-o", "--output", type=Path, default=None, metavar="BUNDLE", help="folder of the bundle, whole or not at all")
    add("--test", type=Path, nargs="*", default=(), metavar="INPUT", help="unseen events for the card's numbers")
    add("--cmssw", type=Path, default=None, metavar="AREA", help="put it into $CMSSW_BASE/src, beside cmssw/RecoE2E")
    as_json(add)

    add = verb("evaluate", "measure a bundle on simulated events it has not seen")
    add("bundle", type=Path, metavar="BUNDLE", help="folder of a bundle")
    inputs(add, "data")
    add(
        "-o", "--output", type=Path, default=Path("evaluation"), metavar="DIR", help="for numbers and plots; evaluation"
    )
    as_json(add)
    add("--engine", default="onnxruntime", choices=LOCAL_ENGINES, help="what runs the bundle")
    add("--precision", default="fp32", choices=PRECISIONS, help=_PRECISION)

    add = verb("report", "a page of one evaluation, or of several on the same candidates: curves, bins, examples")
    add("evaluations", nargs="+", type=Path, metavar="EVALUATION", help="folders that `e2e evaluate` wrote")
    add("-o", "--output", type=Path, default=Path("report"), metavar="DIR", help="page, PDFs and JSON")
    as_json(add)

    add = verb("stress", "ask a bundle about candidates that are changed, or made otherwise: do its answers move?")
    add("bundle", type=Path, metavar="BUNDLE", help="folder of a bundle")
    inputs(add, "data")
    add("-o", "--output", type=Path, default=Path("stress"), metavar="DIR", help="for numbers, plots; stress")
    named = "samples made otherwise, such as more-pileup=FOLDER"
    add("--others", type=_named_path, nargs="*", default=(), metavar="NAME=INPUT", help=named)
    as_json(add)
    add("--engine", default="onnxruntime", choices=LOCAL_ENGINES, help="what runs the bundle")

    add = verb("compare", "train networks of many kinds alike and measure them on the same candidates")
    add("task", metavar="TASK", help="such as quark-gluon")
    add(
        "--models",
        nargs="+",
        required=True,
        metavar="MODEL",
        help="resnet15, sparse-vit-small, swinv2-tiny, ... (a wrong name prints all); or folders of runs or bundles",
    )
    add("--data", type=Path, nargs="+", default=(), metavar="INPUT", help="events or candidates to train on")
    add("--test", type=Path, nargs="+", required=True, metavar="INPUT", help="those that no model has seen")
    add("-o", "--output", type=Path, default=Path("comparison"), metavar="DIR", help="what is there is not made again")
    add("--seeds", type=int, default=1, metavar="N", help="trainings of each model")
    add("--leading", type=int, default=None, metavar="K", help="of the K best alone, the others having one")
    add("--sizes", type=int, nargs="*", default=(), metavar="N", help="training candidates, for learning curves")
    add("--epochs", type=int, default=None, metavar="N", help="the recipe's unless given")
    add("--max-candidates", type=int, default=None, metavar="N", help="to train on, a random so many; all unless given")
    add("--threads", type=int, default=1, metavar="N", help="of training; latency is that of one")
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

    add = verb("demo", "simulate fresh events, predict both tasks, compare with the truth, write an HTML page")
    add("-o", "--output", type=Path, default=Path("demo"), metavar="DIR", help="for the page; demo")
    add("-n", "--num-events", type=int, default=4000, metavar="N", help="of each task; 4000")
    add("--seed", type=int, default=2026, metavar="S", help="of the simulation; 2026")
    add("--zoo", type=Path, default=Path("zoo"), metavar="DIR", help="folder of the shipped bundles; zoo")
    add("--real", type=Path, nargs="*", default=(), metavar="INPUT", help="real .ig files to predict on as well")
    as_json(add)

    add = verb("completion", "print what makes a shell complete verbs, options and names: see docs/command-line.md")
    add("shell", choices=SHELLS, help="yours")
    return parser


def _named_path(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=INPUT")
    return name, Path(path)
