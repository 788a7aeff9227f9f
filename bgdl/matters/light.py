"""The camera's own changes of exposure and white balance, taken out before a frame is compared with its plate."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bgdl.opencv import cv2

Light = Literal["fixed", "match"]

_DARKEST, _BRIGHTEST = 16, 240  # levels outside are cut off by the sensor and say nothing of the gain


def match_light(frame: NDArray[np.uint8], plate: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The frame with each channel times the median of plate / frame; uint8 (H,W,3) or (H,W) of one size.

    Right as long as most of the frame is scene: the subject may cover less than half of it.
    """
    levels = np.arange(256, dtype=np.float32)
    planes, scenes = frame.reshape(*frame.shape[:2], -1), plate.reshape(*frame.shape[:2], -1)
    matched = [
        cv2.LUT(np.ascontiguousarray(planes[..., channel]), _table(levels * _gain(planes[..., channel], scene)))
        for channel, scene in enumerate(np.moveaxis(scenes, -1, 0))
    ]
    return np.stack(matched, axis=-1).astype(np.uint8).reshape(frame.shape)


def _gain(plane: NDArray[np.uint8], scene: NDArray[np.uint8]) -> float:
    used = (np.minimum(plane, scene) > _DARKEST) & (np.maximum(plane, scene) < _BRIGHTEST)
    return float(np.median(scene[used] / plane[used].astype(np.float32))) if used.any() else 1.0


def _table(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(values + 0.5, 0, 255), dtype=np.uint8)
