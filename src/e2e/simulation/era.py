"""What differs between running periods: beams, pixel detector, HCAL read-out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Era:
    """collision_energy_gev: of both protons together. crossing_ns: between bunch crossings. bpix_radii_cm: innermost
    first. out_of_time_share: of a collision's energy, what the calorimeters' read-out gives to the nominal crossing
    when the collision was one crossing earlier or later.

    Sources: CMS, arXiv:1405.6569 (tracker), arXiv:2012.14304 (Phase-1 pixel detector); LHC parameters of 2012 and 2018.
    The shares are ours: those of 2012 bring times and spectra of soft hits near those of the real files, and the two
    events of 2016 and 2017 show almost no hits out of time.
    """

    name: str
    collision_energy_gev: float
    crossing_ns: float
    beam_spot_sigma_cm: tuple[float, float, float]
    bpix_radii_cm: tuple[float, ...]
    has_new_hcal_ids: bool
    out_of_time_share: tuple[float, float]


ERAS: dict[str, Era] = {
    era.name: era
    for era in (
        Era("2012", 8000.0, 50.0, (0.002, 0.002, 5.0), (4.4, 7.3, 10.2), False, (0.15, 0.25)),
        Era("2018", 13000.0, 25.0, (0.001, 0.001, 3.6), (2.9, 6.8, 10.9, 16.0), True, (0.05, 0.05)),
    )
}
