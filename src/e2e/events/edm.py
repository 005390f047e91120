"""Read CMS EDM files (AOD, RECO; MiniAOD as far as it goes) through uproot, which is imported when a file is opened.

ROOT keeps no checksum of what it stores: of a flipped bit only the compression may tell (zlib, LZMA, LZ4 check what
they hold, Zstandard does not), and in a basket stored uncompressed it is another number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from e2e.events import edm_tables as tables
from e2e.events.edm_collections import HIT_LAYOUTS, OBJECT_LAYOUTS, Layout, find_branches
from e2e.events.edm_tables import Columns, EventLayout
from e2e.events.record import Events, Table
from e2e.problems import InputError, Problems

BATCH_EVENTS, BATCH_BYTES = 64, 1 << 26  # of the branches read; an event larger than that makes a batch of its own

_ROOT_MAGIC = b"root"
_TREE, _AUXILIARY = "Events", "EventAuxiliary"
_FLAGS = "is_hard_process"  # the one member that is a row of bits


class _Collection(NamedTuple):
    """A product of the file. present: the branch that says which events have it. members: branches by our names."""

    label: str
    present: Any
    members: Mapping[str, Any]


class EdmReader:
    """Events in the file's order; positions in cm, momenta in GeV, times in ns, as CMSSW stores them."""

    name = "CMS EDM file (ROOT: AOD, RECO, MiniAOD)"

    def recognises(self, path: Path) -> bool:
        """A ROOT file too damaged to tell counts as one, so that reading it says what is wrong."""
        with path.open("rb") as file:
            if file.read(len(_ROOT_MAGIC)) != _ROOT_MAGIC:
                return False
        try:
            import uproot

            with uproot.open(path) as directory:
                names = directory.keys(recursive=False, cycle=False)
                if _TREE not in names or directory.classname_of(_TREE) != "TTree":
                    return False
                branches = directory[_TREE].branches
                return any(branch.name == _AUXILIARY or _is_product(branch) for branch in branches)
        except Exception:  # uproot raises anything on damaged bytes
            return True

    def count(self, path: Path) -> int:
        with _opened(path) as tree:
            return int(tree.num_entries)

    def read(self, path: Path, problems: Problems, start: int = 0, stop: int | None = None) -> Iterator[Events]:
        """Raises InputError for a file without rec hits, too. Events whose bytes are damaged are reported; their
        neighbours in the same batch are lost with them, since ROOT packs events together."""
        with _opened(path) as tree:
            with _reading(path):
                hits = _find(tree, HIT_LAYOUTS, path, problems)
                objects = _find(tree, OBJECT_LAYOUTS, path, problems)
                if not hits:
                    looked_for = ", ".join(HIT_LAYOUTS[name].labels[0] for name in ("EB", "EE", "HBHE"))
                    what = f"no rec hits in it; looked for {looked_for}, and their other names in RECO and MiniAOD"
                    raise InputError(path, what, "give AOD or RECO, or make a file that keeps these collections")
                layout = tables.event_layout(tree.file.streamers)
                entries = range(tree.num_entries)[start:stop]
                step = _batch_size(tree, [*hits.values(), *objects.values()])
            for low in range(entries.start, entries.stop, step):
                high = min(low + step, entries.stop)
                try:
                    events = _read_batch(tree, layout, hits, objects, low, high, path)
                except Exception as error:  # uproot raises anything on damaged bytes
                    what = f"events {low} to {high} cannot be read ({_brief(error)})"
                    problems.report(path, what, "skipped; fetch the file again", is_unread=True)
                else:
                    yield events


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The tree of events. Raises InputError when there is none, and for a damaged file."""
    import uproot

    with _reading(path):
        directory = uproot.open(path, array_cache=None)
    with directory:
        with _reading(path):
            if (size := path.stat().st_size) < directory.file.fEND:
                raise ValueError(f"{size} bytes of {directory.file.fEND}")
            tree = directory[_TREE]
            if _AUXILIARY not in tree.keys(recursive=False):
                raise InputError(path, f"no branch {_AUXILIARY} in {_TREE}", "is it a file that CMSSW wrote?")
            # a damaged count may be anything; an event has a byte at least
            if not 0 <= tree.num_entries <= size or tree[_AUXILIARY].num_entries != tree.num_entries:
                raise ValueError(f"{tree.num_entries} events in {_TREE}")
        yield tree


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # uproot raises anything on damaged bytes
        raise InputError(path, f"truncated or damaged ROOT file ({_brief(error)})", "fetch the file again") from None


def _brief(error: Exception) -> str:
    """The first line: uproot's messages are long."""
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__


def _is_product(branch: Any) -> bool:
    return branch.name.endswith(".") and branch.classname == "TBranchElement" and "edm::Wrapper<" in branch.typename


# ---- where things are


def _find(tree: Any, layouts: Mapping[str, Layout], path: Path, problems: Problems) -> dict[str, _Collection]:
    """The collection of each table that the file has; one that is not split into members is reported."""
    names = [name for name in tree.keys(recursive=False) if name.endswith(".")]
    found = {}
    for table, layout in layouts.items():
        for name in find_branches(names, layout.labels):
            collection = _collection(tree[name], layout)
            if missing := [
                member for member in list(layout.members)[: layout.num_needed] if member not in collection.members
            ]:
                what = f"{name} has no {layout.members[missing[0]][0]} that can be read"
                problems.report(path, what, "collection skipped", "warning")
                continue
            found[table] = collection
            break
    return found


def _collection(branch: Any, layout: Layout) -> _Collection:
    import uproot

    present, inside = None, {}
    for name, member in branch.iteritems(recursive=True, full_paths=False):
        inner = name.removeprefix(branch.name)
        if inner == "present":
            present = member
        inside[inner.removeprefix("obj.").removeprefix("obj.").partition("[")[0]] = member
    members = {}
    for ours, paths in layout.members.items():
        member = next((inside[path] for path in paths if path in inside), None)
        is_flat = member is not None and isinstance(member.interpretation, uproot.AsJagged)
        if is_flat or (member is not None and ours == _FLAGS):
            members[ours] = member
    return _Collection(branch.name.removesuffix("."), present, members)


def _batch_size(tree: Any, found: Sequence[_Collection]) -> int:
    stored = sum(max(int(branch.uncompressed_bytes), 0) for part in found for branch in part.members.values())
    return max(1, min(BATCH_EVENTS, BATCH_BYTES * int(tree.num_entries) // max(stored, 1)))


# ---- events low to high


def _read_batch(
    tree: Any,
    layout: EventLayout,
    hits: Mapping[str, _Collection],
    objects: Mapping[str, _Collection],
    low: int,
    high: int,
    path: Path,
) -> Events:
    stored = _bytes_of(tree[_AUXILIARY], low, high)
    found = [tables.event_number(raw.tobytes(), layout) for raw in np.split(stored[1], np.cumsum(stored[0])[:-1])]
    run, block, event = zip(*found, strict=True)
    hit_tables: dict[str, Table] = {}
    for name, collection in hits.items():
        counts, values, presence = _rows(collection, low, high)
        table = Table.from_counts(counts, tables.hit_columns(values), presence)
        hit_tables |= tables.hit_tables(name, table)
    object_tables = {
        name: tables.object_table(name, *_rows(collection, low, high)) for name, collection in objects.items()
    }
    labels = {name: hits[name if name in hits else "HBHE"].label for name in hit_tables}
    labels |= {name: collection.label for name, collection in objects.items()}
    return Events(
        np.array(run, dtype=np.uint32),
        np.array(block, dtype=np.uint32),
        np.array(event, dtype=np.uint64),
        {name: table for name, table in hit_tables.items() if table.is_present.any()},
        {name: table for name, table in object_tables.items() if table.is_present.any()},
        {"reader": "edm", "input": path.name, "collections": labels},
    )


def _rows(collection: _Collection, low: int, high: int) -> tuple[NDArray[np.int64], Columns, NDArray[np.bool_]]:
    """(rows of each event, members, whether each event has the collection). Raises ValueError when they disagree."""
    columns = {
        name: _column(branch, low, high, branch.interpretation)
        for name, branch in collection.members.items()
        if name != _FLAGS
    }
    counts = next(iter(columns.values()))[0]
    if any(not np.array_equal(counts, of_branch) for of_branch, _ in columns.values()):
        raise ValueError(f"members of {collection.label} differ in length")
    values = {name: column for name, (_, column) in columns.items()}
    if _FLAGS in collection.members:
        is_hard = tables.hard_process_bits(*_bytes_of(collection.members[_FLAGS], low, high), counts)
        values |= {} if is_hard is None else {_FLAGS: is_hard}
    is_present = np.ones(high - low, dtype=bool)
    if collection.present is not None:
        is_present = collection.present.array(entry_start=low, entry_stop=high, library="np").astype(bool)
    if len(counts) != high - low or len(is_present) != high - low:
        raise ValueError(f"{collection.label} has fewer events than the file")
    return counts, values, is_present


def _column(branch: Any, low: int, high: int, interpretation: Any) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """(rows of each event, values of all rows)."""
    import awkward as ak

    array = branch.array(interpretation, entry_start=low, entry_stop=high, library="ak")
    return ak.to_numpy(ak.num(array)), ak.to_numpy(ak.flatten(array))


def _bytes_of(branch: Any, low: int, high: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """(number of bytes of each event, all bytes) of a branch that uproot does not take apart."""
    import uproot

    return _column(branch, low, high, uproot.AsJagged(uproot.AsDtype("u1")))
