"""How good the answers are: metrics with their errors, plots, reports. Sees predictions, never networks."""
