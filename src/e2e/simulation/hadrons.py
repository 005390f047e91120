"""Hadrons and muons in the calorimeters: where a shower starts, what it gives to the ECAL and to the HCAL.

A shower is a number of spots along its path, each of an exponentially distributed energy, so that their number makes
the energy resolution and their places make the fluctuations of the shower's shape. Depths follow Bock's profile: a part
that develops with the radiation length, from the pi0 of the first interaction, and one that develops with the
interaction length. The electromagnetic share of the energy grows with energy (Wigmans); the rest is seen with h/e.

Sources: Bock, Hansl-Kozanecka, Shah, NIM 186 (1981) 533 (profile); Grindhammer, Peters, hep-ex/0001020 (spots);
Wigmans, Calorimetry (Oxford, 2000) (electromagnetic share); CMS HCAL and ECAL, Eur. Phys. J. C 60 (2009) 359 (test
beam: what response and resolution are tuned to). Left out: the magnetic field in the calorimeters, the energy that
annihilating antibaryons add, particles that leave backwards, decays in flight.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from e2e.simulation.particles import ELECTRON, MUON, PHOTON, FloatArray, IntArray, Particles, mass_of
from e2e.simulation.shower import CRYSTAL_LENGTH_CM, X0_CM

INTERACTION_CM = 19.5  # of the ECAL's crystals
ECAL_LENGTH = CRYSTAL_LENGTH_CM / INTERACTION_CM
GAP_LENGTH = 0.25  # interaction lengths of electronics and supports behind the crystals, where energy is lost
MESON_LENGTH = 1.15  # of pions and kaons against nucleons, from their cross sections

# Profile (Bock): gamma functions of the depth after the start, with the shape SHAPE[0] + SHAPE[1] log(E).
PROMPT_SHARE = 0.46  # of the energy, developing with the radiation length
SHAPE = (0.62, 0.318)
PROMPT_RATE_ECAL = 0.22 * INTERACTION_CM / X0_CM  # per interaction length
PROMPT_RATE_HCAL = 0.22 * 10.5  # brass and scintillator: about 10.5 radiation lengths in one interaction length
LATE_RATE = (0.91, -0.024)  # per interaction length, [0] + [1] log(E)
MIN_PROFILE_GEV = 1.0  # the parametrisation's limit

# Response. Mean electromagnetic share 1 - (E / EM_SCALE_GEV)^EM_POWER and its spread; how the rest is seen.
EM_SCALE_GEV, EM_POWER = 0.76, -0.13
EM_SPREAD = 0.2  # standard deviation, times the square root of the mean
_EM_BETA = (2.0, 3.0, 0.4, 0.2)  # skewed to high shares: the beta distribution's numbers, its mean and deviation
H_OVER_E_ECAL, H_OVER_E_HCAL = 0.33, 0.71
LOST_GEV = 0.5  # of a slow hadron's energy, to nuclei
CALIBRATION_GEV = 50.0  # a pion that passes the ECAL as a MIP reads this in the HCAL ...
MEAN_LEAKAGE = 0.05  # ... on average over HB and HE, which lose this in front of and behind themselves
SPOTS_PER_GEV = 1.5
MAX_SPOTS = 300  # their fluctuation is below the others from here on

# Ionisation by one minimum ionising particle: most probable energy and width of a Moyal distribution, GeV.
ECAL_MIP_GEV = (0.25, 0.035)
HCAL_MIP_GEV = (3.2, 0.2)  # in the whole of MIP_REACH interaction lengths: 2 GeV in the 6 of HB's centre
MIP_REACH, MIP_SPOTS = 10.5, 6


class EcalShare(NamedTuple):
    """Visible energy (GeV) of hadrons and muons in the crystals, one element a particle that leaves some.

    is_mip: ionisation along the whole crystal; else a shower that starts at `start_cm` behind the face, along the path.
    entry_cm: (particles, 3) on the ECAL's face. direction: (particles, 3), of length 1.
    """

    event: IntArray
    energy: FloatArray
    is_mip: NDArray[np.bool_]
    entry_cm: FloatArray
    direction: FloatArray
    start_cm: FloatArray


class HcalShare(NamedTuple):
    """Spots of visible energy (GeV) in the HCAL: `energy`, `depth` (interaction lengths along the path behind the
    HCAL's front, perhaps behind its end as well), `is_prompt` (from the shower's narrow core) and `particle`, the row
    of the other three, which have one element a particle: event, entry_cm and direction as in `EcalShare`."""

    particle: IntArray
    energy: FloatArray
    depth: FloatArray
    is_prompt: NDArray[np.bool_]
    event: IntArray
    entry_cm: FloatArray
    direction: FloatArray


class HadronShare(NamedTuple):
    ecal: EcalShare
    hcal: HcalShare


def shower_hadrons(arrivals: Particles, rng: Generator) -> HadronShare:
    """What hadrons and muons leave in both calorimeters.

    arrivals: any particles on the ECAL's face; electrons and photons among them are passed over.
    """
    species = np.abs(arrivals.pdg_id)
    chosen = arrivals.where((species != ELECTRON) & (species != PHOTON))
    species, momentum = np.abs(chosen.pdg_id), chosen.momentum
    is_muon = species == MUON
    is_baryon = species > 1000
    # A baryon's mass stays with it. What a meson's gives when it is absorbed or decays is in its energy.
    energy = chosen.energy - np.where(is_baryon | is_muon, mass_of(chosen.pdg_id), 0.0)
    start = rng.exponential(np.where(is_baryon, 1.0, MESON_LENGTH))
    start[is_muon] = np.inf
    mip = np.where((chosen.charge != 0) & (start > ECAL_LENGTH), _moyal(ECAL_MIP_GEV, len(chosen), rng), 0.0)
    mip = np.minimum(mip, energy)
    spots = _shower_spots(np.flatnonzero(~is_muon), energy - mip, start, rng)
    through = _through_spots(np.flatnonzero(is_muon), (energy - mip)[is_muon], rng)

    is_ecal = spots.depth < 0
    showered = np.bincount(spots.particle[is_ecal], spots.energy[is_ecal], minlength=len(chosen)).astype(np.float64)
    direction = momentum / np.sqrt((momentum**2).sum(1))[:, None]
    owner = np.flatnonzero(mip + showered > 0)
    ecal = EcalShare(
        chosen.event[owner],
        (mip + showered)[owner],
        mip[owner] > 0,
        chosen.position[owner],
        direction[owner],
        np.minimum(start[owner], ECAL_LENGTH) * INTERACTION_CM,
    )
    is_hcal = spots.depth >= GAP_LENGTH
    hcal = HcalShare(
        np.concatenate((spots.particle[is_hcal], through.particle)),
        np.concatenate((spots.energy[is_hcal], through.energy)),
        np.concatenate((spots.depth[is_hcal] - GAP_LENGTH, through.depth)),
        np.concatenate((spots.is_prompt[is_hcal], through.is_prompt)),
        chosen.event,
        chosen.position,
        direction,
    )
    return HadronShare(ecal, hcal)


class _Spots(NamedTuple):
    particle: IntArray
    energy: FloatArray
    depth: FloatArray  # a shower's: behind the ECAL, negative in it; a muon's: behind the HCAL's front
    is_prompt: NDArray[np.bool_]


def _shower_spots(particle: IntArray, energies: FloatArray, starts: FloatArray, rng: Generator) -> _Spots:
    energy, start = energies[particle], starts[particle]
    em_mean = mean_em_share(energy)
    first, second, mean, deviation = _EM_BETA
    skewed = (rng.beta(first, second, len(energy)) - mean) / deviation
    em = np.clip(em_mean + EM_SPREAD * np.sqrt(em_mean) * skewed, 0.0, 1.0)
    count = np.clip(np.floor(SPOTS_PER_GEV * energy + rng.random(len(energy))), 1, MAX_SPOTS).astype(np.int64)
    owner = np.repeat(np.arange(len(energy)), count)

    log_energy = np.log(np.maximum(energy, MIN_PROFILE_GEV))
    is_prompt = rng.random(len(owner), dtype=np.float32) < (PROMPT_SHARE + em - em_mean)[owner]
    tau = rng.standard_gamma((SHAPE[0] + SHAPE[1] * log_energy)[owner])  # depth after the start x rate
    rate = (LATE_RATE[0] + LATE_RATE[1] * log_energy)[owner]
    ecal_left = np.maximum(ECAL_LENGTH - start, 0.0)[owner]
    rate_ecal = np.where(is_prompt, PROMPT_RATE_ECAL, rate)
    beyond = tau - ecal_left * rate_ecal  # what is left of tau where the ECAL ends
    depth = beyond / np.where(beyond < 0, rate_ecal, np.where(is_prompt, PROMPT_RATE_HCAL, rate))
    depth += np.maximum(start - ECAL_LENGTH, 0.0)[owner]

    rest = (1 - em) * energy
    kept = np.where(energy > 0, 1 - LOST_GEV / (energy + 2 * LOST_GEV), 0.0)
    seen_ecal = (em * energy + H_OVER_E_ECAL * rest) * kept / count
    seen_hcal = (em * energy + H_OVER_E_HCAL * rest) * kept / count * _HCAL_SCALE
    seen = np.where(depth < 0, seen_ecal[owner], seen_hcal[owner]) * rng.standard_exponential(len(owner))
    return _Spots(particle[owner], seen, depth, is_prompt)


def _through_spots(particle: IntArray, energy: FloatArray, rng: Generator) -> _Spots:
    """A muon's, evenly along its path."""
    seen = np.minimum(_moyal(HCAL_MIP_GEV, len(energy), rng), energy)
    depth = (np.arange(MIP_SPOTS) + rng.random((len(energy), MIP_SPOTS))) * (MIP_REACH / MIP_SPOTS)
    owner = np.repeat(np.arange(len(energy)), MIP_SPOTS)
    return _Spots(particle[owner], seen[owner] / MIP_SPOTS, depth.ravel(), np.ones(len(owner), dtype=bool))


def mean_em_share(energy: FloatArray) -> FloatArray:
    """Of a hadron's energy (GeV), on average."""
    return 1 - np.maximum(energy / EM_SCALE_GEV, 1.0) ** EM_POWER


def _moyal(place_and_width: tuple[float, float], count: int, rng: Generator) -> FloatArray:
    """Close to Landau's distribution, and simple to draw."""
    place, width = place_and_width
    return place - width * np.log(rng.standard_normal(count) ** 2)


def _hcal_scale() -> float:
    em = float(mean_em_share(np.array(CALIBRATION_GEV)))
    kept = 1 - LOST_GEV / (CALIBRATION_GEV + 2 * LOST_GEV)
    return 1 / ((em + H_OVER_E_HCAL * (1 - em)) * kept * (1 - MEAN_LEAKAGE))


_HCAL_SCALE = _hcal_scale()
