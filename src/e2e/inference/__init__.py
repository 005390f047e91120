"""Predictions from a bundle: events -> candidates -> engine -> one row per candidate. Import from the files."""
