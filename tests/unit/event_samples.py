"""Events of random bits, and how to compare two records to the bit."""

from __future__ import annotations

import numpy as np

from e2e.detector.detid import SUBDETECTORS, pack_eb
from e2e.events.record import HIT_COLUMNS, OBJECT_COLUMNS, STORED_POSITION_COLUMNS, Events, Table


def random_events(num_events: int, seed: int, with_positions: bool = True) -> Events:
    """Every bit pattern may occur: NaNs with payload, -0.0, infinities, denormals."""
    generator = np.random.default_rng(seed)

    def table(columns: dict[str, type]) -> Table:
        counts = generator.integers(0, 6, num_events)
        filled = {
            name: np.frombuffer(generator.bytes(counts.sum() * np.dtype(kind).itemsize), dtype=kind)
            for name, kind in columns.items()
        }
        return Table.from_counts(counts, filled)

    hit_columns = {**HIT_COLUMNS, **(STORED_POSITION_COLUMNS if with_positions else {})}
    return Events(
        generator.integers(0, 2**32, num_events, dtype=np.uint32),
        generator.integers(0, 2**32, num_events, dtype=np.uint32),
        generator.integers(0, 2**64, num_events, dtype=np.uint64),
        {name: table(hit_columns) for name in SUBDETECTORS},
        {name: table(dict.fromkeys(columns, np.float32)) for name, columns in OBJECT_COLUMNS.items()},
        {"seed": seed},
    )


def good_events(num_events: int, first: int = 1) -> Events:
    """Two good EB hits in each event, nothing else."""
    numbers = np.arange(first, first + num_events)
    columns = {
        "detid": np.tile(pack_eb([5, -5], [10, 20]), num_events),
        "energy": np.repeat(numbers, 2).astype(np.float32) + np.float32(0.5),
        "time": np.zeros(2 * num_events, dtype=np.float32),
    }
    hits = {"EB": Table.from_counts(np.full(num_events, 2), columns)}
    return Events(numbers.astype(np.uint32), numbers.astype(np.uint32), numbers.astype(np.uint64), hits)


def assert_identical(one: Events, other: Events) -> None:
    """Same tables, columns, types and bits."""
    for name in ("run", "luminosity_block", "event"):
        assert_same_bits(getattr(one, name), getattr(other, name))
    for ours, theirs in ((one.hits, other.hits), (one.objects, other.objects)):
        assert ours.keys() == theirs.keys()
        for name, table in ours.items():
            assert table.columns.keys() == theirs[name].columns.keys()
            assert table.offsets.tolist() == theirs[name].offsets.tolist()
            for column, values in table.columns.items():
                assert_same_bits(values, theirs[name][column])


def assert_same_bits(one: np.ndarray, other: np.ndarray) -> None:
    assert one.dtype == other.dtype
    assert one.tobytes() == other.tobytes()
