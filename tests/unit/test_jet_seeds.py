"""Seeds of jets, seeds of whole events."""

from __future__ import annotations

import numpy as np
import pytest

from e2e.contract import FrameSpec
from e2e.detector.detid import pack_eb, pack_hcal
from e2e.detector.geometry import barrel_position, hcal_position
from e2e.detector.grids import barrel_pixel
from e2e.events.record import Events, Table
from e2e.frames.build import build_candidates
from e2e.frames.candidate_rows import find_candidates
from e2e.frames.jet_seeds import jet_seeds, whole_seeds
from e2e.frames.places import tower_at, tower_middle

JET = FrameSpec("stitched", ("ecal_energy", "hcal_energy"), 125, 125, 62, 62)


def hits(*rows: tuple[int, float]) -> Table:
    detid, energy = np.array([row[0] for row in rows], "u4"), np.array([row[1] for row in rows], "f4")
    return Table.from_counts([len(rows)], {"detid": detid, "energy": energy, "time": np.zeros(len(rows), "f4")})


def record(tables: dict[str, Table], *directions: tuple[float, float]) -> Events:
    eta, phi = np.array(directions, "f4").reshape(-1, 2).T
    jets = Table.from_counts([len(eta)], {"pt": np.ones(len(eta), "f4"), "eta": eta, "phi": phi})
    number = np.zeros(1, "u4")
    return Events(number, number, number.astype("u8"), tables, {"jets": jets})


def test_every_tower_is_found_in_its_own_direction() -> None:
    ieta, iphi = (a.ravel() for a in np.meshgrid([*range(-28, 0), *range(1, 29)], np.arange(1, 73), indexing="ij"))
    fine = np.abs(ieta) <= 20
    where = hcal_position("HE", ieta, np.where(fine, iphi, (iphi - 1) // 2 * 2 + 1), 1)
    row, column = tower_at(*where)
    np.testing.assert_array_equal(row, np.where(ieta > 0, ieta + 27, ieta + 28))
    np.testing.assert_array_equal(column[fine], iphi[fine] - 1)
    assert tower_at([3.1, -9.0], [0.0, 1e9]).row.tolist() == [55, 0]


@pytest.mark.parametrize("iphi", [1, 2, 36, 71, 72])
def test_crystals_and_the_tower_behind_them_share_five_columns(iphi: int) -> None:
    """The ECAL's phi axis begins at -10 degrees, the HCAL's at 0."""
    tower = hcal_position("HB", 3, iphi, 1)
    crystal_ieta, crystal_iphi = 13, (5 * (iphi - 1) + 10 + 2) % 360 + 1  # the middle one in front of it
    crystal = barrel_position(crystal_ieta, crystal_iphi)
    assert abs(np.angle(np.exp(1j * (crystal.phi - tower.phi)))) < 0.01 and abs(crystal.eta - tower.eta) < 0.01

    middle = tower_middle(*tower_at(tower.eta, tower.phi))
    row, column = barrel_pixel(crystal_ieta, crystal_iphi)
    assert (middle.row, middle.column) == (row + 55, column)

    tables = {"HB": hits((pack_hcal("HB", 3, iphi, 1), 25.0)), "EB": hits((pack_eb(crystal_ieta, crystal_iphi), 5.0))}
    events = record(tables, (float(tower.eta), float(tower.phi)))
    seeds, _ = jet_seeds(events, JET)
    ecal, hcal = build_candidates(events, JET, seeds).to_dense()[0]
    assert np.argwhere(ecal).tolist() == [[62, 62]]
    assert hcal[60:65, 60:65].tolist() == np.ones((5, 5)).tolist() and hcal.sum() == 25


def test_the_highest_tower_within_three_is_the_seed_across_the_seam() -> None:
    near, far = pack_hcal("HB", 4, 70, 1), pack_hcal("HB", 5, 69, 1)
    tables = {"HB": hits((near, 5.0), (far, 50.0), (pack_hcal("HB", 1, 1, 1), 1.0))}
    seeds, index = jet_seeds(record(tables, (0.01, 0.01), (0.01, 1.0)), JET)
    assert index.tolist() == [0, 1] and seeds.energy.tolist() == [5.0, 0.0]
    assert (seeds.row.tolist(), seeds.column.tolist()) == ([31 * 5 + 2, 28 * 5 + 2], [71 * 5 + 2, 13 * 5 + 2])


def test_jets_whose_window_leaves_the_grid_in_eta_are_left_out() -> None:
    """28 - |ieta| < 12 in cms-e2e/RecoE2E: towers up to 16, |eta| below 1.392, stay."""
    directions = [(eta, 0.0) for eta in (-1.40, -1.38, 1.38, 1.40, np.nan, 5.0)]
    seeds, index = jet_seeds(record({}, *directions), JET)
    assert index.tolist() == [1, 2] and seeds.row.tolist() == [62, 217]
    nothing, none = jet_seeds(Events(*(np.zeros(1, "u4"),) * 3, {}), JET)
    assert len(nothing) == len(none) == 0
    with pytest.raises(ValueError, match="jets are cut from the stitched grid, not from 'barrel'"):
        jet_seeds(record({}), FrameSpec())


def test_candidates_of_taus_are_taus_and_jets_where_an_event_has_no_collection_of_them() -> None:
    jets = Table.from_counts([1, 1, 2], kinematics([0.1, 0.2, 0.3, -0.3], pt=40.0))
    taus = Table.from_counts([2, 0, 0], kinematics([0.5, -0.5], pt=20.0), np.array([True, True, False]))
    numbers = np.arange(3)
    events = Events(*(numbers.astype(kind) for kind in ("u4", "u4", "u8")), {}, {"jets": jets, "taus": taus})

    def found(mode, tables=("jets",)):
        rows = find_candidates(events, mode, JET, tables)
        return list(zip(rows.seeds.event_index.tolist(), rows.source.tolist(), rows.pt.tolist(), strict=True))

    of_taus = [(0, "tau", 20.0), (0, "tau", 20.0)]
    of_jets = [(event, "jet", 40.0) for event in (0, 1, 2, 2)]
    assert found("auto") == found("jets") == of_jets
    assert found("taus") == of_taus
    assert found("auto", ("taus", "jets")) == of_taus + of_jets[2:]  # event 1 was looked at, and has no tau


def kinematics(eta: list[float], pt: float) -> dict[str, np.ndarray]:
    return {"pt": np.full(len(eta), pt, "f4"), "eta": np.array(eta, "f4"), "phi": np.zeros(len(eta), "f4")}


def test_whole_seeds_show_the_whole_barrel() -> None:
    spec = FrameSpec("barrel", ("ecal_energy",), 170, 360, 84, 180)
    events = record({"EB": hits((pack_eb(-85, 1), 1.0), (pack_eb(85, 360), 2.0), (pack_eb(1, 180), 3.0))})
    seeds = whole_seeds(events, spec)
    image = build_candidates(events, spec, seeds).to_dense()[0, 0]
    assert [image[0, 0], image[169, 359], image[85, 179], image.sum()] == [1, 2, 3, 6]
    with pytest.raises(ValueError, match="a 32 x 32 window is not the whole barrel grid"):
        whole_seeds(events, FrameSpec())
