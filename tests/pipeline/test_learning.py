"""A network that is trained from nothing learns: the long way, not part of the quick suite."""

from dataclasses import replace

import pytest

from e2e.evaluation.evaluate import evaluate
from e2e.release import export
from e2e.simulation.simulate import simulate
from e2e.training.recipes import RECIPES
from e2e.training.train import train


@pytest.mark.slow
def test_the_mass_is_learned_from_a_few_thousand_events(tmp_path, monkeypatch):
    recipe = replace(RECIPES["diphoton-mass"], epochs=5, batch_size=64)
    monkeypatch.setitem(RECIPES, "diphoton-mass-short", recipe)
    events, test = (
        simulate("diphoton-mass", tmp_path / f"{seed}", num_events=number, seed=seed)
        for seed, number in ((31, 12_000), (32, 3_000))
    )
    run = train("diphoton-mass-short", [events], tmp_path / "run", threads=1, progress=False)
    result = evaluate(export(run, tmp_path / "bundle"), [test], tmp_path / "evaluation")
    errors = result["mean_absolute_error"]
    assert errors["network"]["value"] < 0.85 * errors["constant"]["value"]
