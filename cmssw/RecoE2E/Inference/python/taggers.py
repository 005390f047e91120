"""Modules of taggers and mass regressions for a process. Every number comes from the bundle's own configuration.

    from RecoE2E.Inference.taggers import addTagger
    from RecoE2E.Inference.bundles.diphoton_mass_nano_cfi import bundle
    addTagger(process, bundle, candidates="gedPhotons")

makes the detector frames `e2eDetectorFrames` (shared by all taggers of the process), the windows
`e2eDiphotonMassNanoFrames`, and `e2eDiphotonMassNano`, whose value maps are named as the bundle's outputs.
"""

import FWCore.ParameterSet.Config as cms
from RecoE2E.Inference import inputs

ENGINES = {"onnx": "E2EONNXProducer", "torch": "E2ETorchProducer", "sonic": "E2ESonicProducer"}
DETECTOR_FRAMES = "e2eDetectorFrames"


def labelOf(bundle):
    """`diphoton_mass_nano` -> `e2eDiphotonMassNano`"""
    return "e2e" + "".join(word.capitalize() for word in bundle.name.value().split("_"))


def addTagger(process, bundle, candidates, engine="onnx", source=inputs.offline, label=None, tableName="", **options):
    """Add the three modules of a bundle to the process, and return their labels in the order they run.

    candidates: label of photons or electrons for a bundle of the barrel, of jets or taus for one of the stitched grid.
    engine: onnx, torch (needs `torchScript` and the PyTorchService) or sonic (needs `Client`). source: `inputs.offline`
    or `inputs.hlt`, the same for all taggers of a process. label: of the tagger, to use a bundle twice. tableName: of a
    NanoAOD table to extend, which must be made of the same collection. options: of the engine's module.
    """
    if engine not in ENGINES:
        raise ValueError(f"no engine {engine!r}; known: {', '.join(ENGINES)}")
    name = label or labelOf(bundle)
    _refuseTwice(process, name)
    _addChannels(process, bundle, source)
    tag = _tagOf(candidates)
    frames = cms.EDProducer(
        "E2ECandidateFrameProducer", frames=cms.InputTag(DETECTOR_FRAMES), candidates=tag, frame=bundle.frame.clone()
    )
    tagger = cms.EDProducer(
        ENGINES[engine],
        frames=cms.InputTag(name + "Frames"),
        candidates=tag,
        bundle=bundle.clone(),
        tableName=cms.string(tableName),
        **options,
    )
    setattr(process, name + "Frames", frames)
    setattr(process, name, tagger)
    return [DETECTOR_FRAMES, name + "Frames", name]


def addFilter(process, bundle, candidates, minPt=0.0, minNumber=1, label=None, **cuts):
    """Add a filter `e2e...Filter` on answers of a tagger; cuts: output=(lowest, highest), in the output's unit."""
    name = label or labelOf(bundle)
    _refuseTwice(process, name + "Filter")
    known = {output.name.value(): output.instance.value() for output in bundle.outputs}
    if unknown := [output for output in cuts if output not in known]:
        raise ValueError(f"bundle {bundle.name.value()} has no output {unknown[0]!r}; known: {', '.join(known)}")
    tag = _tagOf(candidates)
    module = cms.EDFilter(
        "E2EFilter",
        candidates=tag,
        minPt=cms.double(minPt),
        minNumber=cms.uint32(minNumber),
        cuts=cms.VPSet(
            *(
                cms.PSet(answers=cms.InputTag(name, known[output]), min=cms.double(low), max=cms.double(high))
                for output, (low, high) in cuts.items()
            )
        ),
    )
    setattr(process, name + "Filter", module)
    return name + "Filter"


def addHLTPath(process, bundle, candidates, l1Seed, pathName, cuts, minPt=0.0, engine="onnx", before=(), **options):
    """Add a trigger path: the L1 seed's filter, what `before` names (what makes hits and candidates), the modules of
    the bundle, and its filter. `l1Seed` is the label of a filter of the process, such as an HLTL1TSeed."""
    label = options.pop("label", None)
    source = options.pop("source", inputs.hlt)
    labels = addTagger(process, bundle, candidates, engine=engine, source=source, label=label, **options)
    labels.append(addFilter(process, bundle, candidates, minPt=minPt, label=label, **cuts))
    path = cms.Path(getattr(process, l1Seed))
    for module in (*before, *labels):
        path += getattr(process, module)
    setattr(process, pathName, path)
    if getattr(process, "schedule", None) is not None:  # of what is not in it nothing runs
        process.schedule.append(path)
    return path


def sonicClient(bundle, servedName=None, timeout=30, modelVersion=""):
    """The `Client` of E2ESonicProducer for a server started by `e2e serve`, whose model has the bundle's folder's name.

    servedName: that name, where it is not the bundle's with hyphens.
    """
    name = servedName or bundle.name.value().replace("_", "-")
    return cms.PSet(
        mode=cms.string("Async"),
        modelName=cms.string(name),
        modelVersion=cms.string(modelVersion),
        modelConfigPath=cms.FileInPath(f"RecoE2E/Inference/data/{bundle.name.value()}/config.pbtxt"),
        timeout=cms.untracked.uint32(timeout),
        timeoutUnit=cms.untracked.string("seconds"),
        verbose=cms.untracked.bool(False),
        useSharedMemory=cms.untracked.bool(True),
        compression=cms.untracked.string(""),
    )


def _addChannels(process, bundle, source):
    """What the bundle sees, and what its seeds need, into the one producer of detector frames."""
    if not hasattr(process, DETECTOR_FRAMES):
        producer = cms.EDProducer(
            "E2EDetectorFrameProducer", barrelChannels=cms.vstring(), stitchedChannels=cms.vstring(), **source
        )
        setattr(process, DETECTOR_FRAMES, producer)
    producer = getattr(process, DETECTOR_FRAMES)
    if producer.ebHits.value() != source["ebHits"].value():
        raise ValueError("taggers of one process share the detector frames: give all the same `source`")
    isBarrel = bundle.frame.grid.value() == "barrel"
    known = producer.barrelChannels if isBarrel else producer.stitchedChannels
    for channel in [*bundle.frame.channels, "ecal_energy" if isBarrel else "hcal_energy"]:
        if channel not in known:
            known.append(channel)


def _refuseTwice(process, name):
    if hasattr(process, name):
        raise ValueError(f"the process has a module {name} already; give this one another `label`")


def _tagOf(candidates):
    return candidates if isinstance(candidates, cms.InputTag) else cms.InputTag(candidates)
