"""Pixels that are not square, and square ones for files that do not tell players of any others."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from bgdl.media.bleed import fill_hidden
from bgdl.opencv import cv2

SQUARE = Fraction(1)
_MOST = 8
"""A pixel more oblong than this is an error in the source."""


def sensible(pixel_aspect: Fraction | None) -> Fraction:
    """Width of a pixel over its height; 1 where a source tells nothing, or nonsense."""
    if pixel_aspect is None or not Fraction(1, _MOST) <= pixel_aspect <= _MOST:
        return SQUARE
    return pixel_aspect


def square_size(size_hw: tuple[int, int], pixel_aspect: Fraction | None) -> tuple[int, int]:
    """The size in px that shows the same with square pixels; one side grows and none shrinks, so no detail is lost."""
    (height, width), aspect = size_hw, sensible(pixel_aspect)
    return (height, round(width * aspect)) if aspect > 1 else (round(height / aspect), width)


def scale(picture: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """uint8 (h,w,1|3|4) -> (H,W,1|3|4); black under transparent pixels stays there and darkens no edge."""
    if picture.shape[:2] == size_hw:
        return picture
    glass = picture.shape[-1] == 4
    larger = cv2.resize(fill_hidden(picture) if glass else picture, size_hw[::-1], interpolation=cv2.INTER_CUBIC)
    if glass:
        larger[larger[..., 3] == 0] = 0
    return np.asarray(larger, np.uint8).reshape(*size_hw, picture.shape[-1])
