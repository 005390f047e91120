"""Codecs side by side, a dense autoencoder among them, from nothing to the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.cli import main
from e2e.comparison.codecs import compare_codecs
from e2e.datasets.convert import convert
from e2e.problems import InputError, Problems
from e2e.simulation.simulate import simulate
from e2e.training.pretrain import pretrain

BUNDLE = Path(__file__).parents[2] / "zoo" / "electron-photon-nano"


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Folder, result and problems; one codec has seen the test candidates."""
    folder = tmp_path_factory.mktemp("codecs")
    for name, seed, number in (("train", 61, 200), ("test", 62, 260)):
        convert([simulate("electron-photon", folder / f"{name}-events", num_events=number, seed=seed)], folder / name)
    options = {"features": 6, "epochs": 1, "threads": 1, "progress": False}
    pretrain("electron-photon-debug", [folder / "train"], folder / "vae", model="conv-vae-nano", **options)
    pretrain("electron-photon-debug", [folder / "test"], folder / "seen", model="conv-autoencoder-nano", **options)
    problems = Problems()
    codecs = ["pca:4:2,6", f"{folder / 'vae'}:3", str(folder / "seen")]
    inputs = {"data": [folder / "train"], "problems": problems}
    return folder, compare_codecs(codecs, [BUNDLE], [folder / "test"], folder / "out", **inputs), problems


def test_each_codec_has_its_scores(compared):
    folder, result, _ = compared
    assert json.loads((folder / "out" / "codecs.json").read_text()) == json.loads(json.dumps(result))
    lossless, *others = result["codecs"]
    assert [row["codec"] for row in others] == ["pca:4, rate 2", "pca:4, rate 6", "vae, rate 3"]
    assert lossless["frozen"][BUNDLE.name]["lost"] == {"value": 0.0, "error": 0.0}
    assert lossless["images"]["ecal_energy"]["precision"] == {"value": 1.0, "error": 0.0}
    assert lossless["bytes"]["value"] > 5 * others[1]["bytes"]["value"] > 5 * others[0]["bytes"]["value"]
    assert lossless["bytes"]["error"] > 0
    for row in others[:2]:
        images = row["images"]["ecal_energy"]
        assert 0 < images["recall"]["value"] < 1 and images["recall"]["error"] > 0
    for row in others:
        assert row["label_bytes"] == lossless["label_bytes"] > 10
        assert row["frozen"][BUNDLE.name]["lost"]["error"] > 0


def test_what_was_trained_on_the_candidates_is_left_out(compared):
    _, _, (problem,) = compared
    assert problem.where == "seen, rate 4" and "was trained on process electron-photon with seed 62" in problem.what


def test_table_page_and_plots(compared):
    folder, _, _ = compared
    table = (folder / "out" / "table.md").read_text()
    assert "| pca:4, rate 6 |" in table and "area lost" in table and "pixels from the seed" in table
    page = (folder / "out" / "index.html").read_text()
    assert page.count("<figure>") == 1 + 5 + 2  # the bundle; precision, recall, energy and two shapes; rings
    assert (folder / "out" / f"lost-{BUNDLE.name}.pdf").read_bytes().startswith(b"%PDF")


def test_nothing_is_measured_twice_unless_something_else_is_asked(compared, capsys):
    folder, result, _ = compared
    out = folder / "out"
    before = {path: path.stat().st_mtime_ns for path in (out / "codecs").iterdir()}
    command = ["compare-codecs", "pca:4:6", "--bundles", str(BUNDLE), "--test", str(folder / "test"), "-o", str(out)]
    command += ["--data", str(folder / "train")]
    assert main([*command, "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["codecs"] == [result["codecs"][0], result["codecs"][2]]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert main([*command, "--max-candidates", "100"]) == 0
    assert "100 test candidates" in capsys.readouterr().out
    assert (out / "codecs" / "lossless.json").stat().st_mtime_ns != before[out / "codecs" / "lossless.json"]


def test_bundles_of_one_task(compared, tmp_path):
    folder, *_ = compared
    others = [BUNDLE, BUNDLE.parent / "diphoton-mass-nano"]
    for bundles, message in ((others, "bundles of several tasks: diphoton-mass, electron-photon"), ([], "no bundle")):
        with pytest.raises(InputError, match=message):
            compare_codecs([], bundles, [folder / "test"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
