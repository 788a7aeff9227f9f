"""Small maps brought to a frame's full size."""

from __future__ import annotations

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
