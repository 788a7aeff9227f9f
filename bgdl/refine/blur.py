"""A box mean on any device: the one building block of guided filtering and foreground estimation."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from bgdl.opencv import cv2


def box_mean(planes: Tensor, radius_px: int) -> Tensor:
    """Mean over (2·radius+1)² neighbours: float32 (N,C,H,W) -> the same; the border is repeated outwards.

    On a CPU through OpenCV's running sums, whose cost does not grow with the radius.
    """
    if planes.device.type == "cpu":
        return _on_cpu(planes, radius_px)
    side = 2 * radius_px + 1
    padded = F.pad(planes, (radius_px,) * 4, mode="replicate")
    return F.avg_pool2d(F.avg_pool2d(padded, (side, 1), stride=1), (1, side), stride=1)


def _on_cpu(planes: Tensor, radius_px: int) -> Tensor:
    side = (2 * radius_px + 1, 2 * radius_px + 1)
    result = torch.empty_like(planes, memory_format=torch.contiguous_format)
    for source, target in zip(planes.flatten(0, 1), result.flatten(0, 1), strict=True):
        cv2.blur(source.contiguous().numpy(), side, dst=target.numpy(), borderType=cv2.BORDER_REPLICATE)
    return result
