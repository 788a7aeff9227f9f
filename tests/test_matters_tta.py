"""Test-time augmentation: the mean of two looks at a frame, the second of them mirrored and in another shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

import bgdl
from bgdl.matters.u2net import U2NetMatter
from bgdl.preprocess import InputSpec
from tests.small_pictures import noise

SHAPES: dict[Any, Any] = {
    "square": ((96, 96), (64, 128)), "area": ((64, 128), (96, 96)), "aspect": ((64, 96), (96, 96)),
}  # fmt: skip
RISING = (torch.arange(160).float() / 160 * 255).byte().view(1, 1, 160, 1).expand(1, 90, 160, 3)


class Brightness:
    """An engine that finds what is bright, in squares with half the certainty."""

    name, precision, device, batch = "brightness", "fp32", torch.device("cpu"), 8
    seen: ClassVar[list[Tensor]] = []

    def run(self, x: Tensor) -> Tensor:
        self.seen.append(x)
        return x.mean(1, keepdim=True) * (0.5 if x.shape[2] == x.shape[3] else 1)


def brightness(**options: Any) -> U2NetMatter:
    return U2NetMatter(Brightness(), InputSpec(size=96, mean=(0, 0, 0), std=(1, 1, 1), **options), tta=True)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_second_look_is_mirrored_and_of_another_shape(shape: Any) -> None:
    Brightness.seen.clear()
    assert brightness(shape=shape).alpha(RISING).shape == (1, 90, 160, 1)
    first, second = Brightness.seen
    assert (tuple(first.shape[2:]), tuple(second.shape[2:])) == SHAPES[shape]
    assert first[0, 0, 0].diff().min() >= 0 >= second[0, 0, 0].diff().max()


@pytest.mark.parametrize("shape", ["square", "area"])
def test_the_matte_is_the_mean_of_both_then_come_levels(shape: Any) -> None:
    expected = RISING[..., :1].float() / 255 * 0.75
    torch.testing.assert_close(brightness(shape=shape).alpha(RISING), expected, atol=0.01, rtol=0)
    levelled = brightness(shape=shape, levels=(0.25, 0.5)).alpha(RISING)
    torch.testing.assert_close(levelled, ((expected - 0.25) * 4).clamp(0, 1), atol=0.04, rtol=0)


def test_the_mirror_image_of_a_square_has_the_mirror_image_of_its_matte(tiny_weights: Path) -> None:
    frames = noise(100, 100)
    matter = bgdl.load(tiny_weights, device="cpu", engine="torch", size=96, tta=True)
    plain = bgdl.load(tiny_weights, device="cpu", engine="torch", size=96)
    torch.testing.assert_close(matter.alpha(frames.flip(2)).flip(2), matter.alpha(frames), atol=1e-5, rtol=0)
    assert (plain.alpha(frames.flip(2)).flip(2) - plain.alpha(frames)).abs().max() > 1e-3


def test_frames_of_a_batch_stay_apart(tiny_weights: Path) -> None:
    frames = noise(60, 40, 3)
    matter = bgdl.load(f"{tiny_weights}:tta=true", device="cpu", engine="torch")
    alone = torch.cat([matter.alpha(frame[None]) for frame in frames])
    torch.testing.assert_close(matter.alpha(frames), alone, atol=1e-5, rtol=0)
