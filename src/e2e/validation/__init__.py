"""Simulation over real collisions: what is measured on both, how far apart they are, and the pictures."""

from e2e.validation.report import Row, Validation
from e2e.validation.validate import validate_simulation

__all__ = ["Row", "Validation", "validate_simulation"]
