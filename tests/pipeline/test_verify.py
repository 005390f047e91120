"""`e2e verify`: every engine is tried, what is found stands on the card, a failure is named."""

import json
import shutil

import numpy as np
import pytest

from e2e import cli
from e2e.bundles import load_bundle
from e2e.cli.errors import EXIT_BAD_INPUT
from e2e.inference import verify as module
from e2e.inference.engine import ENGINES, LocalEngine
from e2e.inference.verify import format_table, verify
from e2e.problems import InputError, Problems

ENGINES_TRIED = ("onnxruntime", "torchscript")


@pytest.fixture
def bundle(untrained_bundle, tmp_path):
    return load_bundle(shutil.copytree(untrained_bundle.path, tmp_path / "bundle"))


class Wrong(LocalEngine):
    """Wrong for 64 at once, and right for any piece of them."""

    name = "onnxruntime"

    def __init__(self, bundle, options):
        super().__init__(options)
        self._right = ENGINES["pytorch"](bundle, options)

    def run_whole(self, packed):
        return self._right.run_whole(packed) + np.float32(0.1 * (len(packed.seed) == 64))


def test_agreement_is_recorded_and_read_again(bundle):
    found = verify([bundle.path], engines=ENGINES_TRIED, record=True)[str(bundle.path)]
    assert set(found) == set(ENGINES_TRIED)
    assert all(not verdict["failure"] and verdict["largest_deviation"] < 1e-5 for verdict in found.values())
    again = load_bundle(bundle.path)
    assert again.contract.engines["torchscript"].cases == found["torchscript"]["cases"] > 50
    assert "| torchscript | torch " in (bundle.path / "README.md").read_text()
    verify([bundle.path], engines=["pytorch"], record=True)
    assert list(load_bundle(bundle.path).contract.engines) == ["onnxruntime", "pytorch", "torchscript"]


def test_nothing_is_written_unless_asked(bundle):
    before = (bundle.path / "contract.json").read_bytes()
    verify([bundle.path], engines=["pytorch"])
    assert (bundle.path / "contract.json").read_bytes() == before


def test_an_engine_with_other_answers_is_named_on_the_card(bundle, monkeypatch, capsys):
    monkeypatch.setitem(ENGINES, "onnxruntime", Wrong)
    code = cli.main(["verify", str(bundle.path), "--engines", *ENGINES_TRIED, "--record"])
    captured = capsys.readouterr()
    assert code == EXIT_BAD_INPUT
    assert "| bundle | FAILS |" in captured.out
    assert "batch 64" in captured.err
    assert "**fails**: batch 64" in (bundle.path / "README.md").read_text()
    assert load_bundle(bundle.path).contract.engines["onnxruntime"].largest_deviation is None


def test_an_engine_that_breaks_is_named_and_the_others_are_tried(bundle, monkeypatch):
    class Breaks(Wrong):
        def run_whole(self, packed):
            raise Exception("the runtime's own kind of error")

    monkeypatch.setitem(ENGINES, "onnxruntime", Breaks)
    problems = Problems()
    found = verify([bundle.path], engines=ENGINES_TRIED, record=True, problems=problems)[str(bundle.path)]
    assert found["onnxruntime"]["failure"] == "the runtime's own kind of error" and problems.has_errors
    assert not found["torchscript"]["failure"]


def test_an_engine_that_is_not_installed_is_left_out_aloud(bundle, monkeypatch):
    def not_installed(*arguments):
        raise ModuleNotFoundError("No module named 'openvino'")

    monkeypatch.setitem(ENGINES, "openvino", not_installed)
    packages = {"openvino": "a-package-that-is-not-here", "pytorch": "torch"}
    monkeypatch.setattr(module, "package_of", packages.__getitem__)
    problems = Problems()
    found = verify([bundle.path], engines=["openvino", "pytorch"], problems=problems)
    assert list(found[str(bundle.path)]) == ["pytorch"]
    assert "not installed" in str(next(iter(problems))) and not problems.has_errors
    table = format_table(found)
    assert "openvino" not in table and "allowed: 1e-05" in table


def test_a_server_is_no_engine_of_this_machine(bundle):
    with pytest.raises(InputError, match="triton: no such engine on this machine"):
        verify([bundle.path], engines=["triton"])


@pytest.mark.parametrize(
    "damage",
    [{"version": 3}, {"cases": -1}, {"largest_deviation": "small"}, {"failure": 7}],
    ids=["version", "cases", "deviation", "failure"],
)
def test_a_damaged_record_is_refused_by_its_key(bundle, damage):
    path = bundle.path / "contract.json"
    good = {"version": "torch 2", "cases": 3, "largest_deviation": 1e-7, "failure": ""}
    path.write_text(json.dumps({**json.loads(path.read_text()), "engines": {"pytorch": good | damage}}))
    with pytest.raises(InputError, match=rf"engines\.pytorch\.{next(iter(damage))}"):
        load_bundle(bundle.path)
