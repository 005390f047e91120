"""What a candidate's frame may be."""

import pytest

from e2e.contract import CHANNELS, GRID_CHANNELS, GRIDS, TRACKER_LAYERS, FrameSpec


def test_codes_of_channels_never_change() -> None:
    names = (
        "ecal_energy ecal_time hcal_energy track_pt track_d0 track_dz track_d0_significance track_dz_significance "
        "bpix1 bpix2 bpix3 bpix4 tib1 tib2 tob1 tob2"
    )
    assert {channel.name: channel.code for channel in CHANNELS.values()} == {n: i for i, n in enumerate(names.split())}
    assert list(TRACKER_LAYERS.values()) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert GRID_CHANNELS.keys() == GRIDS.keys()


@pytest.mark.parametrize(
    ("grid", "channels", "message"),
    [
        (
            "barrel",
            ("ecal_energy", "track_pt"),
            "the barrel grid cannot carry track_pt; it carries: ecal_energy, ecal_time",
        ),
        ("stitched", ("ecal_time",), "the stitched grid cannot carry ecal_time"),
        ("hcal", ("hcal_energy",), "the hcal grid cannot carry hcal_energy; it carries: nothing"),
        ("barrel", ("colour",), "must be distinct names of"),
    ],
)
def test_channels_that_a_grid_cannot_carry_are_refused(grid: str, channels: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FrameSpec(grid, channels)


def test_a_frame_of_all_channels_comes_back_from_json() -> None:
    spec = FrameSpec("stitched", GRID_CHANNELS["stitched"], 125, 125, 62, 62)
    assert FrameSpec.from_json(spec.to_json()) == spec and spec.num_pixels == 15 * 125 * 125
