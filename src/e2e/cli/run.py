"""Run a verb: its function, its progress, what it prints, its exit code."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from e2e.cli.errors import EXIT_BAD_INPUT, EXIT_INTERRUPTED, EXIT_OK, print_problem
from e2e.cli.parser import make_parser
from e2e.cli.verbs import verb_function
from e2e.problems import InputError, Problems
from e2e.scale.progress import progress_bar, progress_from_start


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    options = vars(make_parser().parse_args(arguments))
    verb = options.pop("verb")
    try:
        return _RUN[verb](**options)
    except InputError as error:
        print_problem(f"error: {error}")
        return EXIT_BAD_INPUT
    except (OSError, ArithmeticError) as error:
        if isinstance(error, BrokenPipeError):  # the reader of a pipe has gone: nothing more to say, to anyone
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return EXIT_BAD_INPUT
        print_problem(f"error: {verb}: {type(error).__name__}: {error}")
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def _report(problems: Problems) -> int:
    for problem in problems:
        print_problem(str(problem))
    return EXIT_BAD_INPUT if problems.has_errors else EXIT_OK


def _print_json(content: Any) -> None:
    print(json.dumps(content, allow_nan=False), flush=True)


def _print_line(as_json: bool, line: str, **said: Any) -> None:
    """The line, or what it says as JSON."""
    if as_json:
        _print_json(said)
    else:
        print(line, flush=True)


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
    with progress_from_start("events") as progress:
        result = verb_function("predict")(**options, progress=progress)
    if as_json:
        _print_json(result.to_json())
    elif result.timing.num_events:
        print(result.summary())
    if result.timing.num_events:
        print(result.throughput(), file=sys.stderr)
        if not result.timing.num_candidates:  # of jets, say, in events of guns
            asked = "jets" if result.contract.frame.grid == "stitched" else "photons, electrons and hot crystals"
            where, what = (
                ", ".join(map(str, options["inputs"])),
                f"nothing that {options['bundle'].name} can answer for",
            )
            result.problems.report(where, what, f"it takes {asked}; see `e2e info`", "warning")
    return _report(result.problems)


def _simulate(pt: list[float] | None, as_json: bool, **options: Any) -> int:
    total = options["num_events"]
    with progress_bar(total) as progress:
        path = verb_function("simulate")(**options, pt=(pt[0], pt[1]) if pt else None, progress=progress)
    _print_line(as_json, f"{total} events of {options['process']} in {path}", output=str(path), events=total)
    return EXIT_OK


def _convert(as_json: bool, **options: Any) -> int:
    with progress_from_start("entries") as progress:
        result = verb_function("convert")(**options, progress=progress)
    candidates, entries = result.num_candidates, result.num_entries
    line = f"{candidates} candidates of {entries} events or images in {result.output}"
    _print_line(as_json, line, output=str(result.output), entries=entries, candidates=candidates)
    return _report(result.problems)


def _export_data(as_json: bool, **options: Any) -> int:
    with progress_from_start("entries") as progress:
        count = verb_function("export-data")(**options, progress=progress)
    output = str(options["output"])
    _print_line(as_json, f"{count} candidates in {output}", output=output, candidates=count)
    return EXIT_OK


def _compress(as_json: bool, **options: Any) -> int:
    with progress_from_start("entries") as progress:
        result = verb_function("compress")(**options, progress=progress)
    said = {"output": str(result.output), "candidates": result.num_candidates, "bytes": result.num_bytes}
    _print_line(as_json, result.summary(), **said)
    return _report(result.problems)


def _decompress(as_json: bool, **options: Any) -> int:
    with progress_from_start("candidates") as progress:
        result = verb_function("decompress")(**options, progress=progress)
    line = f"{result.num_candidates} candidates in {result.output}"
    _print_line(as_json, line, candidates=result.num_candidates, output=str(result.output))
    return _report(result.problems)


def _validate_simulation(as_json: bool, **options: Any) -> int:
    result = verb_function("validate-simulation")(**options, say=partial(print, file=sys.stderr))
    if as_json:
        _print_json(result.to_json())
    else:
        print(result.format_table())
    return _report(result.problems)


def _train(as_json: bool, verb: str = "train", **options: Any) -> int:
    from e2e.training.distributed import launched
    from e2e.training.run_folder import read_run

    run = verb_function(verb)(**options)
    if launched().is_first:
        about = read_run(run)
        loss = f"validation loss {about['best_validation_loss']:.4f}"
        _print_line(as_json, f"trained: {run} ({about['candidates']} candidates, {loss})", output=str(run), **about)
        if not as_json and (why := about.get("interval", {}).get("not_fitted")):
            print(f"the interval is not fitted to cover 68 %: {why}")
    return EXIT_OK


def _export(as_json: bool, **options: Any) -> int:
    written = str(verb_function("export")(**options, say=partial(print, file=sys.stderr)))
    _print_line(as_json, f"written: {written}", output=written)
    return EXIT_OK


def _evaluate(as_json: bool, **options: Any) -> int:
    from e2e.evaluation.evaluate import summary

    result = verb_function("evaluate")(**options)
    return _show(result, summary, options["output"], as_json)


def _write_report(as_json: bool, **options: Any) -> int:
    from e2e.report.report import summary

    result = verb_function("report")(**options)
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
        page = output / "index.html"
        print(f"written: {page if page.is_file() else output}")
    return EXIT_OK


def _compare(**options: Any) -> int:
    from e2e.comparison.table import format_table

    return _contest("compare", format_table, **options)


def _compare_codecs(**options: Any) -> int:
    from e2e.comparison.codec_page import format_codecs

    return _contest("compare-codecs", format_codecs, **options)


def _verify(as_json: bool, **options: Any) -> int:
    from e2e.inference.verify import format_table

    problems = Problems()
    found = verb_function("verify")(**options, problems=problems, say=partial(print, file=sys.stderr))
    if as_json:
        _print_json(found)
    else:
        print(format_table(found))
    return _report(problems)


def _serve(as_json: bool, **options: Any) -> int:
    return verb_function("serve")(**options, ready=lambda at: _print_line(as_json, str(at), **at._asdict()))


def _bench(**options: Any) -> int:
    from e2e.bench.report import format_table

    return _contest("bench", format_table, **options)


def _display(as_json: bool, **options: Any) -> int:
    result = verb_function("display")(**options, say=partial(print, flush=True, file=sys.stderr if as_json else None))
    if as_json:
        _print_json(result.to_json())
    else:
        for path in result.paths:
            print(f"{result.num_events} of {result.total} events in {path}")
    return _report(result.problems)


def _contest(verb: str, to_text: Callable[[dict[str, Any]], str], as_json: bool, **options: Any) -> int:
    """What could not take part is left out, and said at the end."""
    problems = Problems()
    result = verb_function(verb)(**options, problems=problems, say=partial(print, file=sys.stderr))
    _show(result, to_text, options["output"], as_json)
    return _report(problems)


def _demo(as_json: bool, **options: Any) -> int:
    result = verb_function("demo")(**options, say=partial(print, file=sys.stderr, flush=True))
    _print_line(as_json, "\n".join(result.lines), output=str(options["output"]), lines=result.lines)
    return _report(result.problems)


def _completion(shell: str) -> int:
    print(verb_function("completion")(shell))
    return EXIT_OK


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
    "report": _write_report,
    "stress": _stress,
    "compare": _compare,
    "compare-codecs": _compare_codecs,
    "verify": _verify,
    "serve": _serve,
    "bench": _bench,
    "display": _display,
    "demo": _demo,
    "completion": _completion,
}
