"""Write `tests/golden/rhtree.root`: a small MLAnalyzer ntuple with ROOT's own vectors, for the reader's tests.

    python tools/write_rhtree_sample.py tests/golden/rhtree.root

Needs ROOT with Python (`pip install --pre root==0.1a12`), in an environment of its own. The content is a pure function
of the event's number, which the tests know: see `tests/unit/test_rhtree.py`.
"""

from __future__ import annotations

import sys
from array import array

import ROOT

NUM_EVENTS = 3
IMAGES = {
    "ECAL_energy": 280 * 360, "HBHE_energy": 56 * 72, "ECAL_tracksPt_atECALfixIP": 280 * 360,
    "ECAL_tracksDzSig_atECALfixIP": 280 * 360, "ECAL_tracksD0Sig_atECALfixIP": 280 * 360,
    **{f"{name}_ECAL_atPV": 280 * 360 for name in (
        "BPIX_layer1", "BPIX_layer2", "BPIX_layer3", "BPIX_layer4",
        "TIB_layer1", "TIB_layer2", "TOB_layer1", "TOB_layer2",
    )},
}  # fmt: skip
JETS = ("jetSeed_ieta", "jetSeed_iphi", "jetPt", "jetM", "jetIsQuark", "a_m", "a_pt")


def filled(event: int, channel: int, size: int) -> dict[int, float]:
    """Pixel -> value: twenty of them, spread over the image."""
    step = size // 20
    return {k * step + (7 * event + 3 * channel) % step: 1.0 + k + 0.25 * channel + 0.125 * event for k in range(20)}


def jets(event: int) -> dict[str, list[float]]:
    """Event 0 has one jet, event 1 none, event 2 two and a third whose window leaves the grid."""
    ieta = {0: [20.0], 1: [], 2: [12.0, 43.0, 5.0]}[event]
    count = range(len(ieta))
    return {
        "jetSeed_ieta": ieta,
        "jetSeed_iphi": [float((71 + 3 * k) % 72) for k in count],
        "jetPt": [100.0 + 10 * event + k for k in count],
        "jetM": [10.0 + k for k in count],
        "jetIsQuark": [float(k % 2) for k in count],
        "a_m": [4.0 + k for k in count],
        "a_pt": [90.0 + k for k in count],
    }


def main(path: str) -> None:
    file = ROOT.TFile(path, "RECREATE", "", 209)  # LZMA, level 9
    file.mkdir("fevt").cd()
    tree = ROOT.TTree("RHTree", "RHTree")
    numbers = {"eventId": array("Q", [0]), "runId": array("I", [0]), "lumiId": array("I", [0])}
    for name, kind in (("eventId", "l"), ("runId", "i"), ("lumiId", "i")):
        tree.Branch(name, numbers[name], f"{name}/{kind}")
    vectors = {name: ROOT.std.vector["float"]() for name in (*IMAGES, *JETS)}
    for name, vector in vectors.items():
        tree.Branch(name, vector)
    for event in range(NUM_EVENTS):
        numbers["eventId"][0], numbers["runId"][0], numbers["lumiId"][0] = 1000 + event, 7, 3
        for channel, (name, size) in enumerate(IMAGES.items()):
            vectors[name].assign(size, 0.0)
            for pixel, value in filled(event, channel, size).items():
                vectors[name][pixel] = value
        for name, values in jets(event).items():
            vectors[name].clear()
            for value in values:
                vectors[name].push_back(value)
        tree.Fill()
    tree.Write()
    file.Close()


if __name__ == "__main__":
    main(sys.argv[1])
