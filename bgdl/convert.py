"""Conversions at the core's edge: 255 and 1, BGR and RGB, PIL and tensors, NHWC and NCHW."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from bgdl.opencv import cv2


def frame_to_tensor(rgb: NDArray[np.uint8]) -> Tensor:
    """uint8 (H,W,3) RGB array -> uint8 (1,H,W,3) frames; copies only what torch cannot share."""
    return torch.from_numpy(np.require(rgb, requirements=["C", "W"]))[None]


def tensor_to_pil(picture: Tensor) -> Image.Image:
    """uint8 (H,W,1|3|4) -> a picture of mode L, RGB or RGBA."""
    array = picture.cpu().numpy()
    return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)


def swap_red_blue(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (H,W,3) RGB <-> BGR, for OpenCV, which does it in a tenth of numpy's time."""
    return np.asarray(cv2.cvtColor(frames, cv2.COLOR_RGB2BGR), np.uint8)


def to_unit(values: Tensor) -> Tensor:
    """uint8 0..255 -> float32 0..1."""
    return values.to(torch.float32).div_(255)


def to_bytes(values: Tensor) -> Tensor:
    """float 0..1 -> uint8 0..255, rounded half up, never truncated; out-of-range values are clamped."""
    return values.mul(255).add_(0.5).clamp_(0, 255).to(torch.uint8)


def round_to_bytes(values: Tensor) -> Tensor:
    """float 0..255 -> uint8, rounded half up, never truncated; out-of-range values are clamped. Works in place."""
    return values.add_(0.5).clamp_(0, 255).to(torch.uint8)


def to_nchw(frames: Tensor) -> Tensor:
    """(N,H,W,C) -> (N,C,H,W): a view whose memory is channels-last."""
    return frames.permute(0, 3, 1, 2)


def to_nhwc(planes: Tensor) -> Tensor:
    """(N,C,H,W) -> (N,H,W,C)."""
    return planes.permute(0, 2, 3, 1)
