"""Simulate events with a CMS-like response: generator -> tracker -> calorimeters -> pile-up -> read-out -> jets.

Fast, vectorised and seeded; every effect names its source. What is left out is listed in docs/simulation.md.
"""
