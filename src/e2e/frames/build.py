"""Events and seeds -> candidates with every channel their frame asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from e2e.contract import GRIDS, TRACKER_LAYERS, FrameSpec
from e2e.events.record import HIT_COLUMNS, Events, Table
from e2e.frames.candidates import Candidates, ChannelFrames, Frames, Seeds

_STITCHED = GRIDS["stitched"]
_TRACK_CHANNELS = ("track_pt", "track_d0", "track_dz", "track_d0_significance", "track_dz_significance")


def build_candidates(events: Events, spec: FrameSpec, seeds: Seeds, backend: Any = None) -> Candidates:
    """Cut the window of `spec` around each seed; phi wraps, beyond the eta edge is nothing.

    The barrel grid shows EB's energies and times. On the stitched grid lie the energies of EB and EE, those of HB and
    HE spread over the pixels under each tower, tracks where they reach the ECAL, and hits of each tracker layer as seen
    from the primary vertex. What an event lacks is an empty channel; a value of exactly 0 is left out.
    backend: e2e.frames.native (default) or e2e.frames.reference.
    Raises ValueError naming the seed that lies outside the grid, and the limits.
    """
    if backend is None:
        from e2e.frames import native as backend
    if spec.grid == "barrel":
        return backend.build_candidates(hits_of(events, "EB"), spec, seeds)
    return backend.cut_candidates(channel_frames(events, spec.channels, backend), spec, seeds)


def channel_frames(events: Events, channels: Sequence[str], backend: Any) -> list[ChannelFrames]:
    """Whole frames of these channels, in their order: stitched, the HCAL's on its own grid."""
    found: dict[str, ChannelFrames] = {}
    for name in channels:
        if name not in found:
            found |= _MAKERS[name](events, backend)
    return [found[name] for name in channels]


def empty_channels(events: Events, spec: FrameSpec) -> list[str]:
    """Channels for which no event of the batch has a collection, be it an empty one: the source does not say."""
    tables = {**events.hits, **events.objects}
    has = {name for name, table in tables.items() if table.is_present.any()}
    return [channel for channel in spec.channels if not has & set(_MADE_OF[channel])]


def hits_of(events: Events, name: str) -> Table:
    """Hits of a subdetector, none where the source does not say."""
    table = events.hits.get(name)
    if table is not None:
        return table
    nothing: dict[str, Any] = {column: np.zeros(0, dtype=kind) for column, kind in HIT_COLUMNS.items()}
    return Table(np.zeros(len(events) + 1, dtype=np.int64), nothing)


def _ecal(events: Events, backend: Any) -> dict[str, ChannelFrames]:
    return {"ecal_energy": _energy(backend.stitched_frames(hits_of(events, "EB"), hits_of(events, "EE")))}


def _hcal(events: Events, backend: Any) -> dict[str, ChannelFrames]:
    return {"hcal_energy": _energy(backend.hcal_frames(hits_of(events, "HB"), hits_of(events, "HE")))}


def _tracks(events: Events, backend: Any) -> dict[str, ChannelFrames]:
    """Sum of pT; the rest of the hardest track in a pixel, for a sum of signed distances means nothing."""
    tracks = backend.track_pixels(events)
    offsets, pixel, row = backend.leading_rows(_STITCHED, tracks.offsets, tracks.pixel, tracks.pt)
    of_hardest = (tracks.d0, tracks.dz, tracks.d0_significance, tracks.dz_significance)
    frames = [ChannelFrames(_STITCHED, offsets, pixel, values[row]) for values in of_hardest]
    total = backend.sum_pixels(_STITCHED, tracks.offsets, tracks.pixel, tracks.pt)
    return dict(zip(_TRACK_CHANNELS, (total, *frames), strict=True))


def _layer(name: str) -> Callable[[Events, Any], dict[str, ChannelFrames]]:
    def counts(events: Events, backend: Any) -> dict[str, ChannelFrames]:
        offsets, pixel = backend.hit_pixels(events, TRACKER_LAYERS[name])
        return {name: backend.sum_pixels(_STITCHED, offsets, pixel, np.ones(len(pixel), dtype=np.float32))}

    return counts


def _energy(frames: Frames) -> ChannelFrames:
    return ChannelFrames(frames.grid, frames.offsets, frames.pixel_index, frames.energy)


_MAKERS: dict[str, Callable[[Events, Any], dict[str, ChannelFrames]]] = {
    "ecal_energy": _ecal,
    "hcal_energy": _hcal,
    **dict.fromkeys(_TRACK_CHANNELS, _tracks),
    **{name: _layer(name) for name in TRACKER_LAYERS},
}

# tables, one of which a channel needs
_MADE_OF: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("ecal_energy", "ecal_time"), ("EB", "EE")),
    "hcal_energy": ("HB", "HE"),
    **dict.fromkeys(_TRACK_CHANNELS, ("tracks",)),
    **dict.fromkeys(TRACKER_LAYERS, ("tracker_hits",)),
}
