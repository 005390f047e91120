"""What is written on every picture. Everything here is private simulation or open data, and labelled so."""

from __future__ import annotations

SIMULATION, OPEN_DATA = "Private work (fast simulation)", "Private work (CMS open data)"
