"""DetIds: what real ids decode to, and every channel there and back."""

import numpy as np
import pytest

from e2e.detector import detid as ids


def every_barrel_id() -> np.ndarray:
    ieta, iphi = np.meshgrid(np.delete(np.arange(-85, 86), 85), np.arange(1, 361), indexing="ij")
    return ids.pack_eb(ieta.ravel(), iphi.ravel())


def test_known_ids() -> None:
    """EBDetId(1, 1), EEDetId(50, 50, +1), HcalDetId(HcalBarrel, 1, 1, 1) as CMSSW packs them."""
    assert ids.pack_eb(1, 1) == 838926849
    assert ids.pack_ee(50, 60, 1) == 0x3400_4000 | 50 << 7 | 60
    assert ids.pack_hcal("HB", 1, 1, 1, new_format=False) == 0x4200_0000 | 1 << 14 | 1 << 13 | 1 << 7 | 1
    assert ids.pack_hcal("HE", -17, 72, 2) == 0x4500_0000 | 2 << 20 | 17 << 10 | 72


def test_barrel_round_trip() -> None:
    every = every_barrel_id()
    assert len(np.unique(every)) == 61_200
    assert ids.is_valid(every, "EB").all()
    np.testing.assert_array_equal(ids.pack_eb(*ids.unpack_eb(every)), every)


def test_endcap_has_14648_crystals() -> None:
    ix, iy, side = (axis.ravel() for axis in np.meshgrid(np.arange(128), np.arange(128), (-1, 1)))
    every = ids.pack_ee(ix, iy, side)
    assert ids.is_valid(every, "EE").sum() == 14_648
    np.testing.assert_array_equal(ids.pack_ee(*ids.unpack_ee(every)), every)


@pytest.mark.parametrize("new_format", [False, True])
@pytest.mark.parametrize("name", ["HB", "HE", "HO", "HF"])
def test_hcal_round_trip(name: str, new_format: bool) -> None:
    low, high = ids.HCAL_IETA_RANGE[name]
    ieta = np.array([-high, -low, low, high, high])
    iphi, depth = np.array([1, 72, 36, 2, 71]), np.array([1, 2, 1, 2, 1])
    packed = ids.pack_hcal(name, ieta, iphi, depth, new_format)
    assert ids.is_valid(packed, name).all()
    for unpacked, field in zip(ids.unpack_hcal(packed), (ieta, iphi, depth), strict=True):
        np.testing.assert_array_equal(unpacked, field)
    beyond = ids.pack_hcal(name, [high + 1, low, low, low], [1, 0, 73, 1], [1, 1, 1, 0], new_format)
    assert not ids.is_valid(beyond, name).any()


def test_invalid_barrel_ids() -> None:
    bad = np.append(ids.pack_eb([86, 0, 1, 1], [1, 1, 0, 361]), ids.pack_eb(1, 1) | np.uint32(1 << 17))
    assert not ids.is_valid(bad, "EB").any()
    assert not ids.is_valid(every_barrel_id()[:5], "EE").any()
