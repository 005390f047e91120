"""Where a detector frame finds its hits: the labels of a kind of file, by configuration alone."""

import FWCore.ParameterSet.Config as cms

# AOD and RECO of Run 2 and 3. Tracker hits are in RECO alone: layer channels cannot be made from AOD.
offline = dict(
    ebHits=cms.InputTag("reducedEcalRecHitsEB"),
    eeHits=cms.InputTag("reducedEcalRecHitsEE"),
    hbheHits=cms.InputTag("reducedHcalRecHits", "hbhereco"),
    tracks=cms.InputTag("generalTracks"),
    vertices=cms.InputTag("offlinePrimaryVertices"),
    pixelHits=cms.InputTag("siPixelRecHits"),
    stripHits=cms.VInputTag(cms.InputTag("siStripMatchedRecHits", "rphiRecHit")),
)

# The High-Level Trigger, full regional unpacking.
hlt = dict(
    ebHits=cms.InputTag("hltEcalRecHit", "EcalRecHitsEB"),
    eeHits=cms.InputTag("hltEcalRecHit", "EcalRecHitsEE"),
    hbheHits=cms.InputTag("hltHbhereco"),
    tracks=cms.InputTag("hltMergedTracks"),
    vertices=cms.InputTag("hltPixelVertices"),
    pixelHits=cms.InputTag("hltSiPixelRecHits"),
    stripHits=cms.VInputTag(),
)

# MiniAOD keeps hits near photons and electrons, and no general tracks: for bundles of the barrel grid.
mini = {
    **offline,
    "ebHits": cms.InputTag("reducedEgamma", "reducedEBRecHits"),
    "eeHits": cms.InputTag("reducedEgamma", "reducedEERecHits"),
    "hbheHits": cms.InputTag("reducedEgamma", "reducedHBHEHits"),
    "vertices": cms.InputTag("offlineSlimmedPrimaryVertices"),
}
