"""A soft disc before a wall, its matte as a small network sees it, and how far two mattes lie apart."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from bgdl import convert


def disc(size: int = 160, softness: float = 1.5) -> tuple[Tensor, Tensor, Tensor]:
    """A textured orange disc on a textured blue ground: frames, true alpha, true foreground."""
    generator = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    distance = ((x - size / 2) ** 2 + (y - size / 2) ** 2).sqrt() - size / 4
    alpha = (0.5 - distance / (2 * softness)).clamp(0, 1)[None, ..., None]
    grain = 12 * torch.rand(1, size, size, 1, generator=generator)
    foreground = torch.tensor([220.0, 120.0, 30.0]) + grain
    background = torch.tensor([20.0, 60.0, 160.0]) + grain
    frames = convert.round_to_bytes(alpha * foreground + (1 - alpha) * background)
    return frames, alpha, convert.round_to_bytes(foreground)


def coarse(alpha: Tensor, side: int = 40) -> Tensor:
    """The matte as a network with a small input gives it."""
    planes = F.interpolate(convert.to_nchw(alpha), (side, side), mode="bilinear", antialias=True)
    planes = F.interpolate(planes, alpha.shape[1:3], mode="bilinear")
    return convert.to_nhwc(planes).contiguous()


def error(alpha: Tensor, truth: Tensor) -> float:
    return float((alpha - truth).abs().sum())
