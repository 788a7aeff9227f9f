"""Small maps brought to a frame's full size, and frames to small maps."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from bgdl import convert
from bgdl.opencv import cv2


def enlarge(planes: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """float32 (N,C,h,w) -> (N,H,W,C), bilinear; on a CPU by OpenCV, in a quarter of torch's time."""
    if planes.device.type != "cpu":
        grown = F.interpolate(planes, size_hw, mode="bilinear", align_corners=False)
        return convert.to_nhwc(grown).contiguous()
    result = planes.new_empty((len(planes), *size_hw, planes.shape[1]))
    for source, target in zip(convert.to_nhwc(planes).contiguous(), result, strict=True):
        cv2.resize(source.numpy(), size_hw[::-1], dst=target.numpy(), interpolation=cv2.INTER_LINEAR)
    return result


def average(planes: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """float32 (N,C,H,W) -> (N,C,h,w): the mean of each of h·w cells, which overlap where they do not divide."""
    if planes.device.type != "mps":
        return F.interpolate(planes, size_hw, mode="area")
    rows, columns = map(_cells, planes.shape[-2:], size_hw)  # torch has no such cells on MPS
    return rows.to(planes.device) @ planes @ columns.T.to(planes.device)


def _cells(whole: int, parts: int) -> Tensor:
    """float32 (parts,whole), a row for each cell: what each place counts in its mean."""
    place, cell = torch.arange(whole), torch.arange(parts)[:, None]
    inside = (place >= cell * whole // parts) & (place * parts < (cell + 1) * whole)
    return inside / inside.sum(1, keepdim=True)
