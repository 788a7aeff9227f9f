"""Between a frame and its small working copy: shrink the whole, then answer for single pixels only."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bgdl import convert


def shrink(frames: Tensor, longer_px: int) -> Tensor:
    """(N,H,W,C) uint8 or float32 -> float32 (N,C,h,w) of the same range, its longer side at most `longer_px`."""
    height, width = frames.shape[1:3]
    scale = min(1.0, longer_px / max(height, width))
    size_hw = (max(1, round(height * scale)), max(1, round(width * scale)))
    planes = convert.to_nchw(frames)
    if planes.device.type != "cpu":
        planes = planes.to(torch.float32)  # only the CPU shrinks bytes
    if scale < 1:
        planes = F.interpolate(planes, size_hw, mode="bilinear", antialias=True, align_corners=False)
    return planes.to(torch.float32).contiguous()


def where(mask: Tensor) -> Tensor:
    """The numbers of the pixels that bool (H,W) holds, counted row by row: int64 (K,)."""
    if mask.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(mask.numpy()))  # faster than torch, above all where few are set
    return mask.flatten().nonzero()[:, 0]


def sample(planes: Tensor, pixels: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Bilinear values of (C,h,w) at the pixels, counted row by row, of a picture of `size_hw`: float32 (K,C)."""
    x = _place(pixels % size_hw[1], size_hw[1], planes.shape[2])
    y = _place(pixels // size_hw[1], size_hw[0], planes.shape[1])
    grid = torch.stack((x, y), dim=-1).to(planes.dtype)[None, None]
    return F.grid_sample(planes[None], grid, align_corners=False)[0, :, 0].T


def _place(numbers: Tensor, side: int, small: int) -> Tensor:
    """Middles of pixels, from -1 to 1, but within those of `small`: MPS cannot pad by repeating the border."""
    return ((2 * numbers + 1) / side - 1).clamp(1 / small - 1, 1 - 1 / small)
