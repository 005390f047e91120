"""How good the answers are: a bundle's numbers with their errors, plots, pages. Sees bundles, never training."""
