"""Small pictures and frames of noise, pictures as the bytes of a file, even frames, even and uneven mattes."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

PHOTO = np.random.default_rng(1).integers(0, 256, (31, 45, 3), dtype=np.uint8)


def png(array: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def matte(value: float, size_hw: tuple[int, int] = (4, 5), count: int = 1) -> Tensor:
    return torch.full((count, *size_hw, 1), float(value))


def plain(colour: tuple[int, int, int], size_hw: tuple[int, int] = (4, 5), count: int = 1) -> Tensor:
    return torch.tensor(colour, dtype=torch.uint8).expand(count, *size_hw, 3).contiguous()


def noise(height: int, width: int, count: int = 1) -> Tensor:
    """Frames, the same for the same size."""
    generator = torch.Generator().manual_seed(height * 1000 + width)
    return torch.randint(0, 256, (count, height, width, 3), dtype=torch.uint8, generator=generator)


def soft(height: int, width: int, count: int = 1) -> Tensor:
    """Uneven mattes, the same for the same size."""
    return noise(height, width, 2 * count)[count:, ..., :1] / 255
