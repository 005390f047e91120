"""The command line: one verb per step. Each verb is a Python function of the same name and defaults (`VERBS`)."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from e2e import __version__
from e2e.problems import InputError, Problems

# verb -> where its function lives; imported only when the verb runs, so that `e2e --help` is instant
VERBS = {
    "info": "e2e.info",
    "check": "e2e.checking.check",
    "predict": "e2e.inference.predict",
    "simulate": "e2e.simulation.simulate",
    "convert": "e2e.datasets.convert",
    "export-data": "e2e.datasets.export_data",
    "validate-simulation": "e2e.validation.validate",
    "train": "e2e.training.train",
    "export": "e2e.release",
    "evaluate": "e2e.evaluation.evaluate",
    "compare": "e2e.comparison.compare",
    "demo": "e2e.demo",
}

# what `e2e simulate` makes; a test holds them to TASKS and PROCESSES, which take longer to import
TASK_NAMES = ("electron-photon", "diphoton-mass", "quark-gluon", "top", "tau", "ditau-mass", "higgs-diphoton")
OTHER_PROCESSES = ("electron", "photon", "diphoton", "minimum-bias")

EXIT_OK, EXIT_BAD_INPUT, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

_EPILOG = """exit codes: 0 all done; 1 some input could not be used (one line on standard error says what, where and
what to do; other inputs were done); 2 the command line cannot be parsed; 130 interrupted"""


def verb_function(verb: str) -> Callable[..., Any]:
    return getattr(import_module(VERBS[verb]), verb.replace("-", "_"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    options = vars(make_parser().parse_args(arguments))
    verb = options.pop("verb")
    try:
        return _RUN[verb](**options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except (OSError, ArithmeticError) as error:
        if isinstance(error, BrokenPipeError):  # the reader of a pipe has gone: nothing more to say, to anyone
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return EXIT_BAD_INPUT
        print(f"error: {verb}: {type(error).__name__}: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def _report(problems: Problems) -> int:
    for problem in problems:
        print(problem, file=sys.stderr)
    return EXIT_BAD_INPUT if problems.has_errors else EXIT_OK


def _print_json(content: Any) -> None:
    print(json.dumps(content, allow_nan=False))


def _info(as_json: bool, **options: Any) -> int:
    from e2e.info import format_info

    found = verb_function("info")(**options)
    if as_json:
        _print_json(found.to_json())
    else:
        print(format_info(found))
    return _report(found.problems)


def _check(inputs: list[Path], as_json: bool) -> int:
    result = verb_function("check")(inputs)
    if as_json:
        _print_json(result.to_json())
    else:
        from e2e.checking.check import format_report

        print(format_report(result))
    code = _report(result.problems)
    return code or (EXIT_OK if result.passed else EXIT_BAD_INPUT)


def _predict(as_json: bool, **options: Any) -> int:
    result = verb_function("predict")(**options)
    if as_json:
        _print_json(result.to_json())
    elif result.timing.num_events:
        print(result.summary())
    if result.timing.num_events:
        print(result.throughput(), file=sys.stderr)
    return _report(result.problems)


def _simulate(pt: list[float] | None, **options: Any) -> int:
    from e2e.scale.progress import progress_bar

    total = options["num_events"]
    with progress_bar(total) as progress:
        path = verb_function("simulate")(**options, pt=(pt[0], pt[1]) if pt else None, progress=progress)
    print(f"{total} events in {path}")
    return EXIT_OK


def _convert(**options: Any) -> int:
    with _progress("entries") as progress:
        result = verb_function("convert")(**options, progress=progress)
    print(f"{result.num_candidates} candidates of {result.num_entries} events or images in {result.output}")
    return _report(result.problems)


def _export_data(**options: Any) -> int:
    with _progress("entries") as progress:
        count = verb_function("export-data")(**options, progress=progress)
    print(f"{count} candidates in {options['output']}")
    return EXIT_OK


@contextmanager
def _progress(unit: str) -> Iterator[Callable[[int, int], None]]:
    """For work that learns how much it is when it begins."""
    from e2e.scale.progress import progress_bar

    with ExitStack() as stack:
        bars: list[Callable[[int], None]] = []

        def show(done: int, total: int) -> None:
            if not bars:
                bars.append(stack.enter_context(progress_bar(total, unit)))
            bars[0](done)

        yield show


def _validate_simulation(**options: Any) -> int:
    result = verb_function("validate-simulation")(**options, say=partial(print, file=sys.stderr))
    print(result.format_table())
    return _report(result.problems)


def _train(**options: Any) -> int:
    from e2e.training.distributed import launched
    from e2e.training.run_folder import read_run

    run = verb_function("train")(**options, progress=sys.stderr.isatty())
    if launched().is_first:
        about = read_run(run)
        print(f"trained: {run} ({about['candidates']} candidates, validation loss {about['best_validation_loss']:.4f})")
    return EXIT_OK


def _export(**options: Any) -> int:
    print(f"bundle: {verb_function('export')(**options)}")
    return EXIT_OK


def _evaluate(as_json: bool, **options: Any) -> int:
    result = verb_function("evaluate")(**options)
    if as_json:
        _print_json(result)
    else:
        from e2e.evaluation.evaluate import summary

        print(summary(result))
        print(f"numbers and plots: {options['output']}")
    return EXIT_OK


def _compare(as_json: bool, **options: Any) -> int:
    from e2e.comparison.table import format_table

    problems = Problems()
    say = partial(print, file=sys.stderr)
    result = verb_function("compare")(**options, problems=problems, say=say)
    if as_json:
        _print_json(result)
    else:
        print(format_table(result))
        print(f"numbers and plots: {options['output']}")
    return _report(problems)


def _demo(**options: Any) -> int:
    result = verb_function("demo")(**options, say=print)
    print(*result.lines, sep="\n")
    return _report(result.problems)


_RUN: dict[str, Callable[..., int]] = {
    "info": _info,
    "check": _check,
    "predict": _predict,
    "simulate": _simulate,
    "convert": _convert,
    "export-data": _export_data,
    "validate-simulation": _validate_simulation,
    "train": _train,
    "export": _export,
    "evaluate": _evaluate,
    "compare": _compare,
    "demo": _demo,
}


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
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
    add("--engine", default="onnxruntime", choices=("onnxruntime", "pytorch"))
    add(
        "--candidates",
        default="auto",
        choices=("auto", "objects", "seeds", "leading", "jets"),
        help="cut around the record's photons and electrons, isolated hot crystals, the event's hottest crystal; jets",
    )
    add("--batch-size", type=int, default=256, metavar="N")
    add("--threads", type=int, default=1, metavar="N")
    add("--device", default="cpu", choices=("cpu", "cuda"))

    add = verb("simulate", "simulate events with a CMS-like response; goes on where an interrupted call was")
    add("process", metavar="PROCESS", help=f"a task: {', '.join(TASK_NAMES)}; or {', '.join(OTHER_PROCESSES)}")
    add("-n", "--num-events", type=int, default=1000, metavar="N")
    add("--seed", type=int, default=1, metavar="S", help="the same seed gives the same bytes")
    add("-o", "--output", type=Path, required=True, metavar="DIR", help="a folder of event stores")
    add("--pt", type=float, nargs=2, default=None, metavar=("LOW", "HIGH"), help="of a gun, GeV; 20 to 100")
    add("--pileup", type=float, default=0.0, metavar="MU", help="mean number of other collisions; 2012 data have 20")
    add("--pool", type=Path, default=None, metavar="FILE", help="pile-up pool to share between calls; made if missing")
    add("--workers", type=int, default=1, metavar="W", help="processes; the result does not depend on it")
    add("--dask", default=None, metavar="ADDRESS", help="of a Dask scheduler, whose workers to use instead")

    add = verb("convert", "files of any format to candidate stores; goes on where an interrupted call was")
    inputs(add)
    add("-o", "--output", type=Path, required=True, metavar="DIR", help="a folder of candidate stores")
    formats(add)
    add("--workers", type=int, default=1, metavar="W", help="processes; the result does not depend on it")
    add("--dask", default=None, metavar="ADDRESS", help="of a Dask scheduler, whose workers to use instead")

    add = verb("export-data", "candidates to dense images in the layouts of ML4SCI")
    inputs(add)
    add("-o", "--output", type=Path, required=True, metavar="FILE", help="ending in .parquet, .h5 or .hdf5")
    add("--task", default=None, metavar="TASK", help="for events that do not say it")

    add = verb("validate-simulation", "set the simulation beside real collisions: pictures and a table of distances")
    add("--against", type=Path, nargs="+", required=True, metavar="INPUT", help="files of real events")
    add("-o", "--output", type=Path, default=Path("validation"), metavar="DIR")
    add("--simulated", type=Path, nargs="*", default=(), metavar="INPUT", help="events to use; fresh ones unless given")
    add("--process", default="minimum-bias", metavar="PROCESS")
    add("-n", "--num-events", type=int, default=1000, metavar="N")
    add("--seed", type=int, default=1, metavar="S")
    add("--pileup", type=float, default=None, metavar="MU", help="from the vertices of the real events unless given")

    add = verb("train", "train the network of a task; resumes an unfinished run; torchrun shares it among processes")
    add("recipe", metavar="RECIPE", help="a task, or a task with -debug: seconds, and not good")
    inputs(add, "data")
    add("-o", "--output", type=Path, required=True, metavar="RUN")
    add("--model", default=None, metavar="NAME", help="such as sparse-vit-small; the recipe's unless given")
    add("--seed", type=int, default=1, metavar="S")
    add(
        "--start",
        type=Path,
        default=None,
        metavar="RUN",
        help="begin with the weights of an earlier run, also of fewer channels",
    )
    add("--epochs", type=int, default=None, metavar="N", help="the recipe's unless given")
    add("--precision", default=None, choices=("32-true", "bf16-mixed", "16-mixed"), help="the recipe's unless given")
    add("--learning-rate", type=float, default=None, metavar="R", help="peak; the recipe's unless given")
    add(
        "--accumulate",
        type=int,
        default=None,
        metavar="N",
        help="steps that make one update; the recipe's unless given",
    )
    add("--compile", action="store_true", help="train with torch.compile")
    add("--max-candidates", type=int, default=None, metavar="N", help="a random so many; all unless given")
    add("--threads", type=int, default=None, metavar="N")

    add = verb("export", "make a bundle of a trained run; refused unless PyTorch and ONNX Runtime agree")
    add("run", type=Path, metavar="RUN")
    add("-o", "--output", type=Path, required=True, metavar="BUNDLE")
    add("--test", type=Path, nargs="*", default=(), metavar="INPUT", help="unseen events for the card's numbers")

    add = verb("evaluate", "measure a bundle on simulated events it has not seen")
    add("bundle", type=Path, metavar="BUNDLE")
    inputs(add, "data")
    add("-o", "--output", type=Path, default=Path("evaluation"), metavar="DIR")
    as_json(add)
    add("--engine", default="onnxruntime", choices=("onnxruntime", "pytorch"))

    add = verb("compare", "train networks of many kinds alike and measure them on the same candidates")
    add("task", metavar="TASK", help="one that tells two kinds apart, such as quark-gluon")
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

    add = verb("demo", "simulate fresh events, predict both tasks, compare with the truth, write an HTML page")
    add("-o", "--output", type=Path, default=Path("demo"), metavar="DIR")
    add("-n", "--num-events", type=int, default=4000, metavar="N")
    add("--seed", type=int, default=2026, metavar="S")
    add("--zoo", type=Path, default=Path("zoo"), metavar="DIR")
    add("--real", type=Path, nargs="*", default=(), metavar="INPUT", help="real .ig files to predict on as well")
    return parser


if __name__ == "__main__":
    sys.exit(main())
