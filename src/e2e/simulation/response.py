"""Generated particles -> what the detector makes of them: tracks, hits in the tracker, energy in calorimeter cells."""

from __future__ import annotations

from numpy.random import Generator

from e2e.detector.ecal_cells import NUM_ECAL_CELLS
from e2e.detector.hcal_cells import num_hcal_cells
from e2e.simulation.deposits import add_up
from e2e.simulation.ecal import Showers, electromagnetic_showers, hadron_showers, spread
from e2e.simulation.era import Era
from e2e.simulation.hadrons import shower_hadrons
from e2e.simulation.hcal import deposit_hcal
from e2e.simulation.stages import Generated, Response
from e2e.simulation.tracks import reconstruct_tracks, reconstruct_vertices
from e2e.simulation.transport import transport


def respond(generated: Generated, era: Era, rng: Generator) -> Response:
    """The response to the hard collisions alone, before pile-up is laid over them and the calorimeters are read out."""
    num_events = len(generated)
    passage = transport(generated.particles, num_events, era, rng)
    tracks = reconstruct_tracks(passage, num_events, rng)
    hadrons = shower_hadrons(passage.arrivals, rng)
    showers = [electromagnetic_showers(passage.arrivals, rng), hadron_showers(hadrons.ecal)]
    ecal = spread(Showers.concatenate(showers), rng)
    hcal = deposit_hcal(hadrons.hcal, era, rng)
    return Response(
        add_up(num_events, NUM_ECAL_CELLS, ecal),
        add_up(num_events, num_hcal_cells(era), hcal),
        tracks,
        passage.hits,
        reconstruct_vertices(generated.vertex_cm, tracks, rng),
    )
