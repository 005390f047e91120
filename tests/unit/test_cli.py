"""The command line: quick to start, the same defaults as the functions, one clear line for a mistake."""

import argparse
import inspect
import json
import subprocess
import sys

import pytest

from e2e import cli, cli_parser
from e2e.simulation.processes import PROCESSES
from e2e.tasks import TASKS

HEAVY = ("numpy", "torch", "pyarrow", "matplotlib", "onnxruntime", "lightning", "scipy")


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
    parser = cli.make_parser()
    verbs = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    options = {a.dest: a.default for a in verbs.choices[verb]._actions if a.option_strings and not a.required}
    function = inspect.signature(cli.verb_function(verb)).parameters
    shared = set(options) & set(function)
    assert shared or verb == "check"
    for name in shared:
        assert options[name] == function[name].default, name
    assert set(options) - set(function) <= {"help", "as_json", "pt"}


def test_a_mistake_is_one_line_and_exit_code_1(capsys, tmp_path):
    code = cli.main(["simulate", "electron-foton", "-o", str(tmp_path / "x")])
    captured = capsys.readouterr()
    assert code == cli.EXIT_BAD_INPUT
    assert captured.err.count("\n") == 1
    assert "did you mean 'electron-photon'" in captured.err


def test_wrong_usage_is_exit_code_2(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["predict"])
    assert caught.value.code == cli.EXIT_USAGE


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
    assert set(cli_parser.TASK_NAMES) == set(TASKS)
    assert {*cli_parser.TASK_NAMES, *cli_parser.OTHER_PROCESSES} == set(PROCESSES)
