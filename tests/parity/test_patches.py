"""The patches of a sparse candidate against those of its dense image, and their embedding in each of its forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from e2e.bundles.parity import random_candidates
from e2e.contract import FrameSpec
from e2e.models.base import ModelConfig, PixelFeatures
from e2e.models.views import ImageView, PatchView
from e2e.tasks import TASKS

FRAMES = {"crop": FrameSpec(channels=("ecal_energy", "ecal_time")), "jet": TASKS["quark-gluon"].frame}
FEATURES = ("value", "log", "occupied")


def views(frame: FrameSpec, patch: int, packed):
    config = ModelConfig(frame, (0.1,) * len(frame.channels), features=FEATURES)
    index, value = map(torch.from_numpy, packed[:2])
    features = PixelFeatures(config)(index, value)
    return ImageView(frame)(index, features), PatchView(frame, patch)(index, features)


@pytest.mark.parametrize("kind", FRAMES)
@settings(max_examples=15)
@given(patch=st.integers(1, 40), batch=st.integers(1, 4), pixels=st.integers(0, 300), seed=st.integers(0, 2**32 - 1))
def test_patches_are_those_of_the_dense_image(kind, patch, batch, pixels, seed):
    frame = FRAMES[kind]
    image, tokens = views(frame, patch, random_candidates(np.random.default_rng(seed), frame, batch, pixels))
    rows, columns = -(-frame.rows // patch), -(-frame.columns // patch)
    whole = functional.pad(image, (0, columns * patch - frame.columns, 0, rows * patch - frame.rows))
    cut = functional.unfold(whole, patch, stride=patch).transpose(1, 2)  # (batch, places, planes * patch * patch)
    back = torch.zeros(batch, rows * columns + 1, cut.shape[2])
    back.scatter_(1, tokens.place[:, :, None].expand_as(tokens.values), tokens.values)
    torch.testing.assert_close(back[:, :-1], cut, rtol=0, atol=0)
    is_occupied = (cut != 0).any(dim=2)
    assert ((~tokens.is_padding).sum(dim=1) == is_occupied.sum(dim=1)).all()
    fullest = int(is_occupied.sum(dim=1).max())
    assert max(1, fullest) <= tokens.values.shape[1] <= fullest + 1  # where padding goes
    for place, padding in zip(tokens.place, tokens.is_padding, strict=True):
        assert (place[~padding].diff() > 0).all() and not padding[: int((~padding).sum())].any()


@pytest.mark.parametrize(("kind", "patch"), [("crop", 4), ("jet", 5), ("jet", 8)])
def test_the_embedding_is_the_dense_patch_embedding_and_a_sum_over_the_hits(kind, patch):
    frame = FRAMES[kind]
    packed = random_candidates(np.random.default_rng(2), frame, 3, 400)
    image, tokens = views(frame, patch, packed)
    weight = torch.randn(16, tokens.values.shape[2])
    embedded = tokens.values @ weight.T
    pad = (-frame.rows) % patch
    convolved = functional.conv2d(
        functional.pad(image, (0, pad, 0, pad)), weight.reshape(16, -1, patch, patch), stride=patch
    )
    dense = convolved.flatten(2).transpose(1, 2)
    index, value = map(torch.from_numpy, packed[:2])
    config = ModelConfig(frame, (0.1,) * len(frame.channels), features=FEATURES)
    features = torch.stack(PixelFeatures(config)(index, value), dim=2)  # (batch, pixels, features)
    flat = index.clamp(min=0).to(torch.int64)
    column, row = flat % frame.columns, flat // frame.columns % frame.rows
    inside = (flat // (frame.rows * frame.columns) * patch + row % patch) * patch + column % patch
    columns_of = weight.reshape(16, len(FEATURES), -1).permute(2, 1, 0)[inside]  # (batch, pixels, features, 16)
    grid = -(-frame.columns // patch)
    place = (row // patch * grid + column // patch)[:, :, None].expand(-1, -1, 16)
    summed = torch.zeros_like(dense).scatter_add(1, place, (columns_of * features[..., None]).sum(dim=2))
    at = tokens.place.clamp(max=dense.shape[1] - 1)[:, :, None].expand_as(embedded)
    shown = ~tokens.is_padding
    torch.testing.assert_close(embedded[shown], dense.gather(1, at)[shown], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(embedded[shown], summed.gather(1, at)[shown], rtol=1e-4, atol=1e-4)
