"""Detector quantities that a pixel can carry."""

from __future__ import annotations

from dataclasses import dataclass


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
)

CHANNELS: dict[str, Channel] = {channel.name: channel for channel in _ALL}
