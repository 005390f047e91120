"""End-to-End deep-learning reconstruction for CMS.

hits -> sparse frame -> view -> model -> bundle -> engine -> prediction

Importing this package loads nothing heavy; each room (`e2e.events`, `e2e.frames`, ...) is imported where it is used.
"""

__version__ = "0.1.0"
