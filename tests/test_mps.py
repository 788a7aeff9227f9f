"""What bgdl computes on Apple's GPU, pretended: nothing that torch lacks there, and the CPU's values."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from bgdl import compose, resize
from bgdl.refine import flow, grid, smooth
from bgdl.refine.guided import guided_filter
from bgdl.refine.matte import judge
from tests.metal import Metal, OnMetal


@pytest.fixture
def frames() -> torch.Tensor:
    return torch.randint(0, 256, (2, 93, 155, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def alpha() -> torch.Tensor:
    soft = torch.rand(2, 1, 9, 15, generator=torch.Generator().manual_seed(1))
    return F.interpolate(soft, (93, 155), mode="bilinear").movedim(1, -1)


def test_records_of_a_matte(alpha):
    expected = judge(alpha)
    with Metal():
        found = judge(alpha.as_subclass(OnMetal))
    torch.testing.assert_close(torch.tensor(found), torch.tensor(expected))


def test_blur_shrinks_by_any_factor(frames, alpha):
    expected = compose.Blur(10.0)(frames, alpha)
    with Metal():
        blurred = compose.Blur(10.0)(frames.as_subclass(OnMetal), alpha.as_subclass(OnMetal)).cpu()
    assert (blurred.int() - expected.int()).abs().max() <= 1  # the CPU blends bytes


@pytest.mark.parametrize("size_hw", [(46, 77), (7, 155), (93, 1), (31, 31), (93, 155)])
def test_the_mean_of_cells(alpha, size_hw):
    planes = alpha.movedim(-1, 1)
    expected = F.interpolate(planes, size_hw, mode="area")
    with Metal():
        torch.testing.assert_close(resize.average(planes.as_subclass(OnMetal), size_hw).cpu(), expected)


def test_smoothing_shrinks_to_any_size():
    matte = torch.rand(854, 480, 1, generator=torch.Generator().manual_seed(0))
    expected = smooth._shrink(matte)
    with Metal():
        assert smooth._shrink(matte.as_subclass(OnMetal)) == pytest.approx(expected, abs=1e-5)


def test_edges_of_a_matte(frames, alpha):
    expected = guided_filter(frames, alpha, working_px=50)
    with Metal():
        found = guided_filter(frames.as_subclass(OnMetal), alpha.as_subclass(OnMetal), working_px=50).cpu()
    assert (found - expected).abs().mean() < 2e-3  # the CPU rounds what it shrinks to bytes


def test_samples_at_the_border_repeat_it():
    planes = torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(0))
    size_hw = (20, 33)
    whole = F.interpolate(planes[None], size_hw, mode="bilinear", align_corners=False)[0]
    values = grid.sample(planes, torch.arange(20 * 33), size_hw)
    torch.testing.assert_close(values.T.reshape(3, *size_hw), whole)


def test_motion_is_looked_for_in_pictures_that_were_shrunk_there(frames):
    coarse = frames[:, ::8, ::8].movedim(-1, 1).float()
    large = F.interpolate(coarse, (480, 800), mode="bilinear").byte().movedim(1, -1)
    expected = flow.shrink(large[0])
    with Metal():
        found = flow.shrink(large[0].as_subclass(OnMetal))
    assert found.dtype == expected.dtype and found.shape == expected.shape == (192, 320, 3)
    assert abs(found.astype(int) - expected).mean() < 1  # cells that overlap, where OpenCV weighs
    small = frames[0].as_subclass(OnMetal)
    with Metal():
        assert (flow.shrink(small) == frames[0].numpy()).all()
