"""Events -> candidates: hits become sparse frames, seeds are found in them, and windows are cut around the seeds.

`reference` is the specification in NumPy, `native` the C++ core; both offer the same functions and give the same bits.
Import the one you want: `from e2e.frames import native`.
"""

from e2e.frames.candidates import Candidates, ChannelFrames, Frames, HitCounts, Packed, PixelRuns, Seeds

__all__ = ["Candidates", "ChannelFrames", "Frames", "HitCounts", "Packed", "PixelRuns", "Seeds"]
