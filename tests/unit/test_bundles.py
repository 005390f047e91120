"""A bundle is whole and true, or it is refused with one line that says what, where and what to do."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from e2e.bundles import ParityError, export, load_bundle, verify_golden
from e2e.bundles.bundle import digest_file, read_golden
from e2e.bundles.columns import answer_for
from e2e.bundles.network import load_network
from e2e.bundles.parity import check_agreement, parity_cases, random_candidates, worst_deviation
from e2e.contract import FrameSpec
from e2e.contract.answers import AnswerConfig
from e2e.models import build_model
from e2e.models.answers import FinalAnswers
from e2e.problems import InputError
from e2e.tasks import TASKS

SMALL = {"input_scale": [0.04, 0.1], "maps": 4, "blocks": 1}


@pytest.fixture
def bundle(untrained_bundle, tmp_path):
    """A copy to spoil."""
    return load_bundle(shutil.copytree(untrained_bundle.path, tmp_path / "copy"))


def edit_contract(path, edit):
    file = path / "contract.json"
    data = json.loads(file.read_text())
    edit(data)
    file.write_text(json.dumps(data))


def redigest(path, name):
    """Let the contract vouch for a spoilt file, so that only its content can give it away."""
    edit_contract(path, lambda data: data["files"].update({name: asdict(digest_file(path / name))}))


def truncate(file):
    file.write_bytes(file.read_bytes()[:-100])


def flip_byte(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def garbage_onnx(path):
    (path / "model.onnx").write_bytes(b"\xff" * 50)
    redigest(path, "model.onnx")


def rename_onnx_input(path):
    model = onnx.load(path / "model.onnx")
    model.graph.input[0].name = "image"
    onnx.save(model, path / "model.onnx")
    redigest(path, "model.onnx")


def drop_onnx_metadata(path):
    model = onnx.load(path / "model.onnx")
    model.ClearField("metadata_props")
    onnx.save(model, path / "model.onnx")
    redigest(path, "model.onnx")


def in_contract(edit):
    return lambda path: edit_contract(path, edit)


def channels(data):
    return data["frame"]["channels"]


def answers(data):
    return data["model"]["answers"]


def as_version_1(scales):
    """What an older e2e wrote."""

    def edit(data):
        data["bundle_version"] = 1
        data["model"] = {**{k: v for k, v in data["model"].items() if k != "answers"}, "output_scale": scales}

    return in_contract(edit)


def weights_elsewhere(path):
    model = onnx.load(path / "model.onnx")
    onnx.save(model, path / "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    redigest(path, "model.onnx")


BAD = {
    "missing": (shutil.rmtree, "copy: no such bundle; check the path"),
    "no contract": (lambda p: (p / "contract.json").unlink(), "contract.json: missing; fetch"),
    "truncated contract": (lambda p: truncate(p / "contract.json"), "contract.json: truncated or broken JSON"),
    "contract is a list": (lambda p: (p / "contract.json").write_text("[]"), "the file is not a JSON object"),
    "contract not text": (lambda p: (p / "contract.json").write_bytes(b"\xff\xfe\x00"), "truncated or broken JSON"),
    "contract too deep": (lambda p: (p / "contract.json").write_text("[" * 10**5), "truncated or broken JSON"),
    "no model": (lambda p: (p / "model.onnx").unlink(), "model.onnx: missing"),
    "truncated model": (lambda p: truncate(p / "model.onnx"), r"model.onnx: truncated or altered: \d+ bytes, .* \d+"),
    "altered model": (lambda p: flip_byte(p / "model.onnx"), "model.onnx: altered: its SHA-256"),
    "model is garbage": (garbage_onnx, "model.onnx: not a readable ONNX file"),
    "weights elsewhere": (weights_elsewhere, "model.onnx: keeps tensor '.*' in another file; export with all weights"),
    "another graph": (rename_onnx_input, "model.onnx: its graph has inputs .*image"),
    "model says nothing": (drop_onnx_metadata, "model.onnx: was exported with contract_version None"),
    "no weights": (lambda p: (p / "weights.safetensors").unlink(), "weights.safetensors: missing"),
    "altered weights": (lambda p: flip_byte(p / "weights.safetensors"), "weights.safetensors: altered"),
    "truncated golden": (lambda p: truncate(p / "golden.safetensors"), "golden.safetensors: truncated"),
    "newer bundle": (
        in_contract(lambda d: d.update(bundle_version=7)),
        "bundle copy has bundle_version 7, this e2e reads up to 2; upgrade e2e",
    ),
    "newer contract": (in_contract(lambda d: d.update(contract_version=7)), "contract_version 7, .*; upgrade e2e"),
    "odd version": (in_contract(lambda d: d.update(bundle_version="1")), "bundle_version is not a whole number"),
    "other channel order": (
        in_contract(lambda d: channels(d).reverse()),
        r"exported with channels ecal_energy \(GeV\), ecal_time \(ns\), .* says ecal_time \(ns\), ecal_energy \(GeV\)",
    ),
    "unknown channel": (in_contract(lambda d: channels(d)[0].update(name="charm")), "frame: channel 'charm'"),
    "other unit": (in_contract(lambda d: channels(d)[0].update(unit="MeV")), "frame: channel 'ecal_energy' in MeV"),
    "other window": (in_contract(lambda d: d["frame"].update(centre_row=16)), "model.onnx: was exported with frame"),
    "frame without rows": (in_contract(lambda d: d["frame"].pop("rows")), "frame has no 'rows'"),
    "odd frame": (in_contract(lambda d: d["frame"].update(channels=[3])), "frame is malformed"),
    "other task": (in_contract(lambda d: d.update(task="diphoton-mass")), "model.onnx: was exported with task"),
    "other input": (in_contract(lambda d: d["inputs"].pop()), "inputs differ from those of contract version 1"),
    "other padding": (in_contract(lambda d: d["inputs"][0].update(padding=0)), "inputs differ"),
    "no output": (in_contract(lambda d: d.update(outputs=[])), "outputs is empty"),
    "other output": (
        in_contract(lambda d: d["outputs"][0].update(unit="GeV")),
        "model.onnx: was exported with outputs",
    ),
    "odd kind": (in_contract(lambda d: d["outputs"][0].update(kind="guess")), r"outputs\[0\].kind 'guess' is unknown"),
    "odd output name": (in_contract(lambda d: d["outputs"][0].update(name="a b")), r"outputs\[0\].name is not"),
    "odd pT": (in_contract(lambda d: d.update(trained_pt_gev=[20.0])), "trained_pt_gev is not a pair"),
    "odd range": (in_contract(lambda d: d["outputs"][0].update(trained_range=[1])), "trained_range is not a pair"),
    "scales": (as_version_1([1, 2]), "model.output_scale has 2 numbers for 1"),
    "too many answers": (
        in_contract(lambda d: answers(d).append(answers(d)[0])),
        "answers give probability, probability, the outputs are probability",
    ),
    "other answer": (in_contract(lambda d: answers(d)[0].update(kind="point")), "answers give quantity, the outputs"),
    "odd answer": (in_contract(lambda d: answers(d)[0].update(kind="guess")), r"answers\[0\].kind 'guess' is unknown"),
    "odd scale": (in_contract(lambda d: answers(d)[0].update(scale="1")), r"answers\[0\].scale is not a finite number"),
    "odd excess": (
        in_contract(lambda d: answers(d)[0].update(kind="point", excess_at=[2.0, 1.0], excess=[0.0, 0.0])),
        r"answers\[0\].kind excess .* ascending, are needed",
    ),
    "no digest": (in_contract(lambda d: d["files"].pop("model.onnx")), "model.onnx: contract.json does not list it"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_bundle_is_refused_in_one_line(bundle, name):
    spoil, message = BAD[name]
    spoil(bundle.path)
    with pytest.raises(InputError) as error:
        load_bundle(bundle.path)
    assert re.search(message, str(error.value))
    assert "\n" not in str(error.value) and str(bundle.path) in str(error.value)


def test_every_key_of_the_contract_is_needed(bundle):
    whole = json.loads((bundle.path / "contract.json").read_text())
    for key in whole:
        (bundle.path / "contract.json").write_text(json.dumps({k: v for k, v in whole.items() if k != key}))
        with pytest.raises(InputError, match=f"{key} is missing"):
            load_bundle(bundle.path)


def test_a_file_is_no_bundle(bundle):
    with pytest.raises(InputError, match="not a folder"):
        load_bundle(bundle.onnx_path)


def test_a_path_that_the_system_refuses_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"cannot be read \(File name too long\); check the path"):
        load_bundle(tmp_path / ("a" * 300))


def test_weights_that_do_not_fit_the_numbers_are_refused(bundle):
    for edit, message in (
        (lambda d: d["model"]["config"].update(maps=8), "does not fit the contract"),
        (lambda d: d["model"].update(family="oracle"), "unknown model family 'oracle'"),
        (lambda d: d["model"].update(num_parameters=1), "the contract says 1"),
    ):
        spoilt = shutil.copytree(bundle.path, bundle.path.with_name("spoilt"), dirs_exist_ok=True)
        edit_contract(spoilt, edit)
        with pytest.raises(InputError, match=message) as error:
            load_network(load_bundle(spoilt))
        assert "\n" not in str(error.value)


def test_golden_outputs_are_compared(bundle):
    network = load_network(bundle)

    def run(packed):
        with torch.inference_mode():
            return network(*map(torch.from_numpy, packed)).numpy()

    assert verify_golden(bundle, run) < 1e-5
    with pytest.raises(ParityError, match=r"golden: answers differ by 1.*e-03"):
        verify_golden(bundle, lambda packed: run(packed) + np.float32(1e-3))


def test_what_is_written_says_what_it_is(untrained_bundle):
    contract, card = untrained_bundle.contract, (untrained_bundle.path / "README.md").read_text()
    assert contract.frame.channels == ("ecal_energy", "ecal_time")
    assert contract.output_names == ("score",)
    assert {path.name for path in untrained_bundle.path.iterdir()} == {*contract.files, "contract.json", "README.md"}
    assert contract.provenance["torch"] == torch.__version__
    for part in ("ecal_energy (GeV)", "| auc | 0.5 ± 0.01 | random weights |", "- not trained", "`score`", "`seed`"):
        assert part in card
    assert b"site-packages" not in untrained_bundle.onnx_path.read_bytes()  # no paths of the machine


def test_same_weights_give_the_same_bytes_and_replace_an_older_bundle(bundle):
    before = {path.name: path.read_bytes() for path in bundle.path.iterdir()}
    network, training = load_network(bundle).network, bundle.contract.training
    export.export_bundle(network, TASKS["electron-photon"], bundle.path, training=training)
    assert {path.name: path.read_bytes() for path in bundle.path.iterdir()} == before
    assert [path.name for path in bundle.path.parent.iterdir()] == ["copy"]  # nothing left beside it


@pytest.fixture
def quick_export(bundle, monkeypatch):
    """Export that takes the graph of the bundle instead of tracing anew."""
    monkeypatch.setattr(export, "_write_onnx", lambda final, task, path: shutil.copy(bundle.onnx_path, path))
    return load_network(bundle).network


def test_export_is_refused_when_the_runtimes_differ(quick_export, tmp_path):
    with torch.no_grad():
        quick_export.head.bias += 1e-3
    with pytest.raises(ParityError, match=r"PyTorch and ONNX Runtime, golden: answers differ by \d"):
        export.export_bundle(quick_export, TASKS["electron-photon"], tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_export_is_refused_when_an_answer_is_not_finite(quick_export, tmp_path):
    with torch.no_grad():
        quick_export.head.bias += torch.nan
    with pytest.raises(ParityError, match="not finite"):
        export.export_bundle(quick_export, TASKS["electron-photon"], tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("step", [1, 2])
def test_an_export_interrupted_at_the_end_leaves_the_older_bundle(quick_export, bundle, monkeypatch, step):
    before = {path.name: path.read_bytes() for path in bundle.path.iterdir()}
    rename, calls = Path.rename, []

    def interrupted(path, target):
        calls.append(path)
        if len(calls) == step:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export.export_bundle(quick_export, TASKS["electron-photon"], bundle.path)
    assert {path.name: path.read_bytes() for path in bundle.path.iterdir()} == before
    assert [path.name for path in bundle.path.parent.iterdir()] == ["copy"]


def test_export_leaves_other_folders_alone(quick_export, tmp_path):
    (tmp_path / "thesis").mkdir()
    with pytest.raises(InputError, match="exists and is not a bundle"):
        export.export_bundle(quick_export, TASKS["electron-photon"], tmp_path / "thesis")


def test_a_bundle_of_version_1_is_read_as_it_was_meant(bundle):
    as_version_1([0.5])(bundle.path)
    assert load_bundle(bundle.path).contract.model.answers == (AnswerConfig("probability", scale=0.5),)


def test_outputs_are_final():
    network = build_model("resnet15", FrameSpec(channels=("ecal_energy", "ecal_time")), SMALL)
    inputs = [torch.from_numpy(v) for v in random_candidates(np.random.default_rng(1), network.config.frame, 3, 50)]
    with torch.inference_mode():
        raw = network(*inputs)
        score, mass = (
            FinalAnswers(network, [answer_for(TASKS[name].output)])(*inputs)
            for name in ("electron-photon", "diphoton-mass")
        )
    torch.testing.assert_close(score, torch.sigmoid(raw))
    torch.testing.assert_close(mass, 1.6 * raw)


def test_deviation_is_relative_to_the_largest_number_of_the_same_answer():
    scale = [1.6, 1.6, 1.6, np.inf, 1.0]  # a mass with its interval and flag, and a probability
    near, far = [[1.0, -50.0, 100.0, 0.0, 0.5]], [[3.0, -50.0, 100.0, 1.0, 0.49]]
    assert worst_deviation(near, far, scale, [4, 1]) == pytest.approx(0.02)
    assert worst_deviation(near, far, scale) == pytest.approx(2 / 3)
    assert worst_deviation([[1.0, 2.0, 3.0, 0.0, 0.4]], [[1.0, 2.0, 3.0, 0.0, 0.5]], scale, [4, 1]) == pytest.approx(
        0.1
    )
    assert worst_deviation(np.zeros((0, 5)), np.zeros((0, 5)), scale, [4, 1]) == 0


def test_deviation_is_relative_above_the_scale_and_absolute_below():
    assert worst_deviation([[200.0]], [[100.0]], [1.6]) == 1.0
    assert worst_deviation([[0.16]], [[0.0]], [1.6]) == pytest.approx(0.1)
    with pytest.raises(ParityError, match="here: an output is not finite"):
        check_agreement("here", [[np.nan]], [[np.nan]], [1.0])
    with pytest.raises(ParityError, match="shape"):
        worst_deviation([1.0], [[1.0]], [1.0])


def test_parity_cases_cover_what_they_promise():
    frame = FrameSpec(channels=("ecal_energy", "ecal_time"))
    cases = [packed for _, packed in parity_cases(frame)]
    assert {len(p.seed) for p in cases} >= {1, 2, 3, 7, 64}
    assert {p.pixel_index.shape[1] for p in cases} >= {0, 1, frame.num_pixels}
    assert any((p.pixel_index < 0).all() and p.pixel_index.size for p in cases)
    values = np.concatenate([p.pixel_value.ravel() for p in cases])
    assert values.max() == 1e4 and np.float32(1e-3) in values and values.min() < 0  # times may be negative
    for packed in cases:
        assert all(part.dtype == np.float32 for part in packed)
        for index in packed.pixel_index:
            occupied = index[index >= 0]
            assert len(np.unique(occupied)) == len(occupied) and (index < frame.num_pixels).all()


def test_golden_holds_an_empty_and_a_dense_candidate(untrained_bundle):
    packed, outputs = read_golden(untrained_bundle)
    pixels = (packed.pixel_index >= 0).sum(axis=1)
    assert pixels.min() == 0 and pixels.max() == untrained_bundle.contract.frame.num_pixels
    assert outputs.shape == (len(pixels), 1) and np.isfinite(outputs).all() and np.ptp(outputs) > 0


def test_a_bundle_is_read_and_run_without_pytorch(untrained_bundle):
    script = """
import sys
sys.modules["torch"] = None
from pathlib import Path
from e2e.bundles import load_bundle, verify_golden
from e2e.inference.engine import load_engine
import e2e.inference.predict
bundle = load_bundle(Path(sys.argv[1]))
assert verify_golden(bundle, load_engine(bundle).run) < 1e-5
"""
    subprocess.run([sys.executable, "-c", script, untrained_bundle.path], check=True)


def test_contract_survives_the_file(untrained_bundle, tmp_path):
    untrained_bundle.contract.write(tmp_path / "contract.json")
    assert (tmp_path / "contract.json").read_bytes() == (untrained_bundle.path / "contract.json").read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        replace(untrained_bundle.contract, training={"auc": float("nan")}).write(tmp_path / "contract.json")


def test_a_mistyped_bundle_is_named_with_the_nearest(untrained_bundle):
    near = untrained_bundle.path
    with pytest.raises(InputError) as error:
        load_bundle(near.with_name("untrainde"))
    assert error.value.remedy == f"did you mean {near}?"
