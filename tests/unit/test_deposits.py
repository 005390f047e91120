"""Energy is added up cell by cell, and nothing gets lost or into another event."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from e2e.simulation.deposits import BLOCK_EVENTS, Part, add_parts, add_up
from e2e.simulation.stages import CellEnergies


@given(st.integers(0, 2**32 - 1), st.integers(1, 2 * BLOCK_EVENTS + 3), st.integers(0, 500))
def test_sums_are_those_of_a_dense_image(seed, num_events, count):
    rng = np.random.default_rng(seed)
    event, cell, energy = rng.integers(num_events, size=count), rng.integers(7, size=count), rng.exponential(size=count)
    found = add_up(num_events, 7, CellEnergies(event, cell, energy))
    image = np.zeros((num_events, 7))
    np.add.at(image, (event, cell), energy)
    dense = np.zeros_like(image)
    dense[np.repeat(np.arange(num_events), np.diff(found.offsets)), found.cell] = found.energy
    np.testing.assert_allclose(dense, image, rtol=1e-6)
    for i in range(num_events):
        assert np.all(np.diff(found.cell[found.offsets[i] : found.offsets[i + 1]]) > 0)


def test_parts_are_added_with_their_share_and_delay():
    pool = add_up(3, 5, CellEnergies(np.array([0, 1, 1]), np.array([4, 0, 4]), np.array([1.0, 2.0, 3.0])))
    signal = add_up(2, 5, CellEnergies(np.array([1]), np.array([4]), np.array([6.0])))
    own = np.arange(2)
    found = add_parts(
        2, 5, [Part(signal, own, own), Part(pool, np.array([1, 1]), np.array([1, 2]), share=0.5, delay_ns=50.0)]
    )
    assert found.offsets.tolist() == [0, 0, 2]
    assert found.cell.tolist() == [0, 4]
    np.testing.assert_allclose(found.energy, [1.0, 7.5])
    np.testing.assert_allclose(found.time, [50.0, 10.0])  # weighted by energy
