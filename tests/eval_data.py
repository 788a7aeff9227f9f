"""Small data with known mattes, and methods whose scores one can work out, for the tests of evaluation."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

CPU = torch.device("cpu")
SIZE_HW = (40, 48)


def scene(number: int, size_hw: tuple[int, int] = SIZE_HW) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A bright disk that moves with `number` over a dark noisy ground, and its mask."""
    height, width = size_hw
    y, x = np.mgrid[:height, :width]
    disk = (y - height / 2) ** 2 + (x - width / 3 - number) ** 2 < (height / 4) ** 2
    ground = np.random.default_rng(number).integers(0, 60, (height, width, 3), dtype=np.uint8)
    return np.where(disk[..., None], np.uint8(200), ground), (disk * 255).astype(np.uint8)


def save(path: Path, picture: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


def make_pairs(root: Path, count: int = 6, name: str = "{:03d}") -> Path:
    """images/ and masks/ whose sizes differ, so that they are no clip."""
    for number in range(count):
        picture, mask = scene(number, (40, 48 + number))
        save(root / "images" / f"{name.format(number)}.png", picture)
        save(root / "masks" / f"{name.format(number)}.png", mask)
    return root


def make_clip(root: Path, count: int = 6) -> Path:
    """images/ and masks/ of the frames 0, 1, ... of one size."""
    for number in range(count):
        picture, mask = scene(number)
        save(root / "images" / f"{number}.png", picture)
        save(root / "masks" / f"{number}.png", mask)
    return root


class Bright:
    """Alpha 1 where a pixel is brighter than `above`: perfect on `scene`."""

    device = CPU

    def __init__(self, name: str = "bright", *, above: int = 128, stateful: bool = False) -> None:
        self.name, self.above, self.stateful = name, above, stateful
        self.calls: list[str] = []
        self.plate: torch.Tensor | None = None

    def alpha(self, frames: torch.Tensor) -> torch.Tensor:
        self.calls.append("alpha")
        return (frames.float().mean(dim=-1, keepdim=True) > self.above).float()

    def reset(self) -> None:
        self.calls.append("reset")


class Learner(Bright):
    """Needs the empty scene first."""

    def prime(self, background: torch.Tensor) -> None:
        self.calls.append("prime")
        self.plate = background


def write_clip(path: Path, pictures: list[NDArray[np.uint8]], rate: int = 10) -> None:
    """A lossless clip by PyAV."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(rate))
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "bgr0"
        for picture in pictures:
            rgb = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")))
        container.mux(stream.encode(None))
