"""Candidates with their targets, ready to learn from."""

from e2e.datasets.candidate_set import Batch, CandidateSet
from e2e.datasets.load import load_candidates

__all__ = ["Batch", "CandidateSet", "load_candidates"]
