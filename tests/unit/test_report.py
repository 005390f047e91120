"""A report says what the evaluations say, of one model or of several, and refuses what does not belong together."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from e2e.bundles import load_bundle
from e2e.bundles.bundle import TRAINING_HISTORY, read_golden
from e2e.bundles.network import load_network, run_network
from e2e.contract import FrameSpec
from e2e.datasets import CandidateSet
from e2e.datasets.labels import complete_labels
from e2e.evaluation import examples
from e2e.evaluation.answers import ANSWERS, Answers, read_answers, write_answers
from e2e.evaluation.evaluate import evaluate
from e2e.evaluation.examples import EXAMPLES, choose_examples, read_examples
from e2e.evaluation.plots import roc_points, training_figure
from e2e.frames import Candidates, Seeds
from e2e.metrics import area_under_curve, efficiency
from e2e.problems import InputError
from e2e.report import curves, evaluations, gallery, score_numbers, score_sections, sculpting
from e2e.report.evaluations import read_evaluations
from e2e.report.report import report
from e2e.report.saliency import attributions
from e2e.report.sculpting import divergence
from e2e.simulation.simulate import simulate
from e2e.tasks import TASKS

ZOO = Path(__file__).parents[2] / "zoo"
TAGGER, REGRESSION = ZOO / "electron-photon-nano", ZOO / "diphoton-mass-nano"


@pytest.fixture(scope="module")
def made(tmp_path_factory, untrained_bundle):
    """Evaluations of two taggers on the same events, and of a regression; with few examples."""
    folder = tmp_path_factory.mktemp("evaluations")
    patch = pytest.MonkeyPatch()
    patch.setattr(examples, "NUM_EXAMPLES", 2)
    simulate("electron-photon", folder / "events", num_events=300, seed=31)
    simulate("diphoton-mass", folder / "pairs", num_events=300, seed=33)
    evaluate(TAGGER, [folder / "events"], folder / "tagger")
    evaluate(untrained_bundle.path, [folder / "events"], folder / "untrained")
    patch.setattr(examples, "NUM_EXAMPLES", 1)
    evaluate(REGRESSION, [folder / "pairs"], folder / "regression")
    patch.undo()
    return folder


@pytest.fixture(scope="module")
def compared(made):
    return report([made / "tagger", made / "untrained"], made / "compared")


def titles(page):
    return [part.split("</h2>")[0] for part in page.read_text().split("<h2>")[1:]]


def test_a_comparison_has_every_section_and_every_plot_as_pdf(made, compared):
    page = (made / "compared" / "index.html").read_text()
    assert titles(made / "compared" / "index.html") == [
        *("Numbers", "Mistag against efficiency", "Scores", "Efficiency in bins", "Calibration"),
        *("Background after cuts", "Training", "Candidates of which electron-photon-nano is surest"),
        *("Candidates of which untrained is surest", "Provenance"),
    ]
    pdfs = {path.name for path in (made / "compared").glob("*.pdf")}
    assert {f'href="{name}"' in page for name in pdfs} == {True}
    assert page.count('.pdf">PDF</a>') == len(pdfs) == page.count("<figure>") - 1  # the zoo's training curve is SVG
    assert {"roc.pdf", "calibration.pdf", "efficiency-pt.pdf", "efficiency-abs-eta.pdf"} <= pdfs
    assert all((made / "compared" / name).read_bytes().startswith(b"%PDF") for name in pdfs)


def test_its_numbers_are_those_of_the_evaluations(made, compared):
    assert json.loads((made / "compared" / "report.json").read_text()) == json.loads(json.dumps(compared))
    for name, folder in (("electron-photon-nano", "tagger"), ("untrained", "untrained")):
        assert compared["evaluations"][name] == json.loads((made / folder / "evaluation.json").read_text())
    (difference,) = compared["differences"]
    first, second = (compared["evaluations"][name]["auc"]["value"] for name in ("electron-photon-nano", "untrained"))
    assert difference["model"] == "untrained"
    assert difference["auc"]["value"] == pytest.approx(second - first, abs=1e-5)
    assert difference["auc"]["error"] > 0


def test_plots_are_of_the_answers(made, compared):
    answers, plots = read_answers(made / "tagger" / ANSWERS), compared["plots"]["electron-photon-nano"]
    score, is_signal = answers.own[:, 0], answers.target > 0.5
    bins = plots["efficiency"]["bins"]
    assert [row["high"] for row in bins["vertices"]] == [5.0]  # without pile-up: the other bins are empty
    passing = score >= plots["efficiency"]["threshold"]
    assert passing[is_signal].mean() == pytest.approx(0.5, abs=0.01)
    for row in bins["pt"]:
        inside = is_signal & (answers.pt >= row["low"]) & (answers.pt < row["high"])
        assert row["signal"] == efficiency(passing[inside])
    said = [row["said"] for row in plots["reliability"]]
    assert np.mean(said) == pytest.approx(score.mean(), abs=0.01)
    example = plots["examples"]["wrong"][0]
    assert example["answer"]["score"] == pytest.approx(score[example["candidate"]])
    assert (example["answer"]["score"] > 0.5) != (example["target"] > 0.5)


def test_a_regression_has_its_response_in_bins(made, tmp_path):
    result = report([made / "regression"], tmp_path)
    found = titles(tmp_path / "index.html")
    assert found[:5] == ["Numbers", "Response", "Bias and resolution in bins", "Calibration", "Spectra"]
    pdfs = {path.name for path in tmp_path.glob("*.pdf")}
    assert {"bins-true-value.pdf", "bins-pt.pdf", "response-diphoton-mass-nano.pdf", "calibration.pdf"} <= pdfs
    assert result["evaluations"]["diphoton-mass-nano"] == json.loads((made / "regression/evaluation.json").read_text())
    plots = result["plots"]["diphoton-mass-nano"]
    assert [row["said"] for row in plots["quantiles"]] == [0.16, 0.5, 0.84]
    whole = result["evaluations"]["diphoton-mass-nano"]["whole_range"]["coverage"]["value"]
    shares = [row["is_so"]["value"] for row in plots["quantiles"]]
    assert shares[2] - shares[0] == pytest.approx(whole, abs=0.01)


def test_saliency_needs_the_bundle_that_was_evaluated(made, tmp_path):
    shutil.copytree(TAGGER, tmp_path / "bundle")
    shutil.copytree(made / "tagger", tmp_path / "evaluation")
    point_to(tmp_path / "evaluation", tmp_path / "bundle")

    def look():
        (one,) = read_evaluations([tmp_path / "evaluation"])
        section, numbers = gallery.section(one)
        for figure in section.figures:
            plt.close(figure.picture)
        return section.text, numbers["saliency"], [len(figure.picture.axes) for figure in section.figures]

    text, saliency, panels = look()
    assert (saliency, panels) == ("gradient times value", [4] * 4)  # two pictures, each with its bar
    shutil.rmtree(tmp_path / "bundle")
    text, saliency, panels = look()
    assert "No saliency: the bundle cannot be read" in text and "no such bundle" in saliency and panels == [2] * 4
    (gone,) = read_evaluations([tmp_path / "evaluation"])
    assert "Not to be had: bundle (the bundle cannot be read" in curves.section([gone])[0].text
    shutil.copytree(ZOO / "electron-photon", tmp_path / "bundle")
    assert "is now another bundle" in look()[1]
    (other,) = read_evaluations([tmp_path / "evaluation"])
    section, histories = curves.section([other])
    assert "is now another bundle" in section.text and not section.figures
    assert histories == {"bundle": None}


def test_saliency_says_what_a_small_change_does():
    bundle = load_bundle(TAGGER)
    packed, _ = read_golden(bundle)
    is_pixel = packed.pixel_index >= 0
    lengths = is_pixel.sum(axis=1)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    seeds = Seeds.from_columns(np.arange(len(lengths)), *packed.seed.T, np.ones(len(lengths)))
    index, value = packed.pixel_index[is_pixel].astype(np.int32), packed.pixel_value[is_pixel]
    shown = Candidates(bundle.contract.frame, offsets, index, value, seeds)
    found = np.array([part.sum() for part in np.split(attributions(bundle, shown), offsets[1:-1])])

    def logit(factor):
        scaled = replace(shown, pixel_value=(value * np.float32(factor)).astype(np.float32))
        score = run_network(load_network(bundle), bundle.inputs(scaled.pack()))[:, 0].astype(np.float64)
        return np.log(score / (1 - score)) / bundle.contract.model.answers[0].scale

    np.testing.assert_allclose(found, (logit(1.01) - logit(0.99)) / 0.02, rtol=0.05, atol=0.01)


def test_a_curve_is_drawn_from_the_numbers_of_the_bundle_where_it_keeps_them(made, tmp_path):
    rows = [{"epoch": 0.0, "loss": 0.7, "validation_loss": 0.6}, {"epoch": 1.0, "loss": 0.5, "validation_loss": 0.4}]
    (tmp_path / TRAINING_HISTORY).write_text(json.dumps(rows))
    assert curves.read_history(tmp_path) == rows
    (tmp_path / TRAINING_HISTORY).write_text('[{"epoch": 0, "loss": NaN, "validation_loss": 0.5}]')
    found = curves.read_history(tmp_path)
    assert found == [{"epoch": 0, "loss": None, "validation_loss": 0.5}]
    lines = training_figure(found).axes[0].lines
    assert [len(line.get_xdata()) for line in lines] == [0, 1]
    plt.close("all")
    (tmp_path / TRAINING_HISTORY).write_text("[{]")
    assert curves.read_history(tmp_path) is None


def test_equal_scores_are_not_told_apart():
    """Whatever the order of the file: sorted by class it would make a perfect network of a constant."""
    is_signal = np.arange(2000) < 1000
    constant = np.full(2000, 0.5)
    assert roc_points(constant, is_signal) == (1.0, 1.0)
    assert [(row["said"], row["is_so"]["value"]) for row in score_numbers._reliability(constant, is_signal)] == [
        (0.5, 0.5)
    ]
    rng = np.random.default_rng(1)
    saturated = np.where(rng.random(2000) < np.where(is_signal, 0.6, 0.3), 1.0, rng.random(2000))
    signal, background = (np.concatenate(([0.0], points)) for points in roc_points(saturated, is_signal))
    assert np.trapezoid(signal, background) == pytest.approx(area_under_curve(saturated, is_signal).value, abs=2e-3)


def test_unknown_vertices_and_pt_are_left_out(made, tmp_path):
    (one,) = read_evaluations([made / "tagger"])
    unknown = np.full(len(one.answers), np.nan, dtype=np.float32)
    labels = {**one.answers.labels, "vertices": unknown, "pt": unknown}
    blind = replace(one, answers=replace(one.answers, labels=labels))
    numbers = score_numbers.measure(blind)
    assert numbers["efficiency"]["bins"]["vertices"] == numbers["efficiency"]["bins"]["pt"] == []
    sections = {section.title: section for section in score_sections.sections([blind], [numbers])}
    assert [figure.file for figure in sections["Efficiency in bins"].figures] == ["efficiency-abs-eta.pdf"]
    plt.close("all")
    assert sculpting.find_spectra([blind]) == {}
    assert "Neither a mass nor pT" in sculpting.section([blind], [sculpting.measure(blind, {})], {}).text


def test_candidates_of_one_kind_have_no_curve_but_the_same_page_twice(tmp_path, untrained_bundle, monkeypatch):
    monkeypatch.setattr(examples, "NUM_EXAMPLES", 2)
    simulate("electron", tmp_path / "electrons", num_events=60, seed=7)
    evaluate(untrained_bundle.path, [tmp_path / "electrons"], tmp_path / "evaluation")
    result = report([tmp_path / "evaluation"], tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text()
    assert "The candidates are of one kind alone" in page and "too few candidates" in page
    assert "Too few candidates of one kind to say." in page
    assert result["plots"]["untrained"]["roc"] is None
    assert not (tmp_path / "report" / "roc.pdf").exists()
    report([tmp_path / "evaluation"], tmp_path / "again")
    for path in (tmp_path / "report").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def damaged(path, name, change):
    (path / name).write_bytes(change((path / name).read_bytes()))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: shutil.rmtree(path), "no such folder"),
        (lambda path: (path / "evaluation.json").unlink(), "not an evaluation: no evaluation.json in it"),
        (lambda path: damaged(path, "evaluation.json", lambda text: text[:-20]), "damaged: not JSON"),
        (lambda path: (path / "evaluation.json").write_text("[1]"), "not what `e2e evaluate` writes"),
        (
            lambda path: damaged(path, "evaluation.json", lambda t: t.replace(b"n-photon", b"n-foton", 1)),
            "unknown task",
        ),
        (lambda path: edit(path, task=[]), "not what `e2e evaluate` writes"),
        (lambda path: edit(path, bundle=5), "bundle is no text"),
        (lambda path: edit(path, made_with={}), "made_with names no network"),
        (lambda path: edit(path, auc=None), "auc is no measured number"),
        (lambda path: edit(path, rejection={"50%": 3}), "50% is no measured number"),
        (lambda path: edit(path, published=float("nan")), "damaged: not JSON"),
        (lambda path: edit(path, bundle="\udcff"), "damaged: not JSON"),
        (
            lambda path: rewrite_columns(path, pt=lambda pt: np.full(len(pt), "x")),
            "truncated or damaged table of answers",
        ),
        (lambda path: rewrite_columns(path, pt=None), "no column pt"),
        (lambda path: shorten(path, 20), "not the examples of an evaluation"),
        (lambda path: (path / ANSWERS).unlink(), "an older e2e did not write it; call `e2e evaluate` again"),
        (lambda path: damaged(path, ANSWERS, lambda data: data[: len(data) // 2]), "truncated or damaged"),
        (lambda path: damaged(path, EXAMPLES, lambda data: data[: len(data) // 2]), "truncated or damaged"),
    ],
)
def test_what_is_no_evaluation_is_one_line(made, tmp_path, spoil, message):
    shutil.copytree(made / "tagger", tmp_path / "evaluation")
    spoil(tmp_path / "evaluation")
    with pytest.raises(InputError, match=message) as caught:
        report([tmp_path / "evaluation"], tmp_path / "report")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    ("file", "message"), [(ANSWERS, "not the answers that evaluation.json measures"), (EXAMPLES, "of another network")]
)
def test_files_of_two_networks_are_not_mixed(made, tmp_path, file, message):
    shutil.copytree(made / "tagger", tmp_path / "evaluation")
    shutil.copy(made / "untrained" / file, tmp_path / "evaluation" / file)
    with pytest.raises(InputError, match=message):
        report([tmp_path / "evaluation"], tmp_path / "report")


def test_an_evaluation_that_breaks_off_leaves_no_numbers_of_an_older_one(made, tmp_path, monkeypatch, untrained_bundle):
    shutil.copytree(made / "tagger", tmp_path / "evaluation")

    def full(*_):
        raise InputError("disk", "full", "make room")

    monkeypatch.setattr("e2e.evaluation.evaluate.write_answers", full)
    with pytest.raises(InputError, match="full"):
        evaluate(untrained_bundle.path, [made / "events"], tmp_path / "evaluation")
    assert not (tmp_path / "evaluation" / "evaluation.json").exists()


def test_two_models_of_one_signal_candidate_are_not_compared(made):
    both = read_evaluations([made / "tagger", made / "untrained"])
    target = np.zeros(len(both[0].answers), np.float32)
    target[0] = 1
    nothing = {"auc": {"value": None, "error": None}}
    one_signal = [
        replace(
            one,
            result=one.result | nothing,
            answers=replace(one.answers, labels={**one.answers.labels, "target": target}),
        )
        for one in both
    ]
    assert score_numbers.compare(one_signal) == []


def test_a_column_that_an_older_file_does_not_have_is_unknown(made, tmp_path):
    shutil.copytree(made / "tagger", tmp_path / "evaluation")
    rewrite_columns(tmp_path / "evaluation", **{"truth.mass": None})
    assert np.isnan(read_answers(tmp_path / "evaluation" / ANSWERS).labels["truth.mass"]).all()


def test_answers_of_a_newer_version_are_refused_by_name(made, tmp_path, monkeypatch):
    monkeypatch.setattr("e2e.evaluation.answers.ANSWERS_VERSION", 0)
    with pytest.raises(InputError, match="answers of version 1; this e2e reads up to 0; install a newer e2e"):
        read_answers(made / "tagger" / ANSWERS)


def test_names_that_matplotlib_would_read_and_files_of_one_name(made):
    one, two = (read_evaluations([made / name])[0] for name in ("tagger", "untrained"))
    apart = evaluations._named_apart([replace(one, name="_net $1"), replace(two, name="_net-$1")])
    assert [each.label for each in apart] == ["\u200b_net \\$1", "\u200b_net-\\$1"]
    assert [each.file_name for each in apart] == ["1-_net--1", "2-_net--1"]


def test_what_does_not_belong_together_is_refused(made, tmp_path):
    shutil.copytree(made / "tagger", tmp_path / "elsewhere")
    answers = read_answers(tmp_path / "elsewhere" / ANSWERS)
    moved = replace(answers, labels={**answers.labels, "pt": answers.pt + 1})
    rewrite(tmp_path / "elsewhere" / ANSWERS, moved)
    for other, message in (
        (tmp_path / "elsewhere", "was taken on other candidates than"),
        ("regression", "an evaluation of diphoton-mass, .* is one of electron-photon"),
        ("tagger", "given twice"),
    ):
        with pytest.raises(InputError, match=message):
            report([made / "tagger", made / other], tmp_path / "report")
    with pytest.raises(InputError, match="a bundle, not an evaluation; give it to `e2e evaluate` first"):
        report([TAGGER], tmp_path / "report")
    with pytest.raises(InputError, match="no evaluation"):
        report([], tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_bundles_of_one_name_are_told_apart_by_their_folders(made, tmp_path):
    shutil.copytree(made / "tagger", tmp_path / "again")
    names = [one.name for one in read_evaluations([made / "tagger", tmp_path / "again"])]
    assert names == ["electron-photon-nano, tagger", "electron-photon-nano, again"]


def test_answers_come_back_as_they_were(made, tmp_path):
    answers, evaluation = read_answers(made / "regression" / ANSWERS), made / "regression" / "evaluation.json"
    assert answers.names == ("mass", "mass_lower", "mass_upper", "mass_out_of_range")
    assert answers.own.shape == (len(answers), 4)
    is_measured = answers.is_measured(TASKS["diphoton-mass"])
    result = json.loads(evaluation.read_text())
    assert is_measured.sum() == result["signal_candidates"]
    truth, given = answers.target[is_measured], np.maximum(answers.own[is_measured, 0], 0.0)
    error = result["mean_absolute_error"]["network"]["value"]
    assert np.abs(given - truth.astype(np.float64)).mean() == pytest.approx(error, abs=1e-5)
    assert np.isfinite(answers.labels["calorimeter_mass"]).all()


def test_answers_that_are_no_numbers_are_refused(made, tmp_path):
    shutil.copytree(made / "tagger", tmp_path / "evaluation")
    path = tmp_path / "evaluation" / ANSWERS
    answers = read_answers(path)
    answers.outputs[3] = np.nan
    rewrite(path, answers)
    with pytest.raises(InputError, match="1 answers are no finite numbers"):
        report([tmp_path / "evaluation"], tmp_path / "report")


def rewrite(path, answers):
    task = TASKS["electron-photon"]
    write_answers(path, task, answers_as_candidates(answers), answers.names, answers.outputs, answers.about)


def edit(path, **changes):
    """Of `evaluation.json`."""
    result = json.loads((path / "evaluation.json").read_text())
    (path / "evaluation.json").write_text(json.dumps(result | changes))


def rewrite_columns(path, **changes):
    """Of the answers: by name, what is done with a column; None takes it out."""
    table = pq.read_table(path / ANSWERS)
    for name, change in changes.items():
        place = table.column_names.index(name)
        old, table = table[name].to_numpy(), table.remove_column(place)
        if change is not None:
            table = table.add_column(place, name, pa.array(change(old)))
    pq.write_table(table, path / ANSWERS)


def shorten(path, count):
    """Answers about the first candidates, which do not reach to the examples any more."""
    pq.write_table(pq.read_table(path / ANSWERS).slice(0, count), path / ANSWERS)
    edit(path, candidates=count)


def point_to(path, bundle):
    """An evaluation, as if the bundle had been elsewhere."""
    edit(path, bundle=str(bundle))
    answers = read_answers(path / ANSWERS)
    rewrite(path / ANSWERS, replace(answers, about={**answers.about, "bundle": str(bundle)}))


def answers_as_candidates(answers):
    count = len(answers)
    spec, none = FrameSpec(channels=("ecal_energy",)), np.zeros(count)
    pixels = Candidates.from_dense(spec, np.zeros((count, *spec.shape)), Seeds.from_columns(none, none, none, none))
    return CandidateSet(pixels, answers.labels, [])


def test_examples_are_the_surest_of_each_kind():
    target = np.array([1, 1, 1, 0, 0, 0], dtype=np.float32)
    score = np.array([0.9, 0.1, 0.6, 0.2, 0.99, 0.4])
    known = answers_as_candidates(_labelled(target))
    chosen = choose_examples(TASKS["electron-photon"], score[:, None], known)
    assert chosen == {"right": [0, 2, 3, 5], "wrong": [1, 4]}


def test_examples_of_an_interval_are_the_shortest_that_hold_and_the_furthest_that_miss():
    truth = np.array([0.5, 0.5, 0.5, 0.5], dtype=np.float32)
    outputs = np.array([[0.5, 0.4, 0.6, 0], [0.5, 0.1, 0.9, 0], [0.9, 0.8, 1.0, 0], [0.7, 0.6, 1.2, 0]])
    known = answers_as_candidates(_labelled(truth, pdg_id=36.0))
    chosen = choose_examples(TASKS["diphoton-mass"], outputs, known)
    assert chosen == {"right": [0, 1], "wrong": [2, 3]}
    chosen = choose_examples(TASKS["diphoton-mass"], outputs[:, :1], known)
    assert chosen == {"right": [0, 1, 3, 2], "wrong": [2, 3, 0, 1]}


def _labelled(target, pdg_id=np.nan):
    count = len(target)
    labels = complete_labels(count, {"target": target, "truth.pdg_id": np.full(count, pdg_id)})
    return Answers(labels, ("x",), np.zeros((count, 1)), {"num_own": 1})


def test_stored_examples_are_the_chosen_candidates(made):
    sha256 = load_bundle(TAGGER).contract.files["model.onnx"].sha256
    chosen, candidates = read_examples(made / "tagger" / EXAMPLES, sha256, 300)
    assert list(chosen) == ["right", "wrong"] and sum(map(len, chosen.values())) == len(candidates) == 4


def test_a_score_that_follows_the_mass_sculpts_it(made):
    (one,) = read_evaluations([made / "tagger"])
    rng, count = np.random.default_rng(1), 4000
    mass, is_signal = rng.uniform(0, 100, count), np.arange(count) % 2 == 0
    known = _labelled(is_signal.astype(np.float32))
    labels = {**known.labels, "pt": rng.uniform(20, 100, count).astype(np.float32), "calorimeter_mass": mass}
    answers = replace(known, labels=labels, outputs=np.where(is_signal, rng.random(count), mass / 100)[:, None])
    made_up = replace(one, answers=answers)
    spectra = sculpting.find_spectra([made_up])
    assert spectra["mass"][0] == "mass of the calorimeters [GeV]"
    found = sculpting.measure(made_up, spectra)
    bent, straight = (found[name]["passing"]["50%"] for name in ("mass", "pt"))
    assert bent["divergence"] > 0.8 and bent["divergence_by_chance"] < 0.02
    assert straight["divergence"] < 0.02


def test_divergence_is_none_to_one():
    place = np.repeat(np.arange(20), 10)
    assert divergence(place, place < 10) == pytest.approx(1.0)
    assert divergence(place, np.arange(200) % 2 == 0) == pytest.approx(0.0, abs=1e-9)
    assert divergence(place, np.ones(200, dtype=bool)) is None


def test_efficiency_has_an_interval_where_none_or_all_pass():
    assert efficiency([]) == {"value": None, "lower": None, "upper": None}
    none, every = efficiency([False] * 10), efficiency([True] * 10)
    assert none["value"] == none["lower"] == 0.0 and none["upper"] == pytest.approx(1 - every["lower"])
    assert 0.1 < none["upper"] < 0.2  # 1 - 0.1587^(1/10) = 0.168
