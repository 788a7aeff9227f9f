"""Edges: against other implementations and known truth; each mode better than the one before."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bgdl import convert
from bgdl.choices import EdgeName
from bgdl.errors import InputError
from bgdl.matters.wrapped import Refined
from bgdl.pipeline.looks import make_look
from bgdl.refine.blur import box_mean
from bgdl.refine.edges import DEFAULT, EDGES
from bgdl.refine.foreground import blur_fusion
from bgdl.refine.grid import sample, shrink, where
from bgdl.refine.guided import guided_filter
from bgdl.types import Matter, is_primed
from tests.disc_scene import coarse, disc, error
from tests.small_pictures import noise, soft

FEW = settings(max_examples=25, deadline=None)


def test_box_mean_is_the_mean_with_the_border_repeated() -> None:
    planes = torch.rand(2, 3, 9, 12)
    padded = F.pad(planes, (4, 4, 4, 4), mode="replicate")
    assert torch.allclose(box_mean(planes, 4), F.avg_pool2d(padded, 9, stride=1), atol=1e-5)


@pytest.mark.cuda
def test_edges_on_cuda_agree_with_the_cpu() -> None:
    frames, truth, _ = disc()
    alpha = coarse(truth)
    refined, refined_cuda = guided_filter(frames, alpha), guided_filter(frames.cuda(), alpha.cuda())
    assert (refined - refined_cuda.cpu()).abs().max() < 0.01
    colours, colours_cuda = blur_fusion(frames, refined), blur_fusion(frames.cuda(), refined.cuda())
    assert (colours.int() - colours_cuda.cpu().int()).abs().max() <= 2


def test_sampling_agrees_with_enlarging() -> None:
    planes = torch.rand(4, 7, 9)
    whole = F.interpolate(planes[None], (21, 36), mode="bilinear", align_corners=False)[0]
    pixels = where(torch.ones(21, 36) > 0)
    assert torch.allclose(sample(planes, pixels, (21, 36)).T.reshape(4, 21, 36), whole, atol=1e-5)


def test_shrinking_keeps_proportions_and_small_pictures() -> None:
    assert shrink(torch.zeros(1, 100, 400, 3, dtype=torch.uint8), 200).shape == (1, 3, 50, 200)
    assert shrink(torch.zeros(1, 1, 4000, 1), 200).shape == (1, 1, 1, 200)
    assert shrink(torch.full((1, 3, 5, 1), 7.0), 200).unique().tolist() == [7]


def reference_guided(guide: np.ndarray, matte: np.ndarray, radius: int, epsilon: float) -> np.ndarray:
    """He, Sun and Tang's equations (14) to (16), window by window, in float64."""
    height, width = matte.shape
    guide, matte = (np.pad(a, [(radius, radius)] * 2 + [(0, 0)] * (a.ndim - 2), mode="edge") for a in (guide, matte))
    models = np.zeros((height, width, 4))
    for y in range(height):
        for x in range(width):
            window = np.s_[y : y + 2 * radius + 1, x : x + 2 * radius + 1]
            colours, values = guide[window].reshape(-1, 3), matte[window].ravel()
            spread = np.cov(colours.T, bias=True) + epsilon * np.eye(3)
            joint = (colours * values[:, None]).mean(0) - colours.mean(0) * values.mean()
            slope = np.linalg.solve(spread, joint)
            models[y, x] = (*slope, values.mean() - slope @ colours.mean(0))
    models = np.pad(models, [(radius, radius)] * 2 + [(0, 0)], mode="edge")
    side = 2 * radius + 1
    means = np.stack([[models[y : y + side, x : x + side].mean((0, 1)) for x in range(width)] for y in range(height)])
    inner = guide[radius:-radius, radius:-radius]
    return (means[..., :3] * inner).sum(-1) + means[..., 3]


def test_guided_filter_agrees_with_the_paper() -> None:
    frames = torch.randint(0, 256, (1, 14, 17, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    alpha = 0.3 + 0.4 * torch.rand(1, 14, 17, 1, generator=torch.Generator().manual_seed(2))
    expected = reference_guided(frames[0].numpy() / 255.0, alpha[0, ..., 0].double().numpy(), 3, 1e-2).clip(0, 1)
    result = guided_filter(frames, alpha, working_px=17, radius_px=3, epsilon=1e-2, levels=(0, 1))
    assert np.abs(result[0, ..., 0].numpy() - expected).max() < 1e-3


def test_blur_fusion_agrees_with_the_paper() -> None:
    frames, alpha, _ = disc(64, softness=8)
    image, matte = convert.to_nchw(frames).double() / 255, convert.to_nchw(alpha).double()
    foreground, background = image, image
    for radius_px in (12, 3):
        weight = box_mean(matte.float(), radius_px).double()
        near_f = box_mean((foreground * matte).float(), radius_px).double() / (weight + 1e-5)
        background = box_mean((background * (1 - matte)).float(), radius_px).double() / (1 - weight + 1e-5)
        foreground = (near_f + matte * (image - matte * near_f - (1 - matte) * background)).clamp(0, 1)
    seen = (alpha > 0.02).expand_as(frames)
    result = blur_fusion(frames, alpha, radii_px=(12, 3))
    assert (result.double() - 255 * convert.to_nhwc(foreground))[seen].abs().max() <= 1.1


def test_blur_fusion_takes_the_old_background_out() -> None:
    frames, alpha, truth = disc(softness=6)
    mixed = ((alpha > 0.1) & (alpha < 0.9)).expand_as(frames)
    before = (frames.int() - truth.int()).abs()[mixed].float().mean()
    after = (blur_fusion(frames, alpha).int() - truth.int()).abs()[mixed].float().mean()
    assert before > 60
    assert after < before / 6


def test_three_passes_are_nearer_to_the_subject_s_colours_than_two_where_those_change() -> None:
    alpha = ((162.0 - torch.arange(320)) / 4).clamp(0, 1).view(1, 1, -1, 1).repeat(1, 160, 1, 1)
    odd = (torch.arange(160) // 40 % 2).view(1, -1, 1, 1)
    truth = odd * torch.tensor([220.0, 120, 30]) + (1 - odd) * torch.tensor([60.0, 200, 90])
    frames = convert.round_to_bytes(alpha * truth + (1 - alpha) * torch.tensor([20.0, 60, 160]))
    mixed = ((alpha > 0.05) & (alpha < 0.95)).expand_as(frames)

    def mistake(colours: Tensor) -> float:
        return float((colours - truth).abs()[mixed].mean())

    for radii_px in ((30, 6), (30, 2), (6, 2), (90, 6)):
        assert mistake(blur_fusion(frames, alpha)) < 0.75 * mistake(blur_fusion(frames, alpha, radii_px=radii_px))


def test_solid_and_hidden_pixels_keep_their_colours() -> None:
    frames, alpha, _ = disc()
    alone = ((alpha == 0) | (alpha == 1)).expand_as(frames)
    assert torch.equal(blur_fusion(frames, alpha)[alone], frames[alone])


def test_guided_filter_sharpens_towards_the_truth_and_leaves_the_rest() -> None:
    frames, truth, _ = disc()
    alpha = coarse(truth, 80)
    refined = guided_filter(frames, alpha, working_px=160)
    assert error(refined, truth) < 0.8 * error(alpha, truth)
    far = (box_mean(convert.to_nchw(alpha), 20) % 1 == 0).permute(0, 2, 3, 1)
    assert far.any()
    assert torch.equal(refined[far], alpha[far])


@pytest.mark.parametrize(("size", "radius_px"), [(640, 4), (500, 4), (280, 2), (100, 1), (1, 1)])
def test_windows_are_the_same_share_of_small_frames(size: int, radius_px: int) -> None:
    frames, truth, _ = disc(size)
    alpha = coarse(truth)
    assert torch.equal(guided_filter(frames, alpha), guided_filter(frames, alpha, working_px=size, radius_px=radius_px))


@pytest.mark.parametrize(("value", "expected"), [(0.0, 0.0), (0.1, 0.0), (0.5, 0.5), (0.64, 0.7), (1.0, 1.0)])
def test_flat_mattes_are_levelled_and_no_more(value: float, expected: float) -> None:
    frames = torch.randint(0, 256, (1, 40, 50, 3), dtype=torch.uint8)
    alpha = torch.full((1, 40, 50, 1), value)
    assert (guided_filter(frames, alpha) - expected).abs().max() < 1e-3
    assert (guided_filter(frames, alpha, levels=(0, 1)) - value).abs().max() < 1e-3


def test_guided_filter_leaves_no_haze_around_a_crisp_subject_and_no_specks_in_it() -> None:
    """Before a patterned wall, where the paper's filter leaves both."""
    frames, truth, _ = disc(320)
    bricks = torch.randint(0, 90, (1, 80, 80, 3), dtype=torch.uint8).repeat_interleave(4, 1).repeat_interleave(4, 2)
    frames = torch.where(truth > 0.5, frames, bricks)
    alpha = coarse(truth, 160)
    outside = box_mean(convert.to_nchw(truth), 3).permute(0, 2, 3, 1) == 0
    inside = box_mean(convert.to_nchw(truth), 3).permute(0, 2, 3, 1) == 1
    refined, papers = guided_filter(frames, alpha), guided_filter(frames, alpha, levels=(0, 1))
    assert refined[outside].mean() < 0.2 * papers[outside].mean()
    assert (1 - refined[inside]).mean() < 0.2 * (1 - papers[inside]).mean()
    assert error(refined, truth) < error(papers, truth)


@FEW
@given(st.integers(1, 3), st.integers(1, 30), st.integers(1, 30), st.sampled_from(["none", "guided", "decontaminate"]))
def test_cheap_modes_take_every_size_and_every_frame_alone(count: int, height: int, width: int, name: EdgeName) -> None:
    frames, alpha = noise(height, width, count), soft(height, width, count)
    before = frames.clone(), alpha.clone()
    edge = EDGES[name]
    if edge.refine:
        refined = edge.refine(frames, alpha)
        assert (refined.shape, refined.dtype) == (alpha.shape, torch.float32)
        assert 0 <= refined.min() <= refined.max() <= 1
        assert torch.allclose(refined[-1:], edge.refine(frames[-1:], alpha[-1:]), atol=1e-4)
    if edge.foreground:
        colours = edge.foreground(frames, alpha)
        assert (colours.shape, colours.dtype) == (frames.shape, torch.uint8)
    assert torch.equal(frames, before[0])
    assert torch.equal(alpha, before[1])


def test_the_default_is_a_mode_that_needs_no_extra() -> None:
    assert DEFAULT == "decontaminate"
    assert list(EDGES) == ["none", "guided", "decontaminate", "matting"]


def test_unknown_edges_say_what_is_known() -> None:
    with pytest.raises(InputError, match="edge is 'feather'; it must be one of none, guided, decontaminate, matting"):
        make_look(edge="feather")  # type: ignore[arg-type]


class Half:
    """Half of everything, and it can be primed."""

    name, device, stateful, engine = "half", torch.device("cpu"), True, "an engine"

    def __init__(self) -> None:
        self.heard: list[str] = []

    def alpha(self, frames: Tensor) -> Tensor:
        return torch.full((*frames.shape[:3], 1), 0.5)

    def reset(self) -> None:
        self.heard.append("reset")

    def prime(self, background: Tensor) -> None:
        self.heard.append("prime")


def test_refined_is_the_inner_matter_with_better_mattes() -> None:
    inner = Half()
    refined = Refined(inner, lambda frames, alpha: alpha / 2)
    assert isinstance(refined, Matter)
    assert is_primed(refined)
    assert (refined.name, refined.stateful, refined.engine) == ("half", True, "an engine")
    assert refined.alpha(torch.zeros(2, 3, 4, 3, dtype=torch.uint8)).unique().tolist() == [0.25]
    refined.reset()
    refined.prime(torch.zeros(1, 3, 4, 3, dtype=torch.uint8))
    assert inner.heard == ["reset", "prime"]
    with pytest.raises(AttributeError):
        _ = refined.nothing
