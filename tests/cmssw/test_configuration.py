"""A bad configuration is a cms::Exception with its category and a remedy, or an empty product; never a wrong number."""

import runpy
import shutil
from dataclasses import replace

import harness
import numpy as np
import pytest
from harness import BARREL, EXCEPTION, GRAPH, JETS, labels_of_record

from e2e.bundles import load_bundle
from e2e.cmssw import write_for_cmssw
from e2e.problems import InputError

NOTHING = {
    **{f"{name}.{column}": np.zeros(0, kind) for name in ("eb", "ee", "hbhe")
       for column, kind in (("detid", np.uint32), ("energy", np.float32), ("time", np.float32))},
    **{name: np.zeros(0, np.float32) for name in ("tracks", "vertices", "tracker_hits")},
    **{f"candidates.{name}": np.zeros(0, np.float32) for name in ("photons", "jets")},
}  # fmt: skip


def run(area, folder, change, record=NOTHING, name=JETS, collection="jets"):
    """change: gets the process, before it runs."""
    with area.configuration() as (cms, taggers, bundle_of):
        process = cms.Process("E2E")
        labels = taggers.addTagger(process, bundle_of(name).bundle, collection, source=labels_of_record())
        change(cms, process)
        return area.run(cms.text(process, labels), [record], folder)


def check_refused(done, category, *words):
    assert done.returncode == EXCEPTION, (done.returncode, done.stderr)
    assert done.stderr.startswith(f"{category}: ") and done.stderr.count("\n") == 1
    for word in words:
        assert word in done.stderr


def test_an_event_with_nothing_in_it_is_no_error(area, tmp_path):
    done, made = run(area, tmp_path, lambda cms, process: None)
    assert done.returncode == 0, done.stderr
    assert len(made[0]["e2eQuarkGluonNano:score"]) == 0


@pytest.mark.parametrize("missing", ["eb.detid", "hbhe.detid", "tracks", "candidates.jets"])
def test_a_missing_collection_is_named(area, tmp_path, missing):
    record = {name: values for name, values in NOTHING.items() if name != missing}
    done, _ = run(area, tmp_path, lambda cms, process: None, record)
    check_refused(done, "ProductNotFound", missing.split(".")[-1 if "candidates" in missing else 0])


def _newer(cms, process):
    process.e2eQuarkGluonNano.bundle.bundleVersion = cms.uint32(99)


def _no_channel(cms, process):
    process.e2eDetectorFrames.stitchedChannels = cms.vstring("ecal_energy", "muons")


def _other_order(cms, process):
    process.e2eQuarkGluonNanoFrames.frame.channels = cms.vstring("ecal_energy", "track_pt", "hcal_energy")


def _channel_not_made(cms, process):
    process.e2eDetectorFrames.stitchedChannels = cms.vstring("ecal_energy", "hcal_energy")
    process.e2eQuarkGluonNanoFrames.candidates = process.e2eQuarkGluonNano.candidates = cms.InputTag("photons")


def _too_large(cms, process):
    process.e2eQuarkGluonNanoFrames.frame.rows = cms.int32(1000)


def _unknown_parameter(cms, process):
    process.e2eQuarkGluonNano.modelNme = cms.string("model.onnx")


def _wrong_type(cms, process):
    process.e2eQuarkGluonNano.tableName = cms.int32(3)


def _no_model(cms, process):
    process.e2eQuarkGluonNano.bundle.model = cms.FileInPath("RecoE2E/Inference/data/nowhere/model.onnx")


def _other_model(cms, process):
    process.e2eQuarkGluonNano.bundle.model = cms.FileInPath("RecoE2E/Inference/data/top_mass_nano/model.onnx")


def _no_onnx(cms, process):
    process.e2eQuarkGluonNano.bundle.model = cms.FileInPath("RecoE2E/Inference/BuildFile.xml")


def _other_centre(cms, process):
    process.e2eQuarkGluonNanoFrames.frame.centreColumn = cms.int32(61)


def _other_collection(cms, process):
    process.e2eQuarkGluonNanoFrames.candidates = cms.InputTag("photons")


def _whole_grid(cms, process):
    process.e2eQuarkGluonNanoFrames.frame.rows = cms.int32(280)
    process.e2eQuarkGluonNanoFrames.frame.columns = cms.int32(360)


def _no_strips(cms, process):
    process.e2eDetectorFrames.stitchedChannels = cms.vstring("hcal_energy", "tib1")
    process.e2eDetectorFrames.stripHits = cms.VInputTag()


@pytest.mark.parametrize(
    ("change", "category", "words"),
    [
        (_other_centre, "E2EFrames", ["another frame than bundle quark_gluon_nano"]),
        (_other_collection, "E2EFrames", ["of two collections"]),
        (_whole_grid, "Configuration", ["whole stitched grid", "e2e predict"]),
        (_no_strips, "Configuration", ["TIB and TOB without stripHits"]),
        (_newer, "Configuration", ["bundle version 99", "take newer RecoE2E"]),
        (_no_channel, "Configuration", ["no channel 'muons'", "ecal_energy"]),
        (_other_order, "E2EFrames", ["another frame than bundle quark_gluon_nano", "own `frame`"]),
        (_too_large, "Configuration", ["rows 1000 does not fit 280"]),
        (_unknown_parameter, "Configuration", ["Illegal parameter", "modelNme"]),
        (_wrong_type, "Configuration", ["tableName", "another type"]),
        (_no_model, "FileInPathError", ["nowhere/model.onnx"]),
        (_other_model, "E2EModel", ["export model and configuration together"]),
        (_no_onnx, "E2EModel", ["ONNX Runtime cannot run bundle quark_gluon_nano"]),
    ],
)
def test_a_bad_configuration_is_refused_with_a_remedy(area, tmp_path, change, category, words):
    check_refused(run(area, tmp_path, change)[0], category, *words)


@pytest.mark.parametrize(
    ("name", "number", "category", "words"),
    [
        ("reach", 44, "E2EModel", "in its self test"),  # its tensors look the same
        ("radius", 2, "E2EModel", "in its self test"),
        ("reach", -1, "Configuration", "reach -1"),
    ],
)
def test_a_graph_that_is_not_the_bundles_is_refused(area, tmp_path, name, number, category, words):
    def change(cms, process):
        setattr(process.e2eTau.bundle.graph, name, cms.int32(number))

    check_refused(run(area, tmp_path, change, name=GRAPH)[0], category, words)


def test_a_channel_that_is_not_made_is_named(area, tmp_path):
    record = {**NOTHING, "candidates.photons": np.ones(7, np.float32)}
    done, _ = run(area, tmp_path, _channel_not_made, record)
    check_refused(done, "Configuration", "no frame of channel track_pt", "stitchedChannels")


def test_every_module_has_defaults_for_all_but_the_bundle(area, tmp_path):
    """The ninth fault: `fillDescriptions` accepted anything."""
    with area.configuration() as (cms, _, bundle_of):
        process, bundle = cms.Process("E2E"), bundle_of(BARREL).bundle
        process.frames = cms.EDProducer("E2EDetectorFrameProducer")
        process.windows = cms.EDProducer("E2ECandidateFrameProducer")
        process.tagger = cms.EDProducer("E2EONNXProducer", bundle=bundle.clone())
        process.keep = cms.EDFilter("E2EFilter")
        done, _ = area.run(cms.text(process, ["frames", "windows", "tagger", "keep"]), [], tmp_path)
        assert done.returncode == 0, done.stderr
        process.tagger = cms.EDProducer("E2EONNXProducer")
        done, _ = area.run(cms.text(process, ["tagger"]), [], tmp_path)
    check_refused(done, "Configuration", "MissingParameter")


def test_taggers_refuse_what_they_do_not_know(area):
    with area.configuration() as (cms, taggers, bundle_of):
        process, bundle = cms.Process("E2E"), bundle_of(BARREL).bundle
        with pytest.raises(ValueError, match="no engine 'tensorflow'; known: onnx, torch, sonic"):
            taggers.addTagger(process, bundle, "photons", engine="tensorflow")
        with pytest.raises(ValueError, match="no output 'score'; known: mass, mass_lower"):
            taggers.addFilter(process, bundle, "photons", score=(0, 1))


def test_the_example_configuration_runs(area, tmp_path):
    """Its modules, as they are, but for the names of the collections."""
    script = area.src / "RecoE2E/Inference/test/e2e_cfg.py"
    with area.configuration() as (cms, _, _):
        process = runpy.run_path(str(script))["process"]
        detector = process.e2eDetectorFrames
        assert list(detector.barrelChannels) == ["ecal_energy"]
        assert sorted(detector.stitchedChannels) == ["ecal_energy", "hcal_energy", "track_pt"]
        assert process.e2eDiphotonMassNano.candidates.value() == "gedPhotons"
        for name, tag in labels_of_record().items():
            setattr(detector, name, tag)
        for label, collection in (("DiphotonMassNano", "photons"), ("QuarkGluonNano", "jets")):
            for module in (getattr(process, f"e2e{label}Frames"), getattr(process, f"e2e{label}")):
                module.candidates = cms.InputTag(collection)
        labels = [process.label_of(module) for module in process.task.modules]
        done, made = area.run(cms.text(process, labels), [NOTHING], tmp_path)
    assert done.returncode == 0, done.stderr
    assert {"e2eDiphotonMassNano:mass", "e2eQuarkGluonNano:score"} <= made[0].keys()


def test_trigger_path_and_client_for_a_server(area):
    with area.configuration() as (cms, taggers, bundle_of):
        process, bundle = cms.Process("HLT"), bundle_of(BARREL).bundle
        process.hltL1sDoubleEG = cms.EDFilter("HLTL1TSeed")
        cuts = {"mass": (0.2, 1.0), "mass_out_of_range": (0.0, 0.5)}
        path = taggers.addHLTPath(process, bundle, "photons", "hltL1sDoubleEG", "HLT_DiPhotonMass_v1", cuts, minPt=20.0)
        assert [process.label_of(module) for module in path.modules] == [
            *("hltL1sDoubleEG", "e2eDetectorFrames", "e2eDiphotonMassNanoFrames"),
            *("e2eDiphotonMassNano", "e2eDiphotonMassNanoFilter"),
        ]
        assert process.e2eDetectorFrames.ebHits.value() == "hltEcalRecHit:EcalRecHitsEB"
        client = taggers.sonicClient(bundle)
        assert client.modelName.value() == "diphoton-mass-nano"
        assert (area.src / client.modelConfigPath.value()).read_text().startswith("# ")


def test_a_bundle_of_whole_events_is_no_tagger(tmp_path):
    bundle = load_bundle(harness.ROOT / "zoo" / BARREL)
    whole = replace(bundle.contract.frame, rows=170, columns=360, centre_row=85, centre_column=180)
    with pytest.raises(InputError, match="looks at whole events"):
        write_for_cmssw(replace(bundle, contract=replace(bundle.contract, frame=whole)), tmp_path)


def test_an_area_without_the_plugins_and_a_name_that_is_none(tmp_path):
    with pytest.raises(InputError, match=r"no RecoE2E/Inference in it.*cp -rL"):
        write_for_cmssw(harness.ROOT / "zoo" / BARREL, tmp_path)
    (tmp_path / "RecoE2E/Inference/plugins").mkdir(parents=True)
    shutil.copytree(harness.ROOT / "zoo" / BARREL, tmp_path / "1st mass")
    with pytest.raises(InputError, match="can be no name in CMSSW"):
        write_for_cmssw(tmp_path / "1st mass", tmp_path)
