"""Motion between two frames, and mattes carried along it."""

from __future__ import annotations

import functools
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bgdl import convert
from bgdl.opencv import cv2
from bgdl.resize import average

Small = NDArray[np.uint8]  # (h,w,3) RGB
Plane = NDArray[np.float32]  # (h,w), or (h,w,3) of an averaged picture

WORK_PX = 320
"""Longer side of the small pictures in which motion is looked for."""
LEAST_PX = 32
"""Narrower strips are taken to stand still: OpenCV's search breaks on some of them, with an error or a crash."""
NOISE = 3.0
"""Levels by which a place differs from itself in a camera's next frame."""


def shrink(frame: Tensor) -> Small:
    """uint8 (H,W,3) -> uint8 (h,w,3) on the CPU, its longer side at most WORK_PX."""
    height, width = work_size(*frame.shape[:2])
    if frame.device.type != "cpu":  # the small one alone is brought over
        small = average(convert.to_nchw(frame[None]).float(), (height, width))
        return cast(Small, convert.round_to_bytes(convert.to_nhwc(small))[0].cpu().numpy())
    return cast(Small, cv2.resize(frame.numpy(), (width, height), interpolation=cv2.INTER_AREA))


def work_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of the small pictures."""
    scale = min(1.0, WORK_PX / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def motion(now: Small | Plane, then: Small | Plane) -> NDArray[np.float32]:
    """Where each pixel of `now` was in `then`: float32 (H,W,2), offsets (x,y) in px.

    Source: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016 (OpenCV's, fast preset).
    """
    still = np.zeros((*now.shape[:2], 2), np.float32)
    if min(now.shape[:2]) < LEAST_PX:
        return still
    estimator = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return cast("NDArray[np.float32]", estimator.calc(_grey(now), _grey(then), still))


def carry(plane: Plane | Small, flow: NDArray[np.float32]) -> Plane:
    """A picture or matte of `then`, seen at the places of `now`: plane[y + flow_y, x + flow_x], bilinear."""
    places = cv2.add(_places(*plane.shape[:2]), flow)
    moved = cv2.remap(plane, places, cast(Any, None), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cast(Plane, moved.astype(np.float32, copy=False))


def carry_full(alpha: Tensor, flow: NDArray[np.float32]) -> Tensor:
    """A full-size matte carried along the motion of small pictures: float32 (H,W,1) -> the same."""
    height, width = alpha.shape[:2]
    scale = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
    full = cast("NDArray[np.float32]", cv2.resize(flow * scale, (width, height), interpolation=cv2.INTER_LINEAR))
    return torch.from_numpy(carry(alpha[..., 0].cpu().numpy(), full))[..., None].to(alpha.device)


@functools.lru_cache(maxsize=2)
def _places(height: int, width: int) -> NDArray[np.float32]:
    """float32 (H,W,2): each pixel's own x and y."""
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.dstack([columns, rows])


def trust(now: Small, carried: Small | Plane, *, tolerance: float) -> Plane:
    """How far each pixel of `now` looks like what was carried there: 1 alike, to 0 beyond `tolerance` levels.

    In the channel that differs most: skin before a wall may differ in colour alone.
    """
    red, green, blue = cv2.split(cv2.absdiff(now.astype(np.float32), carried.astype(np.float32, copy=False)))
    difference = cv2.blur(cv2.max(cv2.max(red, green), blue), (5, 5))
    beyond_noise = np.maximum(difference - NOISE, 0)
    return cast(Plane, np.exp(-np.square(beyond_noise / tolerance)).astype(np.float32))


def _grey(small: Small | Plane) -> NDArray[np.uint8]:
    return cast("NDArray[np.uint8]", cv2.cvtColor(np.rint(small).astype(np.uint8), cv2.COLOR_RGB2GRAY))
