"""Looks and what shapes a matte: exact blends, no fringe, no halo, every size."""

from __future__ import annotations

from pathlib import Path
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
from bgdl.compose import Alpha, Blur, Cutout, Over, blur_background, fit_background
from bgdl.errors import InputError
from bgdl.media import image
from bgdl.pipeline.looks import make_look, parse_colour
from bgdl.refine.foreground import blur_fusion
from bgdl.types import Look
from tests.small_pictures import matte, noise

FEW = settings(max_examples=25, deadline=None)
WHITE = (255, 255, 255)


def plain(colour: tuple[int, int, int], size_hw: tuple[int, int] = (4, 5), count: int = 1) -> Tensor:
    return torch.tensor(colour, dtype=torch.uint8).expand(count, *size_hw, 3).contiguous()


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


@FEW
@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40), st.sampled_from(["cover", "contain", "stretch"]))
def test_every_look_takes_every_size(count: int, height: int, width: int, fit: Fit) -> None:
    frames = torch.randint(0, 256, (count, height, width, 3), dtype=torch.uint8)
    alpha = torch.rand(count, height, width, 1)
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
def test_blur_by_way_of_half_the_picture_is_that_of_the_whole(sigma_px: float, size_hw: tuple[int, int]) -> None:
    small = torch.rand(1, 4, 9, 11, generator=torch.Generator().manual_seed(0))
    scene = convert.to_nhwc(F.interpolate(small, size_hw, mode="bilinear"))
    frames, alpha = convert.to_bytes(scene[..., :3]), (3 * scene[..., 3:] - 1).clamp(0, 1)
    whole = Blur(sigma_px)(frames, alpha, torch.ones_like(alpha))[..., :3]  # with an alpha of its own nothing is halved
    difference = (Blur(sigma_px)(frames, alpha).int() - whole.int()).abs()
    assert difference.float().mean() < 0.5
    assert (difference > 4).float().mean() < 0.001


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


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("white", (255, 255, 255, 255)),
        ("RebeccaPurple", (102, 51, 153, 255)),
        ("#f00", (255, 0, 0, 255)),
        ("#00ff0080", (0, 255, 0, 128)),
        ("rgb(1, 2, 3)", (1, 2, 3, 255)),
        ("rgb(300, 0, 0)", (255, 0, 0, 255)),
        ("rgba(1, 2, 999, 300)", (1, 2, 255, 255)),
        ("whiteish", None),
        ("#12", None),
    ],
)
def test_colours_are_css(text: str, colour: tuple[int, ...] | None) -> None:
    assert parse_colour(text) == colour


def test_words_become_looks(tmp_path: Path) -> None:
    image.write(torch.full((4, 4, 3), 90, dtype=torch.uint8), tmp_path / "room.png")
    assert isinstance(make_look(), Cutout)
    assert isinstance(make_look(only_matte=True), Alpha)
    blur = make_look("blur:7.5")
    assert isinstance(blur, Blur)
    assert blur.sigma_px == 7.5
    over = make_look(str(tmp_path / "room.png"), edge="none")
    assert over(plain((0, 0, 0)), matte(0)).unique().tolist() == [90]


def test_transparent_background_files_stand_on_white(tmp_path: Path) -> None:
    image.write(torch.zeros((4, 4, 4), dtype=torch.uint8), tmp_path / "logo.png")
    assert make_look(str(tmp_path / "logo.png"))(plain((0, 0, 0)), matte(0)).unique().tolist() == [255]


@pytest.mark.parametrize("text", ["nonsense", "no/such/file.png", "#12345", ""])
def test_nonsense_backgrounds_say_what_is_allowed(text: str) -> None:
    with pytest.raises(InputError, match=r"neither a colour nor a file that exists; use transparent, blur\[:SIGMA\]"):
        make_look(text)


@pytest.mark.parametrize("background", ["red", "no/such/file.png", Path("transparent"), (1, 2, 3), b""])
def test_a_background_that_the_matte_alone_would_not_show_is_refused(background: str | Path) -> None:
    with pytest.raises(InputError, match=r"^only_matte writes the matte alone; leave background out$"):
        make_look(background, only_matte=True)


@pytest.mark.parametrize("text", ["blur:x", "blur:-3", "blur:0", "blur:nan", "blur:5000"])
def test_nonsense_sigmas_say_what_is_allowed(text: str) -> None:
    with pytest.raises(InputError, match="sigma is a number of px between 0 and 1000, for instance blur:20"):
        make_look(text)


def test_a_faint_haze_of_the_matte_leaves_no_edge_in_the_blur() -> None:
    frames = torch.full((1, 80, 120, 3), 240, dtype=torch.uint8)
    frames[:, 40:, 60:] = 80  # a shadow, which the matte takes for subject a little
    alpha = torch.zeros(1, 80, 120, 1)
    alpha[:, 40:76, 50:] = 0.06
    row = blur_background(frames, alpha, 4.0)[0, 60, :, 0]
    assert float(row.float().diff().abs().max()) < 17  # 160 levels under a Gaussian of 4 px
