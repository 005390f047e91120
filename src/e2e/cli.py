"""The command line: one verb per step. Each verb is a Python function of the same name and defaults (`VERBS`)."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from e2e.cli_parser import make_parser
from e2e.problems import InputError, Problems

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
    "stress": "e2e.evaluation.stress",
    "compare": "e2e.comparison.compare",
    "verify": "e2e.inference.verify",
    "serve": "e2e.serving.serve",
    "bench": "e2e.bench.bench",
    "demo": "e2e.demo",
}

EXIT_OK, EXIT_BAD_INPUT, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130


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
    with _progress("events") as progress:
        result = verb_function("predict")(**options, progress=progress)
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


def _compress(**options: Any) -> int:
    with _progress("entries") as progress:
        result = verb_function("compress")(**options, progress=progress)
    print(result.summary())
    return _report(result.problems)


def _decompress(**options: Any) -> int:
    with _progress("candidates") as progress:
        result = verb_function("decompress")(**options, progress=progress)
    print(f"{result.num_candidates} candidates in {result.output}")
    return _report(result.problems)


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


def _train(verb: str = "train", **options: Any) -> int:
    from e2e.training.distributed import launched
    from e2e.training.run_folder import read_run

    run = verb_function(verb)(**options, progress=sys.stderr.isatty())
    if launched().is_first:
        about = read_run(run)
        print(f"trained: {run} ({about['candidates']} candidates, validation loss {about['best_validation_loss']:.4f})")
        if why := about.get("interval", {}).get("not_fitted"):
            print(f"the interval is not fitted to cover 68 %: {why}")
    return EXIT_OK


def _export(**options: Any) -> int:
    print(f"written: {verb_function('export')(**options)}")
    return EXIT_OK


def _evaluate(as_json: bool, **options: Any) -> int:
    from e2e.evaluation.evaluate import summary

    result = verb_function("evaluate")(**options)
    return _show(result, summary, options["output"], as_json)


def _stress(as_json: bool, **options: Any) -> int:
    from e2e.evaluation.stress import format_table

    result = verb_function("stress")(**options)
    return _show(result, format_table, options["output"], as_json)


def _show(result: dict[str, Any], to_text: Callable[[dict[str, Any]], str], output: Path, as_json: bool) -> int:
    if as_json:
        _print_json(result)
    else:
        print(to_text(result))
        print(f"all that was written: {output}")
    return EXIT_OK


def _compare(**options: Any) -> int:
    from e2e.comparison.table import format_table

    return _contest("compare", format_table, **options)


def _verify(as_json: bool, **options: Any) -> int:
    from e2e.inference.verify import format_table

    problems = Problems()
    found = verb_function("verify")(**options, problems=problems, say=partial(print, file=sys.stderr))
    if as_json:
        _print_json(found)
    else:
        print(format_table(found))
    return _report(problems)


def _serve(**options: Any) -> int:
    return verb_function("serve")(**options, say=partial(print, flush=True))


def _bench(**options: Any) -> int:
    from e2e.bench.report import format_table

    return _contest("bench", format_table, **options)


def _contest(verb: str, to_text: Callable[[dict[str, Any]], str], as_json: bool, **options: Any) -> int:
    """What could not take part is left out, and said at the end."""
    problems = Problems()
    result = verb_function(verb)(**options, problems=problems, say=partial(print, file=sys.stderr))
    _show(result, to_text, options["output"], as_json)
    return _report(problems)


def _demo(**options: Any) -> int:
    result = verb_function("demo")(**options, say=partial(print, flush=True))
    print(*result.lines, sep="\n")
    return _report(result.problems)


_RUN: dict[str, Callable[..., int]] = {
    "info": _info,
    "check": _check,
    "predict": _predict,
    "simulate": _simulate,
    "convert": _convert,
    "export-data": _export_data,
    "compress": _compress,
    "decompress": _decompress,
    "validate-simulation": _validate_simulation,
    "train": _train,
    "pretrain": partial(_train, verb="pretrain"),
    "export": _export,
    "evaluate": _evaluate,
    "stress": _stress,
    "compare": _compare,
    "verify": _verify,
    "serve": _serve,
    "bench": _bench,
    "demo": _demo,
}


if __name__ == "__main__":
    sys.exit(main())
