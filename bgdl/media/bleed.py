"""Colour under transparent pixels, for encoders that smear it into what is seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bgdl.opencv import cv2

_CELL = 8


def fill_hidden(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (H,W,4) with black under alpha 0 -> the same with the nearby subject's colours there.

    Lossy codecs mix neighbours (half-size chroma, 8×8 transforms), so black beside the subject would come back as
    a dark fringe. Alpha and the colours of visible pixels are not changed.
    """
    height, width = rgba.shape[:2]
    seen = (rgba[..., 3] > 0).astype(np.float32)
    share = float(seen.mean())
    if share in (0.0, 1.0):
        return rgba
    small = (-(-width // _CELL), -(-height // _CELL))
    colours = cv2.resize(rgba[..., :3].astype(np.float32), small, interpolation=cv2.INTER_AREA)
    weight = cv2.resize(seen, small, interpolation=cv2.INTER_AREA)
    mean = colours.reshape(-1, 3).sum(0) / max(float(weight.sum()), 1e-6)
    near, near_weight = cv2.blur(colours, (5, 5)), cv2.blur(weight, (5, 5))
    spread = (near + 1e-3 * mean) / (near_weight + 1e-3)[..., None]
    fill = cv2.resize(spread, (width, height), interpolation=cv2.INTER_LINEAR)
    out = rgba.copy()
    hidden = rgba[..., 3] == 0
    out[hidden, :3] = np.rint(np.clip(fill[hidden], 0, 255)).astype(np.uint8)
    return out
