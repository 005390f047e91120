"""Detector quantities that a pixel can carry."""

from __future__ import annotations

from dataclasses import dataclass

# Barrel layers of the tracker that have a channel of their own, and their numbers in the event record: pixel 1 to 4
# (1 to 3 before 2017), inner and outer strips 1 and 2.
TRACKER_LAYERS: dict[str, int] = {
    "bpix1": 1,
    "bpix2": 2,
    "bpix3": 3,
    "bpix4": 4,
    "tib1": 5,
    "tib2": 6,
    "tob1": 7,
    "tob2": 8,
}


@dataclass(frozen=True)
class Channel:
    """One detector quantity; `code` is its number in the C++ core and never changes."""

    name: str
    code: int
    unit: str
    meaning: str


_ALL = (
    Channel("ecal_energy", 0, "GeV", "calibrated energy of the ECAL crystal"),
    Channel("ecal_time", 1, "ns", "time of the ECAL rec hit, zero for a particle from the nominal collision"),
    Channel("hcal_energy", 2, "GeV", "energy of the HCAL tower, depths summed, spread evenly over its pixels"),
    Channel("track_pt", 3, "GeV", "sum of the transverse momenta of the tracks that reach the ECAL here"),
    Channel("track_d0", 4, "cm", "transverse impact parameter of the hardest such track to the primary vertex, signed"),
    Channel("track_dz", 5, "cm", "longitudinal distance of that track to the primary vertex, signed"),
    Channel("track_d0_significance", 6, "1", "track_d0 over its uncertainty"),
    Channel("track_dz_significance", 7, "1", "track_dz over its uncertainty"),
    *(
        Channel(layer, code, "1", f"hits in tracker layer {layer.upper()}, as seen from the primary vertex")
        for code, layer in enumerate(TRACKER_LAYERS, start=8)
    ),
)

CHANNELS: dict[str, Channel] = {channel.name: channel for channel in _ALL}

# What a candidate of each grid can hold. The time of several channels in one pixel means nothing; no candidate is cut
# from the HCAL grid, whose towers are spread over the stitched one.
GRID_CHANNELS: dict[str, tuple[str, ...]] = {
    "barrel": ("ecal_energy", "ecal_time"),
    "stitched": tuple(name for name in CHANNELS if name != "ecal_time"),
    "hcal": (),
}
