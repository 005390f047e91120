"""cmsRun RecoE2E/Inference/test/e2e_cfg.py inputFiles=file:AOD.root maxEvents=20

Scores of jets and masses of photons of an AOD file, into e2e.root.
"""

import FWCore.ParameterSet.Config as cms
from FWCore.ParameterSet.VarParsing import VarParsing
from RecoE2E.Inference.bundles import diphoton_mass_nano_cfi, quark_gluon_nano_cfi
from RecoE2E.Inference.taggers import addTagger

options = VarParsing("analysis")
options.setDefault("maxEvents", 20)
options.parseArguments()

process = cms.Process("E2E")
process.load("FWCore.MessageService.MessageLogger_cfi")
process.maxEvents = cms.untracked.PSet(input=cms.untracked.int32(options.maxEvents))
process.source = cms.Source("PoolSource", fileNames=cms.untracked.vstring(options.inputFiles))
process.options = cms.untracked.PSet(numberOfThreads=cms.untracked.uint32(4), numberOfStreams=cms.untracked.uint32(0))

labels = addTagger(process, diphoton_mass_nano_cfi.bundle, "gedPhotons")
labels += addTagger(process, quark_gluon_nano_cfi.bundle, "ak4PFJetsCHS")
process.task = cms.Task(*(getattr(process, label) for label in dict.fromkeys(labels)))
process.out = cms.OutputModule(
    "PoolOutputModule",
    fileName=cms.untracked.string("e2e.root"),
    outputCommands=cms.untracked.vstring("drop *", "keep *_e2e*_*_E2E"),
)
process.end = cms.EndPath(process.out, process.task)
