"""What the classical methods share: clean-up of masks, shadows, light."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import bgdl
from bgdl.matters.cleanup import PRESETS, Cleanup, drop_small
from bgdl.matters.light import match_light
from bgdl.matters.shadows import shadow_mask
from tests.wall_scene import SUBJECT, H, W, iou, wall, with_shadow, with_subject

# Clean-up


def test_specks_and_islands_go_holes_and_gaps_close() -> None:
    mask = np.zeros((H, W), np.uint8)
    mask[SUBJECT] = 1
    clean = mask.astype(np.float32)
    mask[5, 5] = mask[20, 70] = 1
    mask[25:28, 35:38] = 0
    np.testing.assert_array_equal(Cleanup(island_share=0.001, hole_share=0.01)(mask), clean)
    assert Cleanup(open_px=3)(mask)[5, 5] == 0
    assert Cleanup(close_px=7)(mask)[26, 36] == 1
    np.testing.assert_array_equal(PRESETS["none"](mask), mask.astype(np.float32))


def test_the_named_clean_ups_grow_with_the_frame() -> None:
    mask = np.zeros((480, 640), np.uint8)
    mask[100:300, 200:400] = 1
    mask[196:203] = 0  # a gap of 7 px, which a closing of 9 px bridges
    assert PRESETS["tidy"](mask)[200, 300] == 1
    assert PRESETS["tidy"](mask.repeat(2, 0).repeat(2, 1))[400, 600] == 1
    assert Cleanup(close_px=9)(mask.repeat(2, 0).repeat(2, 1))[400, 600] == 0


@settings(max_examples=30, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24)), elements=st.integers(0, 1)))
def test_cleaned_masks_stay_binary_until_they_are_feathered(mask: np.ndarray) -> None:
    tidy, soft = PRESETS["tidy"](mask), PRESETS["soft"](mask)
    assert set(np.unique(tidy)) <= {0.0, 1.0}
    assert soft.shape == mask.shape
    assert 0 <= soft.min() <= soft.max() <= 1
    assert drop_small(mask, 0.0) is mask


def test_soft_edges_are_soft_and_lie_on_the_edge() -> None:
    matter = bgdl.load("static_difference", device="cpu", cleanup=Cleanup(feather_px=1.5))
    matter.prime(wall())
    alpha = matter.alpha(with_subject())[0, ..., 0]
    assert alpha[30, 40] == 1
    assert 0.2 < alpha[30, 29] < alpha[30, 30] < 0.8
    assert alpha[30, 10] == 0


# Shadows


def test_a_shadow_is_darker_and_otherwise_alike() -> None:
    plate, frame = wall()[0].numpy(), with_shadow()[0].numpy()
    shadow = shadow_mask(frame, plate)
    assert shadow[44:52, 56:72].mean() > 0.95
    assert not shadow[SUBJECT].any()
    assert not shadow[:10, :20].any()


def test_what_is_darker_by_a_texture_of_its_own_is_no_shadow() -> None:
    """A grey check before a plain wall, as dark on average as a shadow there."""
    plate = np.full((H, W, 3), 200, np.uint8)
    for step, is_shadow in ((4, True), (40, False)):
        check = 140 + step * (np.indices((H, W)).sum(0) // 2 % 2 * 2 - 1)
        shadow = shadow_mask(np.dstack([check] * 3).astype(np.uint8), plate)
        assert (shadow == is_shadow).all()


@pytest.mark.parametrize("name", ["static_difference", "running_average"])
def test_dropping_shadows_helps(name: str) -> None:
    kept, dropped = (bgdl.load(name, device="cpu", shadows=shadows) for shadows in ("keep", "drop"))
    for matter in (kept, dropped):
        matter.prime(wall())
    assert iou(kept.alpha(with_shadow())) < 0.75
    assert iou(dropped.alpha(with_shadow())) > 0.9


# Light


@pytest.mark.parametrize("name", ["static_difference", "running_average"])
def test_a_change_of_exposure_is_matched(name: str) -> None:
    brighter = (with_subject().float() * torch.tensor([1.25, 1.2, 1.3])).clamp(0, 255).to(torch.uint8)
    fixed, matched = (bgdl.load(name, device="cpu", light=light) for light in ("fixed", "match"))
    for matter in (fixed, matched):
        matter.prime(torch.cat([wall(seed) for seed in range(5)]))
    assert iou(fixed.alpha(brighter)) < 0.3
    assert iou(matched.alpha(brighter)) > 0.9


def test_light_that_is_the_same_or_cut_off_is_left_alone() -> None:
    plate = wall()[0].numpy()
    np.testing.assert_array_equal(match_light(plate, plate), plate)
    black, white = np.zeros((4, 5, 3), np.uint8), np.full((4, 5, 3), 255, np.uint8)
    np.testing.assert_array_equal(match_light(black, white), black)
