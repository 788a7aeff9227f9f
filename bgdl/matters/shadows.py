"""Cast shadows: where the scene is only darker than its plate, with the same colour and texture."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bgdl.matters.cleanup import Mask
from bgdl.opencv import cv2

Shadows = Literal["keep", "drop"]
SHADOWS: tuple[Shadows, ...] = ("keep", "drop")


def shadow_mask(
    frame: NDArray[np.uint8],
    plate: NDArray[np.uint8],
    *,
    darkest: float = 0.45,
    colour_spread: float = 0.12,
    texture_spread: float = 0.06,
    window_px: int = 7,
) -> Mask:
    """1 where `frame` is the `plate` in shadow; uint8 (H,W,3) or (H,W) each -> uint8 (H,W).

    The ratio frame / plate of a shadow lies between `darkest` and just below 1, is alike in the three channels
    (standard deviation up to `colour_spread`) and alike over a window (up to `texture_spread`).
    Source: the ratio tests of Cucchiara et al. 2003 and Jacques et al. 2005, on RGB.
    """
    ratio = (frame.astype(np.float32) + 1) / (plate.astype(np.float32) + 1)
    mean = ratio if ratio.ndim == 2 else ratio.mean(axis=2)
    shadow = (mean > darkest) & (mean < 0.97) & (_local_deviation(mean, window_px) < texture_spread)
    if ratio.ndim == 3:
        shadow &= ratio.std(axis=2) < colour_spread
    return shadow.astype(np.uint8)


def _local_deviation(values: NDArray[np.float32], window_px: int) -> NDArray[np.float32]:
    mean = cv2.blur(values, (window_px, window_px))
    square = cv2.blur(values * values, (window_px, window_px))
    return np.asarray(np.sqrt(np.maximum(square - mean * mean, 0)), dtype=np.float32)
