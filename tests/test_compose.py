"""Looks: exact blends, no fringe, backgrounds that fit, every size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from bgdl import compose, convert
from bgdl.choices import Fit
from bgdl.compose import Alpha, Blur, Cutout, Over, fit_background
from bgdl.refine.foreground import blur_fusion
from bgdl.types import Look
from tests.small_pictures import matte, noise, plain, soft

FEW = settings(max_examples=25, deadline=None)
WHITE = (255, 255, 255)


def test_half_covered_colour_blends_exactly() -> None:
    frames, alpha = plain((200, 100, 50)), matte(128 / 255)
    assert Over(WHITE)(frames, alpha)[0, 0, 0].tolist() == [227, 177, 152]
    assert Over(plain(WHITE))(frames, alpha)[0, 0, 0].tolist() == [227, 177, 152]


def test_levels_are_rounded_half_up_and_stay_bytes() -> None:
    quarters = torch.arange(-4, 1028) / 4
    expected = ((torch.arange(-4, 1028) + 2) // 4).clamp(0, 255).to(torch.uint8)
    assert torch.equal(convert.round_to_bytes(quarters.clone()), expected)
    assert convert.to_bytes(torch.tensor([-0.01, 0.25 / 255, 0.75 / 255, 1.0, 1.01])).tolist() == [0, 0, 1, 255, 255]


def test_cutout_keeps_straight_colours_that_composite_exactly() -> None:
    cutout = Cutout()(plain((200, 100, 50)), matte(128 / 255))
    assert cutout[0, 0, 0].tolist() == [200, 100, 50, 128]
    again = Over(WHITE)(cutout[..., :3], cutout[..., 3:].float() / 255)
    assert again[0, 0, 0].tolist() == [227, 177, 152]


def test_cutout_scrubs_colours_that_nobody_sees() -> None:
    alpha = torch.tensor([0.0, 0.0019, 0.002, 1.0]).view(1, 1, 4, 1)  # 0.0019 rounds to 0, 0.002 to 1
    cutout = Cutout()(plain((9, 8, 7), (1, 4)), alpha)
    assert cutout[0, 0].tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [9, 8, 7, 1], [9, 8, 7, 255]]


def test_alpha_is_rounded_not_truncated() -> None:
    alpha = torch.tensor([0.0, 0.5, 0.999, 1.0]).view(1, 1, 4, 1)
    assert Alpha()(plain((1, 2, 3), (1, 4)), alpha).flatten().tolist() == [0, 128, 255, 255]


def test_half_transparent_colour_gives_straight_rgba() -> None:
    look = Over((255, 0, 0, 128))
    assert look.channels == 4
    assert look(plain((0, 0, 255)), matte(0))[0, 0, 0].tolist() == [255, 0, 0, 128]
    assert look(plain((0, 0, 255)), matte(1))[0, 0, 0].tolist() == [0, 0, 255, 255]
    share = 0.5 / (0.5 + 0.5 * 128 / 255)
    expected = [round(255 * (1 - share)), 0, round(255 * share), round(255 * (0.5 + 0.5 * 128 / 255))]
    assert look(plain((0, 0, 255)), matte(0.5))[0, 0, 0].tolist() == expected


def test_looks_use_the_decontaminated_colours() -> None:
    def red(frames: Tensor, alpha: Tensor) -> Tensor:
        return torch.tensor([255, 0, 0], dtype=torch.uint8).expand_as(frames)

    frames, alpha = plain((0, 255, 0)), matte(1)
    for look in (Cutout(red), Over(WHITE, foreground=red), Blur(2, foreground=red)):
        assert look(frames, alpha)[0, 0, 0, :3].tolist() == [255, 0, 0]


def test_the_frames_own_alpha_is_no_mixture_with_the_old_background() -> None:
    frames = torch.randint(0, 256, (1, 30, 40, 3), dtype=torch.uint8)
    alpha, own = matte(1, (30, 40)), matte(128 / 255, (30, 40))
    cutout = Cutout(blur_fusion)(frames, alpha, own)
    assert torch.equal(cutout[..., :3], frames) and cutout[..., 3].unique().tolist() == [128]
    assert Alpha()(frames, alpha, own).unique().tolist() == [128]
    half = Over(WHITE)(frames, alpha, own)
    assert torch.equal(Over(WHITE, foreground=blur_fusion)(frames, alpha, own), half)


@FEW
@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40), st.sampled_from(["cover", "contain", "stretch"]))
def test_every_look_takes_every_size(count: int, height: int, width: int, fit: Fit) -> None:
    frames, alpha = noise(height, width, count), soft(height, width, count)
    looks: list[Look] = [Cutout(), Alpha(), Over(plain(WHITE, (7, 3)), fit=fit), Over((1, 2, 3, 4)), Blur(), Blur(30)]
    for look in looks:
        shown = look(frames, alpha)
        assert (shown.shape, shown.dtype) == ((count, height, width, look.channels), torch.uint8)
        alone = look(frames[-1:], alpha[-1:])[0].int()
        assert (alone - shown[-1].int()).abs().max() <= (1 if isinstance(look, Blur) else 0)


def test_backgrounds_of_a_clip_go_frame_by_frame() -> None:
    backgrounds = torch.cat((plain((10, 10, 10), (9, 9)), plain((20, 20, 20), (9, 9))))
    shown = Over(backgrounds)(plain((0, 0, 0), count=2), matte(0, count=2))
    assert shown[:, 0, 0, 0].tolist() == [10, 20]


def test_fit_cover_crops_contain_adds_bars_stretch_fills() -> None:
    picture = torch.zeros(1, 10, 30, 3, dtype=torch.uint8)
    picture[:, :, 10:20] = 200  # the middle third of a wide picture
    assert (fit_background(picture, (10, 10), "cover") == 200).float().mean() > 0.75
    contained = fit_background(picture, (30, 30), "contain")
    assert contained[0, :10].max() == 0
    assert contained[0, 20:].max() == 0
    assert contained[0, 15, 15, 0] == 200
    stretched = fit_background(picture, (10, 9), "stretch")
    assert stretched.shape == (1, 10, 9, 3)
    assert stretched[0, :, 4].min() > 190


@pytest.mark.parametrize("size_hw", [(31, 20), (45, 90), (200, 170)])
def test_a_background_is_scaled_as_pillow_scales_along_and_then_down(size_hw: tuple[int, int]) -> None:
    picture = noise(77, 101)
    expected = Image.fromarray(picture[0].numpy())
    for size in ((size_hw[1], 77), size_hw[::-1]):
        expected = expected.resize(size, Image.Resampling.BICUBIC)
    shown = fit_background(picture, size_hw, "stretch")[0]
    assert (shown.int() - torch.from_numpy(np.array(expected)).int()).abs().max() <= 1


@pytest.mark.parametrize("size_hw", [(1, 300), (300, 1)])
def test_a_thin_picture_is_still_seen_where_it_is_contained(size_hw: tuple[int, int]) -> None:
    shown = fit_background(plain((200, 200, 200), size_hw), (10, 10), "contain")
    assert int((shown[..., 0] == 200).sum()) == 10


def test_a_background_is_fitted_once_for_each_size(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[tuple[int, int]] = []

    def fit(picture: Tensor, size_hw: tuple[int, int], *rest: Any, **options: Any) -> Tensor:
        fitted.append(size_hw)
        return fit_background(picture, size_hw, *rest, **options)

    monkeypatch.setattr(compose, "fit_background", fit)
    look = Over(plain(WHITE, (9, 9)))
    for size_hw in ((4, 5), (4, 5), (6, 5), (6, 5)):
        look(plain((0, 0, 0), size_hw), matte(0, size_hw))
    assert fitted == [(4, 5), (6, 5)]


def test_cover_scales_no_more_than_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    scaled: list[int] = []

    def interpolate(planes: Tensor, size_hw: tuple[int, int], **options: Any) -> Tensor:
        scaled.append(size_hw[0] * size_hw[1])
        return resize(planes, size_hw, **options)

    resize = F.interpolate
    monkeypatch.setattr(F, "interpolate", interpolate)
    thin = torch.zeros(1, 301, 1, 3, dtype=torch.uint8)
    thin[:, 150] = 200
    assert fit_background(thin, (1, 300), "cover").unique().tolist() == [200]
    assert scaled == [300 * 300]
