"""Candidates in few bytes: one file format, lossless or as the feature vectors of a network."""
