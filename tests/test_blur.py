"""Blur: a Gaussian of the scene alone, without halo, stairs or hidden colours."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bgdl import compose, convert
from bgdl.compose import Blur, blur_background
from tests.small_pictures import matte, plain


@pytest.fixture
def halves(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of what is halved."""
    shapes: list[tuple[int, ...]] = []

    def halved(pictures: Tensor) -> Tensor:
        half = original(pictures)
        shapes.append(tuple(half.shape))
        return half

    original = compose._halved
    monkeypatch.setattr(compose, "_halved", halved)
    return shapes


@pytest.mark.parametrize("sigma_px", [2, 25])
def test_blur_stays_as_transparent_as_the_frames_and_shows_no_hidden_colour(sigma_px: float) -> None:
    frames, own = plain((20, 40, 60), (80, 80)), matte(1, (80, 80))
    frames[:, :, 30:], own[:, :, 30:] = torch.tensor([255, 0, 0], dtype=torch.uint8), 0
    own[:, :, 20:30] = 0.5
    alpha = matte(0, (80, 80))
    alpha[:, :40] = 1
    shown = Blur(sigma_px)(frames, alpha, own)
    assert shown[0, :, ::10, 3].unique(dim=0).tolist() == [[255, 255, 128, 0, 0, 0, 0, 0]]
    assert (shown[:, :, :30, :3].int() - torch.tensor([20, 40, 60])).abs().max() <= 1
    assert shown[:, :, 30:].max() == 0


def test_blur_has_no_halo_of_the_subject() -> None:
    frames = plain((20, 40, 60), (80, 80))
    alpha = matte(0, (80, 80))
    alpha[:, 25:55, 25:55] = 1
    frames[:, 25:55, 25:55] = torch.tensor([255, 0, 0], dtype=torch.uint8)
    for sigma_px in (2, 6, 25):
        scene = blur_background(frames, alpha, sigma_px)
        outside = scene[(alpha == 0).expand_as(scene)].view(-1, 3)
        assert (outside - torch.tensor([20.0, 40.0, 60.0])).abs().max() < 0.5, sigma_px


@pytest.mark.parametrize("size_hw", [(40, 200), (200, 40)])
def test_blur_without_a_sigma_goes_by_the_longer_side(size_hw: tuple[int, int]) -> None:
    frames = torch.randint(0, 256, (1, *size_hw, 3), dtype=torch.uint8)
    nothing = matte(0, size_hw)
    assert torch.equal(Blur()(frames, nothing), Blur(4)(frames, nothing))  # 2 % of 200 px


def test_blur_is_a_gaussian_where_nothing_is_subject() -> None:
    frames = torch.zeros(1, 101, 101, 3, dtype=torch.uint8)
    frames[:, :, 50:] = 200
    for sigma_px in (3, 12, 20):
        row = blur_background(frames, matte(0, (101, 101)), sigma_px)[0, 50, :, 0]
        distance = torch.arange(101) - 49.5
        expected = 100 * (1 + torch.erf(distance / (sigma_px * 2**0.5)))
        middle = slice(50 - 2 * sigma_px, 50 + 2 * sigma_px)
        assert (row - expected)[middle].abs().max() < 4, sigma_px


@pytest.mark.parametrize("size_hw", [(400, 600), (397, 601)])
@pytest.mark.parametrize("sigma_px", [16, 22, 60])
def test_blur_by_way_of_half_the_picture_is_that_of_the_whole(
    sigma_px: float, size_hw: tuple[int, int], halves: list[tuple[int, ...]]
) -> None:
    small = torch.rand(1, 4, 9, 11, generator=torch.Generator().manual_seed(0))
    scene = convert.to_nhwc(F.interpolate(small, size_hw, mode="bilinear"))
    frames, alpha = convert.to_bytes(scene[..., :3]), (3 * scene[..., 3:] - 1).clamp(0, 1)
    whole = Blur(sigma_px)(frames, alpha, torch.ones_like(alpha))[..., :3]  # with an alpha of its own nothing is halved
    assert not halves
    difference = (Blur(sigma_px)(frames, alpha).int() - whole.int()).abs()
    height, width = (math.ceil(side / 2) for side in size_hw)
    assert halves == [(1, height, width, 3), (1, height, width, 1)]
    assert difference.float().mean() < 0.5
    assert (difference > 4).float().mean() < 0.001


def test_a_narrow_blur_is_of_the_whole_picture(halves: list[tuple[int, ...]]) -> None:
    Blur(15.9)(plain((1, 2, 3), (60, 60)), matte(0, (60, 60)))
    assert not halves


def test_a_faint_slope_out_of_focus_has_no_stairs() -> None:
    frames = torch.full((1, 40, 384, 3), 100, dtype=torch.uint8)
    frames[:, :, 192:] = 112
    row = blur_background(frames, matte(0, (40, 384)), 64)[0, 20, 128:256, 0]
    expected = 106 + 6 * torch.erf((torch.arange(128) - 63.5) / (64 * 2**0.5))
    assert (row - expected).abs().max() < 0.6  # half a level is lost by rounding; of small bytes, a whole one


def test_blur_shows_no_hidden_colour_beside_single_pixels() -> None:
    frames, own = plain((255, 0, 0), (60, 60)), matte(0, (60, 60))
    frames[:, ::3, ::3], own[:, ::3, ::3] = torch.tensor([20, 40, 60], dtype=torch.uint8), 1
    scene = blur_background(frames, matte(0, (60, 60)), 20, own)
    assert (scene.int() - torch.tensor([20, 40, 60])).abs().max() <= 1


def test_blur_where_all_is_subject_is_still_the_picture() -> None:
    scene = blur_background(plain((10, 200, 30), (20, 30)), matte(1, (20, 30)), 5)
    assert (scene - torch.tensor([10.0, 200.0, 30.0])).abs().max() < 0.01


def test_a_faint_haze_of_the_matte_leaves_no_edge_in_the_blur() -> None:
    frames = torch.full((1, 80, 120, 3), 240, dtype=torch.uint8)
    frames[:, 40:, 60:] = 80  # a shadow, which the matte takes for subject a little
    alpha = torch.zeros(1, 80, 120, 1)
    alpha[:, 40:76, 50:] = 0.06
    row = blur_background(frames, alpha, 4.0)[0, 60, :, 0]
    assert float(row.float().diff().abs().max()) < 17  # 160 levels under a Gaussian of 4 px
