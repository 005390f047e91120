"""The ragged tables and the record built of them."""

from __future__ import annotations

import numpy as np
import pytest

from e2e.events.record import Events, Table


def table(*counts: int) -> Table:
    return Table.from_counts(counts, {"value": np.arange(sum(counts), dtype=np.float32)})


def events(first: int, **hits: Table) -> Events:
    numbers = np.arange(first, first + len(next(iter(hits.values())).offsets) - 1)
    return Events(numbers.astype(np.uint32), numbers.astype(np.uint32), numbers.astype(np.uint64), hits)


def test_rows_of_an_event_are_those_between_its_offsets():
    ragged = table(2, 0, 3)
    assert ragged.rows_of(0)["value"].tolist() == [0, 1]
    assert ragged.rows_of(1)["value"].tolist() == []
    assert ragged.rows_of(2)["value"].tolist() == [2, 3, 4]
    assert ragged.event_index.tolist() == [0, 0, 2, 2, 2]
    assert ragged.counts.tolist() == [2, 0, 3]


def test_slice_keeps_the_rows_and_starts_from_zero():
    part = table(2, 0, 3, 1).slice(1, 3)
    assert part.offsets.tolist() == [0, 0, 3]
    assert part["value"].tolist() == [2, 3, 4]


@pytest.mark.parametrize("offsets", [[1, 3], [0, 2, 1, 3], [0, 2]])
def test_offsets_that_do_not_fit_the_columns_are_refused(offsets):
    with pytest.raises(ValueError, match="offsets not ascending from 0, or columns"):
        Table(np.array(offsets), {"value": np.zeros(3)})


def test_a_table_of_another_number_of_events_is_refused():
    with pytest.raises(ValueError, match="HB: 3 events in the table, 2 in the record"):
        events(0, EB=table(1, 1), HB=table(1, 1, 1))


def test_slices_of_a_record_join_to_the_record():
    whole = events(5, EB=table(2, 0, 3, 1), HB=table(0, 1, 1, 0))
    joined = Events.concatenate([whole.slice(0, 1), whole.slice(1, 1), whole.slice(1, 4)])
    assert joined.event.tolist() == whole.event.tolist()
    for name in ("EB", "HB"):
        assert joined.hits[name].offsets.tolist() == whole.hits[name].offsets.tolist()
        assert joined.hits[name]["value"].tolist() == whole.hits[name]["value"].tolist()


def test_a_table_that_a_batch_lacks_is_absent_for_its_events():
    joined = Events.concatenate([events(0, EB=table(1, 2)), events(2, HB=table(3))])
    assert joined.hits["EB"].counts.tolist() == [1, 2, 0]
    assert joined.hits["HB"].counts.tolist() == [0, 0, 3]
    assert joined.hits["HB"].is_present.tolist() == [False, False, True]
    assert list(joined.slice(0, 2).hits) == ["EB"] and list(joined.slice(2, 3).hits) == ["HB"]
    assert joined.slice(2, 3).hits["HB"].presence is None


def test_rows_in_an_event_without_the_collection_are_refused():
    for presence in ([True, False], [True]):
        with pytest.raises(ValueError, match="table of 2 events: presence of other length, or rows in absent ones"):
            Table(np.array([0, 1, 3]), {"value": np.zeros(3)}, np.array(presence))


def test_rows_are_selected_within_their_events():
    part = table(2, 0, 3).select(np.array([True, False, False, True, True]))
    assert part.counts.tolist() == [1, 0, 2] and part["value"].tolist() == [0, 3, 4]


def test_nothing_to_concatenate_is_refused():
    with pytest.raises(ValueError, match="no events"):
        Events.concatenate([])
