"""Does a file say what we think? DetIds beside stored positions, the core's frames and CMS's own sums beside hits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from e2e.checking.photon_windows import CRYSTAL_WIDTH, PhotonResult, barrel_image, compare_photons
from e2e.detector.detid import SUBDETECTORS, is_valid
from e2e.detector.geometry import position, wrap_phi
from e2e.events.reader import read_inputs
from e2e.events.record import Events, Table
from e2e.events.screen import repeats
from e2e.frames import native
from e2e.problems import Problems

_MUST_DECODE = ("EB", "EE", "HB", "HE")
_MAX_EB_DISTANCE = CRYSTAL_WIDTH / 2  # alignment moves crystals by up to 0.0034
_MAX_HB_DPHI = 1e-4  # towers are where their numbers say; the file prints six digits


def _larger(one: float | None, other: float | None) -> float | None:
    return max((value for value in (one, other) if value is not None), default=None)


class _Sums:
    """Counts add up, maxima are the larger one; None where nothing was measured."""

    def add(self, other: Any) -> None:
        for part in fields(self):  # type: ignore[arg-type]
            ours, theirs = getattr(self, part.name), getattr(other, part.name)
            setattr(self, part.name, _larger(ours, theirs) if part.name.startswith("max_") else ours + theirs)


@dataclass
class SubdetectorCheck(_Sums):
    """hits: all read, good or bad. duplicates: hits of a channel that came before in the event."""

    hits: int = 0
    undecodable: int = 0
    duplicates: int = 0
    max_abs_deta: float | None = None
    max_abs_dphi: float | None = None


@dataclass
class PhotonCheck(_Sums):
    """Barrel photons; max_abs_difference_gev is over those that agree."""

    count: int = 0
    agree: int = 0
    one_crystal_excluded: int = 0
    disagree: int = 0
    max_abs_difference_gev: float | None = None


@dataclass
class FileCheck:
    """What one file, or all of them, said."""

    subdetectors: dict[str, SubdetectorCheck] = field(
        default_factory=lambda: {name: SubdetectorCheck() for name in SUBDETECTORS}
    )
    photons: PhotonCheck = field(default_factory=PhotonCheck)

    def add(self, other: FileCheck) -> None:
        for name, ours in self.subdetectors.items():
            ours.add(other.subdetectors[name])
        self.photons.add(other.photons)

    def failures(self) -> Iterator[str]:
        for name in _MUST_DECODE:
            if count := self.subdetectors[name].undecodable:
                yield f"{name}: {count} DetIds do not decode"
        eb, hb = self.subdetectors["EB"], self.subdetectors["HB"]
        if max(eb.max_abs_deta or 0.0, eb.max_abs_dphi or 0.0) > _MAX_EB_DISTANCE:
            yield f"EB: decoded and stored positions differ by up to {eb.max_abs_deta:.4f}, {eb.max_abs_dphi:.4f}"
        if (hb.max_abs_dphi or 0.0) > _MAX_HB_DPHI:
            yield f"HB: decoded and stored phi differ by up to {hb.max_abs_dphi:.6f}"
        if self.photons.disagree:
            yield f"{self.photons.disagree} photons disagree with CMS's own window sums"


@dataclass
class CheckResult:
    """files: what each one said, by its path."""

    files: dict[str, FileCheck]
    problems: Problems

    @property
    def total(self) -> FileCheck:
        total = FileCheck()
        for file in self.files.values():
            total.add(file)
        return total

    @property
    def passed(self) -> bool:
        return not self.problems.has_errors and not any(self.total.failures())

    def to_json(self) -> dict[str, Any]:
        return asdict(self.total)


def check(inputs: Sequence[Path]) -> CheckResult:
    """Read every event of files and folders; what cannot be read, and a frame that is wrong, is among the problems."""
    files: dict[str, FileCheck] = {}
    problems = Problems()
    for path, events in read_inputs(inputs, problems, keep_bad_hits=True):
        files.setdefault(str(path), FileCheck()).add(_check_batch(events))
        _check_frames(path, events, problems)
    return CheckResult(files, problems)


def _check_frames(path: Path, events: Events, problems: Problems) -> None:
    """The frame that a network meets is, bit for bit, the image that the photons were compared on, above zero."""
    if "EB" not in events.hits:
        return
    frames = native.barrel_frames(events.hits["EB"])
    for event in range(len(events)):
        image = barrel_image(events.hits["EB"].rows_of(event)).ravel()
        pixels, built = np.flatnonzero(image > 0), slice(*frames.offsets[event : event + 2])
        is_same_place = np.array_equal(frames.pixel_index[built], pixels)
        if not is_same_place or frames.energy[built].tobytes() != image[pixels].astype(np.float32).tobytes():
            where = f"{path}: {events.name_of(event)}"
            problems.report(where, "the barrel frame of the core is not what the hits say", "report this as a bug")


def _check_batch(events: Events) -> FileCheck:
    result = FileCheck()
    for name, table in events.hits.items():
        result.subdetectors[name] = _check_hits(name, table)
    for photon in compare_photons(events):
        result.photons.add(_as_check(photon))
    return result


def _check_hits(name: str, table: Table) -> SubdetectorCheck:
    is_repeat, _ = repeats(table["detid"], table.event_index)
    result = SubdetectorCheck(
        hits=len(table),
        undecodable=int(np.count_nonzero(~is_valid(table["detid"], name))),
        duplicates=int(np.count_nonzero(is_repeat)),
    )
    if "eta" in table.columns and "phi" in table.columns:
        decoded, stored = np.stack(position(table["detid"], name)), np.stack((table["eta"], table["phi"]))
        is_placed = np.isfinite(decoded).all(axis=0) & np.isfinite(stored).all(axis=0)
        if is_placed.any():
            deta, dphi = (decoded - stored)[:, is_placed]
            result.max_abs_deta, result.max_abs_dphi = float(np.abs(deta).max()), float(np.abs(wrap_phi(dphi)).max())
    return result


def _as_check(photon: PhotonResult) -> PhotonCheck:
    agrees = photon.verdict == "agree"
    result = PhotonCheck(count=1, max_abs_difference_gev=photon.difference_gev if agrees else None)
    setattr(result, photon.verdict, 1)
    return result


def format_report(result: CheckResult) -> str:
    """A line for each file, a table for all of them, and what failed."""
    lines = [f"{path}: {_photon_line(file.photons)}" for path, file in result.files.items()]
    lines += ["", f"{'':4}{'hits':>10}{'undecodable':>13}{'duplicates':>12}{'max |deta|':>12}{'max |dphi|':>12}"]
    total = result.total
    for name, sub in total.subdetectors.items():
        distances = "".join(f"{'-' if d is None else f'{d:.6f}':>12}" for d in (sub.max_abs_deta, sub.max_abs_dphi))
        lines.append(f"{name:4}{sub.hits:>10}{sub.undecodable:>13}{sub.duplicates:>12}{distances}")
    lines += ["", f"all: {_photon_line(total.photons)}"]
    lines += [f"failed: {failure}" for failure in total.failures()]
    lines.append("passed" if result.passed else "not passed")
    return "\n".join(lines)


def _photon_line(photons: PhotonCheck) -> str:
    line = (
        f"{photons.count} barrel photons, {photons.agree} agree with CMS's windows, "
        f"{photons.one_crystal_excluded} but for one crystal, {photons.disagree} disagree"
    )
    difference = photons.max_abs_difference_gev
    return line if difference is None else f"{line}; largest difference {difference:.5f} GeV"
