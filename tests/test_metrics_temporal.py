"""Steadiness over time against plain numpy loops and against cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bgdl.errors import InputError
from bgdl.metrics import temporal

CLIPS = st.tuples(st.integers(2, 5), st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda shape: st.tuples(*[arrays.arrays(np.uint8, shape)] * 2)
)


def rvm_dtssd(pred_t, pred_tm1, true_t, true_tm1) -> float:
    """Robust Video Matting's definition, pixel by pixel: the root of the summed squares over the size, times 1e2."""
    total = 0.0
    for y, x in np.ndindex(*true_t.shape):
        total += ((pred_t[y, x] - pred_tm1[y, x]) - (true_t[y, x] - true_tm1[y, x])) ** 2
    return float((total / true_t.size) ** 0.5 * 1e2)


def bmvc_messddt(alpha, truth, flow) -> list[float]:
    """Erofeev's formula for whole-pixel motion, pixel by pixel: the mean, times 1e3."""
    steps, (height, width) = [], truth.shape[1:]
    for t in range(len(truth) - 1):
        total = 0.0
        for y, x in np.ndindex(height, width):
            to_x, to_y = x + flow[t, y, x, 0], y + flow[t, y, x, 1]
            to_x, to_y = min(max(to_x, 0), width - 1), min(max(to_y, 0), height - 1)
            here = (alpha[t, y, x] - truth[t, y, x]) ** 2
            there = (alpha[t + 1, to_y, to_x] - truth[t + 1, to_y, to_x]) ** 2
            total += abs(here - there)
        steps.append(1e3 * total / (height * width))
    return steps


def plain_flicker(alpha, truth) -> list[float]:
    """The mean change of alpha where the truth does not change, pixel by pixel, times 1e3."""
    steps = []
    for t in range(len(truth) - 1):
        still = [at for at in np.ndindex(*truth.shape[1:]) if truth[t][at] == truth[t + 1][at]]
        changes = [abs(alpha[t + 1][at] - alpha[t][at]) for at in still]
        steps.append(1e3 * sum(changes) / len(changes) if changes else 0.0)
    return steps


def unit(clips):
    """uint8 clips as float64 in [0,1] for the loops, and as tensors for the functions."""
    values = [clip.astype(np.float64) / 255 for clip in clips]
    return values, [torch.from_numpy(clip).float() for clip in values]


@given(CLIPS)
@settings(max_examples=30, deadline=None)
def test_dtssd_is_robust_video_mattings(clips):
    (alpha, truth), tensors = unit(clips)
    expected = [rvm_dtssd(alpha[t], alpha[t - 1], truth[t], truth[t - 1]) for t in range(1, len(alpha))]
    np.testing.assert_allclose(temporal.dtssd(*tensors), expected, rtol=1e-4, atol=1e-4)


def test_the_unit_of_dtssd():
    alpha, truth = torch.zeros(2, 10, 10), torch.zeros(2, 10, 10)
    alpha[1] = 0.03  # every pixel's error grows by 0.03
    assert temporal.dtssd(alpha, truth) == pytest.approx(3.0, rel=1e-5)


@given(CLIPS, st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_messddt_is_the_papers_for_motion_by_whole_pixels(clips, seed):
    (alpha, truth), tensors = unit(clips)
    flow = np.random.default_rng(seed).integers(-3, 4, (len(alpha) - 1, *alpha.shape[1:], 2))
    ours = temporal.messddt(*tensors, torch.from_numpy(flow).float())
    np.testing.assert_allclose(ours, bmvc_messddt(alpha, truth, flow), rtol=1e-3, atol=1e-2)


@given(CLIPS, st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_messddt_reads_between_pixels_as_scipy_does(clips, seed):
    ndimage = pytest.importorskip("scipy.ndimage")
    (alpha, truth), tensors = unit(clips)
    flow = np.random.default_rng(seed).uniform(-2, 2, (len(alpha) - 1, *alpha.shape[1:], 2)).astype(np.float32)
    squared = (alpha - truth) ** 2
    y, x = np.indices(alpha.shape[1:])
    expected = [
        1e3 * np.abs(squared[t] - ndimage.map_coordinates(
            squared[t + 1], [y + flow[t, ..., 1], x + flow[t, ..., 0]], order=1, mode="nearest"
        )).mean()
        for t in range(len(flow))
    ]  # fmt: skip
    np.testing.assert_allclose(temporal.messddt(*tensors, torch.from_numpy(flow)), expected, rtol=1e-3, atol=1e-2)


@given(CLIPS)
@settings(max_examples=30, deadline=None)
def test_flicker_is_the_mean_change_where_the_truth_stands_still(clips):
    coarse = clips[0], clips[1] // 64 * 64  # truths that stand still somewhere
    (alpha, truth), tensors = unit(coarse)
    np.testing.assert_allclose(temporal.flicker(*tensors), plain_flicker(alpha, truth), rtol=1e-4, atol=1e-3)


@given(CLIPS)
@settings(max_examples=20, deadline=None)
def test_a_clip_beside_itself_is_perfect(clips):
    truth = torch.from_numpy(clips[1]).float() / 255
    flow = torch.zeros(*truth.diff(dim=0).shape, 2)
    assert not temporal.dtssd(truth, truth).any()
    assert not temporal.messddt(truth, truth, flow).any()


def test_messddt_follows_the_motion():
    error = torch.zeros(2, 12, 12)
    error[0, 4:7, 2:5] = 0.5
    error[1] = error[0].roll((1, 3), (0, 1))
    truth = torch.zeros(2, 12, 12)
    moving = torch.zeros(1, 12, 12, 2)
    moving[..., 0], moving[..., 1] = 3, 1
    assert temporal.messddt(error, truth, moving) == pytest.approx(0, abs=1e-4)
    still = temporal.messddt(error, truth, torch.zeros(1, 12, 12, 2))
    assert still == pytest.approx(1000 * 0.25 * 18 / 144, rel=1e-4)  # 9 px where it was, 9 where it is


def test_flow_finds_a_shift():
    rng = np.random.default_rng(0)
    tiles = torch.from_numpy(rng.integers(0, 255, (16, 16, 3), np.uint8))
    picture = tiles.repeat_interleave(6, 0).repeat_interleave(6, 1)
    flow = temporal.optical_flow(torch.stack([picture, picture.roll(2, 1)]))
    assert flow.shape == (1, 96, 96, 2)
    middle = flow[0, 20:-20, 20:-20]
    assert middle[..., 0].median() == pytest.approx(2, abs=0.2)
    assert middle[..., 1].median() == pytest.approx(0, abs=0.2)


def test_a_hard_truth_may_be_bool():
    alpha, hard = torch.rand(4, 6, 5), torch.rand(4, 6, 5) > 0.5
    for measure in (temporal.flicker, temporal.dtssd):
        assert torch.equal(measure(alpha, hard), measure(alpha, hard.float()))


def test_flicker_counts_only_where_the_truth_stands_still():
    truth = torch.zeros(3, 4, 4)
    truth[1:, 0] = 1  # the first row changes once
    alpha = truth.clone()
    assert not temporal.flicker(alpha, truth).any()
    alpha[1, 1] = 0.25  # one row of three still ones blinks, then one of four
    np.testing.assert_allclose(temporal.flicker(alpha, truth), [1000 * 0.25 / 3, 1000 * 0.25 / 4], rtol=1e-5)


def test_flicker_is_0_where_no_pixel_stands_still():
    truth = torch.linspace(0, 1, 3).view(3, 1, 1).expand(3, 4, 4)
    assert temporal.flicker(1 - truth, truth).tolist() == [0, 0]


def davis_decay(values: np.ndarray) -> float:
    """db_statistics of the DAVIS 2017 toolkit."""
    ids = (np.round(np.linspace(1, len(values), 5) + 1e-10) - 1).astype(np.uint8)
    bins = [values[ids[i] : ids[i + 1] + 1] for i in range(4)]
    return np.nanmean(bins[0]) - np.nanmean(bins[3])


@pytest.mark.parametrize("frames", [1, 2, 4, 7, 83, 84])
def test_decay_is_daviss(frames):
    values = np.random.default_rng(frames).random(frames)
    assert temporal.decay(torch.from_numpy(values)) == pytest.approx(davis_decay(values), abs=1e-6)


def test_mistakes_are_said():
    clip = torch.zeros(3, 4, 4)
    with pytest.raises(InputError, match=r"temporal metrics take a clip \(T,H,W\), got shape \(4, 4\)"):
        temporal.dtssd(clip[0], clip[0])
    with pytest.raises(InputError, match=r"for 3 frames it is \(T-1,H,W,2\): see optical_flow"):
        temporal.messddt(clip, clip, torch.zeros(3, 4, 4, 2))
    with pytest.raises(InputError, match="at least one frame"):
        temporal.decay(torch.zeros(0))
