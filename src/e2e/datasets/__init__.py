"""Candidates with their targets, ready to learn from."""

from e2e.datasets.candidate_set import CandidateSet, load_candidates

__all__ = ["CandidateSet", "load_candidates"]
