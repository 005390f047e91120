"""What an augmentation may change, and what it must leave alone."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from e2e.contract import GRIDS, FrameSpec
from e2e.tasks import TASKS
from e2e.training.augment import Augmentation, Motion, Pixels, augment, batch_seed, move

CROP = FrameSpec(channels=("ecal_energy", "ecal_time"))
JET = TASKS["top"].frame
WHOLE = TASKS["higgs-diphoton"].frame
BATCH = 3


def some_pixels(frame, seed, pixels=40):
    """Distinct pixels with padding among them; the seed where a candidate of the frame has it."""
    rng = np.random.default_rng(seed)
    index = np.stack([rng.choice(frame.num_pixels, pixels, replace=False) for _ in range(BATCH)]).astype(np.float32)
    value = rng.uniform(0.1, 9.0, index.shape).astype(np.float32)
    is_padding = rng.random(index.shape) < 0.2
    index[is_padding], value[is_padding] = -1, 0
    grid = frame.parent
    place = np.stack((rng.integers(grid.rows, size=BATCH), rng.integers(grid.columns, size=BATCH)), axis=1)
    if frame == WHOLE:
        place[:] = frame.centre_row, frame.centre_column
    return Pixels(*(torch.from_numpy(array.astype(np.float32)) for array in (index, value, place)))


def dense(pixels, frame):
    image = torch.zeros(BATCH, frame.num_pixels + 1)
    index = torch.where(pixels.pixel_index < 0, frame.num_pixels, pixels.pixel_index).long()
    return image.scatter_add(1, index, pixels.pixel_value)[:, :-1].reshape(BATCH, *frame.shape).numpy()


def motion(*, eta=False, phi=False, turn=0):
    return Motion(torch.full((BATCH,), eta), torch.full((BATCH,), phi), torch.full((BATCH,), turn))


def generator(number=0):
    return torch.Generator().manual_seed(number)


def assert_equal(one, other):
    for mine, theirs in zip(one, other, strict=True):
        assert torch.equal(mine, theirs)


frames = st.sampled_from([CROP, JET, WHOLE])
seeds = st.integers(0, 2**31)


@given(frames, seeds)
def test_all_off_changes_no_bit(frame, seed):
    pixels = some_pixels(frame, seed)
    assert_equal(augment(pixels, frame, Augmentation(), generator(seed)), pixels)


@given(frames, seeds, st.booleans(), st.booleans())
def test_a_reflection_done_twice_is_none(frame, seed, eta, phi):
    pixels = some_pixels(frame, seed)
    once = move(pixels, frame, motion(eta=eta, phi=phi))
    twice = move(once, frame, motion(eta=eta, phi=phi))
    stayed = once.pixel_index >= 0
    assert torch.equal(twice.pixel_index[stayed], pixels.pixel_index[stayed])
    assert torch.equal(twice.pixel_value[stayed], pixels.pixel_value[stayed])
    assert torch.equal(twice.seed, pixels.seed)
    assert (twice.pixel_index[~stayed] == -1).all()


@given(seeds, st.booleans(), st.booleans(), st.integers(0, 359))
def test_where_nothing_leaves_energy_is_kept(seed, eta, phi, turn):
    """In a frame that spans the grid, and in a jet's window, whose seed is in its middle."""
    for frame in (WHOLE, JET):
        pixels = some_pixels(frame, seed)
        moved = move(pixels, frame, motion(eta=eta, phi=phi, turn=turn))
        assert torch.equal(moved.pixel_index < 0, pixels.pixel_index < 0)
        assert torch.equal(moved.pixel_value.abs(), pixels.pixel_value)


@given(frames, seeds)
@settings(max_examples=30)
def test_padding_stays_padding_and_every_index_lies_in_the_frame(frame, seed):
    pixels = some_pixels(frame, seed)
    changed = augment(pixels, frame, Augmentation(True, True, True, 0.3, 0.1), generator(seed))
    is_padding = changed.pixel_index < 0
    assert is_padding[pixels.pixel_index < 0].all()
    assert (changed.pixel_index[is_padding] == -1).all()
    assert (changed.pixel_value[is_padding] == 0).all()
    assert (changed.pixel_index < frame.num_pixels).all()
    assert ((changed.seed >= 0) & (changed.seed < torch.tensor([frame.parent.rows, frame.parent.columns]))).all()


@given(seeds, st.integers(0, 359))
def test_a_turn_of_the_whole_grid_is_a_roll_over_the_seam(seed, turn):
    pixels = some_pixels(WHOLE, seed)
    moved = move(pixels, WHOLE, motion(turn=turn))
    np.testing.assert_array_equal(dense(moved, WHOLE), np.roll(dense(pixels, WHOLE), turn, axis=3))
    assert torch.equal(moved.seed, pixels.seed)


def test_reflections_are_those_of_the_dense_image():
    whole, crop = some_pixels(WHOLE, 1), some_pixels(CROP, 1)
    both = move(whole, WHOLE, motion(eta=True, phi=True))
    np.testing.assert_array_equal(dense(both, WHOLE), dense(whole, WHOLE)[:, :, ::-1, ::-1])
    flipped, before = dense(move(crop, CROP, motion(phi=True)), CROP), dense(crop, CROP)
    last = 2 * CROP.centre_column
    np.testing.assert_array_equal(flipped[..., : last + 1], before[..., last::-1])
    assert (flipped[..., last + 1 :] == 0).all()  # what would have come from outside of the window


def test_the_seed_of_a_window_goes_with_it():
    pixels = some_pixels(CROP, 4)._replace(seed=torch.tensor([[0.0, 0.0], [169.0, 359.0], [20.0, 100.0]]))
    grid = GRIDS["barrel"]
    flipped = move(pixels, CROP, motion(eta=True, phi=True))
    assert torch.equal(flipped.seed, torch.tensor([grid.rows - 1.0, grid.columns - 1.0]) - pixels.seed)
    turned = move(pixels, CROP, motion(turn=5))
    assert turned.seed.tolist() == [[0, 5], [169, 4], [20, 105]]
    assert_equal(turned[:2], pixels[:2])


def test_signed_distances_follow_the_axis():
    pixels = some_pixels(JET, 2)
    channel = pixels.pixel_index.long() // (JET.rows * JET.columns)
    for flips, name in (({"eta": True}, "track_dz"), ({"phi": True}, "track_d0")):
        changed = move(pixels, JET, motion(**flips)).pixel_value != pixels.pixel_value
        assert torch.equal(changed, (channel == JET.channels.index(name)) & (pixels.pixel_index >= 0))


def test_smearing_is_of_energies_alone_and_as_wide_as_told():
    pixels = Pixels(torch.arange(2048.0).expand(BATCH, -1), torch.ones(BATCH, 2048), torch.zeros(BATCH, 2))
    value = augment(pixels, CROP, Augmentation(smearing=0.1), generator()).pixel_value
    energy, time = value[:, :1024], value[:, 1024:]
    assert (time == 1).all()
    assert float(energy.std()) == pytest.approx(0.1, rel=0.05)
    lost = augment(pixels, CROP, Augmentation(pixel_drop=0.25), generator()).pixel_index < 0
    assert float(lost.float().mean()) == pytest.approx(0.25, abs=0.02)


def test_turned_towers_lie_on_towers():
    pixels = some_pixels(JET, 3)
    turned = augment(pixels, JET, Augmentation(phi_rotation=True), generator()).seed - pixels.seed
    assert turned[:, 1].abs().max() > 0
    assert (turned[:, 1] % 5 == 0).all()


def test_the_generator_decides_and_numbers_apart_give_seeds_apart():
    pixels, everything = some_pixels(CROP, 5), Augmentation(True, True, True, 0.1, 0.1)
    assert_equal(*(augment(pixels, CROP, everything, generator(7)) for _ in range(2)))
    numbers = [(s, e, b, r) for s in range(3) for e in range(3) for b in range(3) for r in range(2)]
    assert len({batch_seed(*each) for each in numbers}) == len(numbers)


@pytest.mark.parametrize("wrong", [{"pixel_drop": 1.0}, {"pixel_drop": -0.1}, {"smearing": 1.5}])
def test_impossible_augmentations_are_refused(wrong):
    with pytest.raises(ValueError, match="must be in"):
        Augmentation(**wrong)


def test_a_seed_that_is_not_known_stays_so():
    pixels = some_pixels(JET, 5)
    unknown = pixels._replace(seed=torch.full_like(pixels.seed, -1.0))
    everything = Augmentation(True, True, True)
    moved = augment(unknown, JET, everything, generator())
    assert torch.equal(moved.seed, unknown.seed)
    assert torch.equal(moved.pixel_index, augment(pixels, JET, everything, generator()).pixel_index)
