"""Cast shadows: where the scene is only darker than its plate, with the same colour and texture."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bgdl.matters.cleanup import Mask
from bgdl.opencv import cv2

Shadows = Literal["keep", "drop"]

DARKEST, LIGHTEST = 0.45, 0.97
"""Between them lies frame / plate in a shadow."""
COLOUR_SPREAD = 0.08
"""Standard deviation of that ratio over the three channels, up to which it counts as alike."""
TEXTURE_SPREAD = 0.09
"""The same over a window of WINDOW_PX."""
WINDOW_PX = 7


def shadow_mask(frame: NDArray[np.uint8], plate: NDArray[np.uint8]) -> Mask:
    """1 where `frame` is the `plate` in shadow; uint8 (H,W,3) RGB each -> uint8 (H,W).

    The ratio frame / plate of a shadow lies between DARKEST and LIGHTEST, is alike in the three channels, and alike
    over a window of such pixels.
    Source: the ratio tests of Cucchiara et al. 2003 and Jacques et al. 2005, on RGB.
    """
    ratio = (frame.astype(np.float32) + 1) / (plate.astype(np.float32) + 1)
    mean = ratio.mean(axis=2)
    likely = (mean > DARKEST) & (mean < LIGHTEST) & (ratio.std(axis=2) < COLOUR_SPREAD)
    return np.asarray(likely & (_deviation(mean, likely) < TEXTURE_SPREAD), dtype=np.uint8)


def _deviation(values: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Standard deviation over a window of the values `inside`."""
    weight = inside.astype(np.float32)
    window = (WINDOW_PX, WINDOW_PX)
    share = np.maximum(np.asarray(cv2.blur(weight, window)), 1e-6)
    mean = cv2.blur(values * weight, window) / share
    square = cv2.blur(values * values * weight, window) / share
    return np.asarray(np.sqrt(np.maximum(square - mean * mean, 0)), dtype=np.float32)
