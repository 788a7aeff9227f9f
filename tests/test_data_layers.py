"""Pictures taken apart into people and backgrounds, and put together anew."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bgdl.data.layers import background, beside, cutout, erase, fill, lay_over, row, tinted
from tests.synthetic_people import draw_person


def test_cutout_takes_edge_colours_from_inside() -> None:
    """A red person whose soft edge is mixed with blue: the cutout is red there too."""
    alpha = np.zeros((20, 20), np.uint8)
    alpha[3:17, 3:17], alpha[5:15, 5:15] = 128, 255
    share = alpha[..., None] / 255
    mixed = (np.array([200, 0, 0]) * share + np.array([0, 0, 200]) * (1 - share)).astype(np.uint8)
    layer = cutout(mixed, alpha)
    assert layer.shape == (4, 14, 14)
    assert (layer[0][layer[3] > 0].int() - 200).abs().max() <= 1 and layer[2][layer[3] > 0].max() <= 1


def test_background_holds_nothing_of_the_person() -> None:
    rgb, mask = draw_person(2, (96, 80))
    scene = background(rgb, mask).int()
    assert (scene[0] > 100).float().mean() == 0
    assert torch.equal(scene.permute(1, 2, 0)[:, 0], torch.from_numpy(rgb[:, 0].astype(np.int32)))


def test_beside_is_the_wider_side_and_holds_nothing_of_the_person() -> None:
    rgb, mask = np.full((30, 50, 3), 9, np.uint8), np.zeros((30, 50), np.uint8)
    mask[5:, 8:14], rgb[:, 14:] = 255, 70
    strip = beside(rgb, mask)
    assert strip.shape == (3, 30, 50 - 14 - 6) and (strip == 70).all()
    mask[:, 2:48] = 255  # nothing wide enough is left: painted over instead
    assert beside(rgb, mask).shape == (3, 30, 50)
    strips = row([strip, strip[:, ::2, ::2]])
    assert strips.shape[:2] == (3, 30) and (strips == 70).all()


@given(st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_fill_of_one_colour_gives_that_colour(height: int, width: int) -> None:
    rgb = np.full((height, width, 3), (10, 120, 250), np.uint8)
    known = (np.arange(height * width).reshape(height, width) % 5 == 0).astype(np.uint8)
    rgb[known == 0] = 77
    assert abs(fill(rgb, known).astype(int) - (10, 120, 250)).max() <= 1


@given(st.integers(-30, 30), st.integers(-30, 30), st.integers(1, 25), st.integers(1, 25))
@settings(max_examples=60, deadline=None)
def test_layers_may_leave_the_canvas(top: int, left: int, height: int, width: int) -> None:
    canvas = torch.zeros(4, 16, 16, dtype=torch.uint8)
    layer = torch.full((4, height, width), 255, dtype=torch.uint8)
    covered = lay_over(canvas, layer, top, left)
    visible = max(0, min(16, top + height) - max(0, top)) * max(0, min(16, left + width) - max(0, left))
    assert int((covered[3] == 255).sum()) == visible and not canvas.any()
    assert int((erase(covered[3], layer[3], top, left)).sum()) == 0


def test_coverage_of_two_layers_adds_up() -> None:
    half = torch.full((4, 4, 4), 128, dtype=torch.uint8)
    twice = lay_over(lay_over(torch.zeros(4, 4, 4, dtype=torch.uint8), half, 0, 0), half, 0, 0)
    assert int(twice[3, 0, 0]) in (191, 192)  # 1 - (1 - 128/255)^2


def test_left_and_right_are_treated_alike() -> None:
    rng = np.random.default_rng(0)
    rgb, mask = rng.integers(0, 256, (64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)
    mask[16:48, 24:40] = 255
    for take in (cutout, background):
        here, there = take(rgb, mask), take(rgb[:, ::-1].copy(), mask[:, ::-1].copy())
        assert (here.int() - there.flip(2).int()).abs().max() <= 1


def test_tinted_people_are_as_what_is_behind_them() -> None:
    """A red square before blue: at 1 it has blue's mean, at 0 and full contrast nothing changes, behind never does."""
    canvas = torch.zeros(4, 12, 12, dtype=torch.uint8)
    canvas[2], canvas[0, 3:9, 3:9], canvas[2, 3:9, 3:9], canvas[3, 3:9, 3:9] = 200, 180, 0, 255
    gone = tinted(canvas, 1.0, 1.0)
    assert (gone[:3, 3:9, 3:9].int() - torch.tensor([0, 0, 200])[:, None, None]).abs().max() <= 1
    outside = canvas[3] == 0
    assert torch.equal(gone[:, outside], canvas[:, outside]) and torch.equal(gone[3], canvas[3])
    assert torch.equal(tinted(canvas, 0.0, 1.0), canvas)


def test_a_row_with_a_panorama_stays_small() -> None:
    tall, panorama = torch.full((3, 400, 100), 50, dtype=torch.uint8), torch.full((3, 20, 900), 90, dtype=torch.uint8)
    assert row([tall, panorama, tall]).shape == (3, 400, 100 + 4 * 400 + 100)
