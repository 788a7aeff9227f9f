"""What is done in a faster way on a CPU gives what the plain formula gives: to the byte, or one level off at most."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bgdl import compose, convert
from bgdl.refine import smooth
from bgdl.refine.matte import judge
from bgdl.resize import enlarge

SIZE = (54, 77)


def pictures(seed: int, count: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, *SIZE, 3), dtype=torch.uint8, generator=generator)


def mattes(count: int = 2) -> Tensor:
    """Soft everywhere in the middle, exactly 0 and 1 beside it."""
    generator = torch.Generator().manual_seed(9)
    return (torch.rand((count, *SIZE, 1), generator=generator) * 2 - 0.5).clamp(0, 1)


def blended(frames: Tensor, background: Tensor, alpha: Tensor) -> Tensor:
    return (background.double() + alpha.double() * (frames.double() - background.double()) + 0.5).floor()


@pytest.mark.parametrize(
    "background",
    [
        torch.tensor((0, 177, 64), dtype=torch.uint8).view(1, 1, 1, 3).expand(1, *SIZE, 3),
        pictures(1, count=1),
        pictures(1),
    ],
    ids=["colour", "one picture", "a picture a frame"],
)
def test_over_is_the_blend_within_a_level(background: Tensor) -> None:
    frames, alpha = pictures(0), mattes()
    shown = compose.Over(background)(frames, alpha)
    difference = (shown.double() - blended(frames, background, alpha)).abs()
    assert difference.max() <= 1
    assert (difference > 0).double().mean() < 0.002
    solid, clear = (alpha == 1).expand_as(frames), (alpha == 0).expand_as(frames)
    assert torch.equal(shown[solid], frames[solid])
    assert torch.equal(shown[clear], background.expand_as(frames)[clear])


def test_every_level_over_every_level_of_a_hard_matte() -> None:
    """All 256 × 256 pairs at all 256 coverages: bytes between the two, rounded, one off at most where a half falls."""
    levels = torch.arange(256, dtype=torch.uint8)
    above = levels.view(1, 256, 1, 1).expand(1, 256, 256, 3).contiguous()
    below = levels.view(1, 1, 256, 1).expand(1, 256, 256, 3).contiguous()
    for coverage in (0, 1, 64, 127, 128, 200, 254, 255):
        alpha = torch.full((1, 256, 256, 1), coverage / 255)
        shown = compose.blend(above, below, alpha)
        assert (shown.double() - blended(above, below, alpha)).abs().max() <= 1
    assert torch.equal(compose.blend(above, below, torch.ones(1, 256, 256, 1)), above)
    assert torch.equal(compose.blend(above, below, torch.zeros(1, 256, 256, 1)), below)


def test_a_colour_follows_the_frames_size() -> None:
    look = compose.Over((10, 20, 30))
    for size in (SIZE, (20, 31), SIZE):
        frames = torch.zeros((1, *size, 3), dtype=torch.uint8)
        shown = look(frames, torch.zeros((1, *size, 1)))
        assert shown.shape == frames.shape
        assert (shown == torch.tensor((10, 20, 30), dtype=torch.uint8)).all()


@pytest.mark.parametrize("part", [slice(None), slice(3, 40)], ids=["whole", "cropped"])
def test_a_cutout_is_the_frame_beside_its_coverage(part: slice) -> None:
    frames, alpha = pictures(0)[:, :, part], mattes()[:, :, part]
    coverage = convert.to_bytes(alpha)
    assert torch.equal(compose.Cutout()(frames, alpha), torch.cat((frames * (coverage > 0), coverage), dim=-1))


@pytest.mark.parametrize("small_hw", [(1, 1), (7, 5), (54, 77)])
def test_enlarging_is_torch_s(small_hw: tuple[int, int]) -> None:
    planes = torch.rand((2, 3, *small_hw), generator=torch.Generator().manual_seed(5)) * 255
    expected = torch.nn.functional.interpolate(planes, SIZE, mode="bilinear", align_corners=False)
    assert torch.allclose(enlarge(planes, SIZE), convert.to_nhwc(expected), atol=0.01)


def test_records_are_the_sums() -> None:
    alpha = torch.cat((mattes(), torch.zeros((1, *SIZE, 1))))
    total, square = (values.double().flatten(1).sum(1).tolist() for values in (alpha, alpha.double().square()))
    for (coverage, confidence), whole, sure in zip(judge(alpha), total, square, strict=True):
        assert coverage == pytest.approx(whole / (SIZE[0] * SIZE[1]), abs=1e-5)
        assert confidence == pytest.approx(sure / whole if whole else 0, abs=1e-5)


def test_what_smoothing_changed_grows_as_torch_grows_it() -> None:
    full, generator = mattes(1)[0], torch.Generator().manual_seed(3)
    small, change = torch.zeros((18, 26)), torch.rand((18, 26), generator=generator) - 0.5
    grown = torch.nn.functional.interpolate(change[None, None], SIZE, mode="bilinear", align_corners=False)
    expected = (full + grown[0, 0, ..., None]).clamp(0, 1)
    before = full.clone()
    assert torch.allclose(smooth._apply(full, small.numpy(), change.numpy()), expected, atol=1e-5)
    assert torch.equal(full, before)
