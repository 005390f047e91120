"""Simulate events with a CMS-like response: primaries -> tracker material -> PbWO4 showers -> read-out rec hits.

Fast, vectorised and seeded; every effect names its source. What is left out is listed in docs/simulation.md.
"""

from e2e.simulation.gun import PROCESSES
from e2e.simulation.simulate import simulate, simulate_chunk

__all__ = ["PROCESSES", "simulate", "simulate_chunk"]
