"""The command line: quick to start, the same defaults as the functions, one clear line for a mistake."""

import argparse
import inspect
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from e2e import cli
from e2e.cli import arguments as cli_arguments
from e2e.cli import errors as cli_errors
from e2e.cli.completion import completion
from e2e.cli.parser import make_parser
from e2e.cli.verbs import verb_function
from e2e.simulation.processes import PROCESSES
from e2e.tasks import TASKS

ZOO = Path(__file__).parents[2] / "zoo"
HEAVY = ("numpy", "torch", "pyarrow", "matplotlib", "onnxruntime", "lightning", "scipy")


def arguments_of(verb: str) -> list[argparse.Action]:
    verbs = next(a for a in make_parser()._actions if isinstance(a, argparse._SubParsersAction))
    return verbs.choices[verb]._actions


def test_help_loads_nothing_heavy():
    script = (
        "import sys, e2e, e2e.cli\n"
        "try: e2e.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    for verb in cli.VERBS:
        assert verb in done.stdout


@pytest.mark.parametrize("verb", cli.VERBS)
def test_verb_is_a_function_with_the_same_defaults(verb):
    options = {a.dest: a.default for a in arguments_of(verb) if a.option_strings and not a.required}
    function = inspect.signature(verb_function(verb)).parameters
    shared = set(options) & set(function)
    assert shared or verb in ("check", "completion")
    for name in shared:
        assert options[name] == function[name].default, name
    assert set(options) - set(function) <= {"help", "as_json", "pt"}


def test_a_mistake_is_one_line_and_exit_code_1(capsys, tmp_path):
    code = cli.main(["simulate", "electron-foton", "-o", str(tmp_path / "x")])
    captured = capsys.readouterr()
    assert code == cli_errors.EXIT_BAD_INPUT
    assert captured.err.count("\n") == 1
    assert "did you mean 'electron-photon'" in captured.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("predct zoo/top x", "e2e: argument VERB: 'predct' is not known; did you mean 'predict'?"),
        ("predict zoo/top x --engine openvin", "e2e predict: argument --engine: 'openvin' is not known; did you mean"),
        ("train top x -o y --epoch 2", "e2e train: no option --epoch; did you mean --epochs?"),
        ("train top x -o y --learning-rat=2", "no option --learning-rat; did you mean --learning-rate?"),
        ("export a b", "e2e export: 'b' is one argument too many"),
        ("predict zoo/top x --threads many", "argument --threads: invalid int value: 'many'"),
        ("predict", "required: BUNDLE, INPUT"),
        ("", "required: VERB"),
        ("stress zoo/top x --others y", "argument --others: 'y' is not NAME=INPUT"),
    ],
)
def test_wrong_usage_is_one_line_with_the_nearest_name_and_exit_code_2(capsys, arguments, said):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments.split())
    assert caught.value.code == cli_errors.EXIT_USAGE
    captured = capsys.readouterr()
    assert not captured.out and captured.err.count("\n") == 1
    assert said in captured.err and "--help` shows what it takes" in captured.err


@pytest.mark.parametrize("verb", sorted(set(cli.VERBS) - {"completion"}))
def test_every_verb_speaks_json_and_explains_every_argument(verb):
    arguments = arguments_of(verb)
    assert "as_json" in {action.dest for action in arguments}
    assert [action.dest for action in arguments if not action.help] == []


@pytest.mark.parametrize("verb", ["predict zoo/none x", "bench zoo/none", "serve zoo/none"])
def test_no_threads_are_refused_alike(verb, capsys):
    assert cli.main([*verb.split(), "--threads", "0"]) == cli_errors.EXIT_BAD_INPUT
    assert "threads 0; give at least 1" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "has_colour"),
    [
        (Terminal, {}, True),
        (Terminal, {"NO_COLOR": "1"}, False),
        (Terminal, {"TERM": "dumb"}, False),
        (io.StringIO, {}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(monkeypatch, stream, environment, has_colour):
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", stream())
    cli_errors.print_problem("warning: a: b; c")
    printed = sys.stderr.getvalue()
    assert ("\033" in printed) is has_colour
    assert printed.endswith(": a: b; c\n")


def test_completion_knows_verbs_options_and_names(tmp_path):
    for shell in cli_arguments.SHELLS:
        script = completion(shell)
        for word in ("validate-simulation", "num-events", "quark-gluon-debug", "sparse-vit-nano", "openvino"):
            assert word in script
    (tmp_path / "e2e.bash").write_text(completion("bash"))
    (tmp_path / "events.parquet").touch()
    for words, offered in (
        ("e2e pred", "predict"),
        ("e2e train quark-gluon-d", "quark-gluon-debug"),
        ("e2e predict zoo/top --engine open", "openvino"),
        ("e2e info ev", "events.parquet"),
    ):
        ask = f"""source e2e.bash; COMP_WORDS=({words}); COMP_CWORD={len(words.split()) - 1}
COMP_LINE="{words}"; COMP_POINT={len(words)}; _shtab_e2e; echo "${{COMPREPLY[*]}}" """
        done = subprocess.run(["bash", "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout.split() == [offered]


def test_verbs_that_make_something_say_what_as_json(tmp_path, capsys):
    def run(*arguments: str | Path) -> dict[str, object]:
        assert cli.main([*map(str, arguments), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    events, stores, images = (tmp_path / name for name in ("events", "stores", "images.h5"))
    assert run("simulate", "electron-photon", "-n", 30, "-o", events) == {"output": str(events), "events": 30}
    assert run("convert", events, "-o", stores) == {"output": str(stores), "entries": 30, "candidates": 30}
    assert run("export-data", stores, "-o", images) == {"output": str(images), "candidates": 30}


def test_a_bundle_that_finds_nothing_says_what_it_takes(tmp_path, capsys):
    events = str(tmp_path / "events")
    assert cli.main(["simulate", "photon", "-n", "5", "-o", events]) == 0
    assert cli.main(["predict", str(ZOO / "quark-gluon-nano"), events]) == 0
    assert "nothing that quark-gluon-nano can answer for; it takes jets" in capsys.readouterr().err


def test_simulate_check_and_evaluate_by_hand(tmp_path, capsys, untrained_bundle):
    events = str(tmp_path / "events")
    assert cli.main(["simulate", "electron-photon", "-n", "60", "-o", events, "--pt", "50", "50"]) == 0
    assert cli.main(["check", events, "--json"]) == 0
    output = capsys.readouterr().out.splitlines()
    assert json.loads(output[-1])["subdetectors"]["EB"]["undecodable"] == 0
    arguments = [str(untrained_bundle.path), events, "-o", str(tmp_path / "evaluation"), "--json"]
    assert cli.main(["evaluate", *arguments]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["candidates"] == 60
    assert 0 <= result["auc"]["value"] <= 1
    written = {"evaluation.json", "score.svg", "roc.svg", "answers.parquet", "examples.parquet"}
    assert {file.name for file in (tmp_path / "evaluation").iterdir()} == written


def test_help_of_simulate_names_all_that_it_makes():
    assert set(cli_arguments.TASK_NAMES) == set(TASKS)
    assert {*cli_arguments.TASK_NAMES, *cli_arguments.OTHER_PROCESSES} == set(PROCESSES)
