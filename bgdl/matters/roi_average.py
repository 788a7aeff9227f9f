"""Difference from the average of a plain patch of the wall, stretched over the whole frame."""

from __future__ import annotations

import numpy as np
import torch

from bgdl import checks
from bgdl.errors import InputError
from bgdl.matters.classical import CPU
from bgdl.matters.cleanup import Cleanup, CleanupName
from bgdl.matters.light import Light
from bgdl.matters.running_average import Picture, RunningAverage
from bgdl.matters.shadows import Shadows
from bgdl.opencv import cv2

TUTORIAL_SIZE = (720, 520)


class RoiAverage(RunningAverage):
    """Like `running_average`, but the plate is a plain rectangle of the scene stretched to the frame.

    The subject may stand in the picture from the first frame, beside the rectangle; the scene behind it must be
    one colour.

    rectangle: left, top, right, bottom in px of a frame of `rectangle_size` (width, height); other frames take
        the same share of their size.
    Source: q-viper, "Real Time Background Changing With OpenCV and Python", 2021, experiment 1, second part.
    """

    name = "roi_average"

    def __init__(
        self,
        *,
        device: torch.device = CPU,
        rectangle: tuple[int, int, int, int] = (400, 20, 630, 300),
        rectangle_size: tuple[int, int] = TUTORIAL_SIZE,
        frames: int = 200,
        weight: float | None = 0.5,
        median_px: int = 5,
        threshold: int = 40,
        light: Light = "fixed",
        shadows: Shadows = "keep",
        cleanup: Cleanup | CleanupName = "none",
    ) -> None:
        left, top, right, bottom = checks.numbers("rectangle", rectangle, 4)
        rectangle_size = checks.numbers("rectangle_size", rectangle_size, 2)
        if not (0 <= left < right <= rectangle_size[0] and 0 <= top < bottom <= rectangle_size[1]):
            raise InputError(
                f"rectangle is {rectangle}; it must be left, top, right, bottom with left < right and top < bottom "
                f"inside {rectangle_size[0]}x{rectangle_size[1]}"
            )
        self.rectangle = rectangle
        self.rectangle_size = rectangle_size
        super().__init__(
            device=device,
            frames=frames,
            weight=weight,
            median_px=median_px,
            threshold=threshold,
            light=light,
            shadows=shadows,
            cleanup=cleanup,
        )

    def rectangle_px(self, size_hw: tuple[int, int]) -> tuple[int, int, int, int]:
        """Left, top, right, bottom in px of a frame of `size_hw`; at least one px each way."""
        left, right = _span(self.rectangle[0], self.rectangle[2], self.rectangle_size[0], size_hw[1])
        top, bottom = _span(self.rectangle[1], self.rectangle[3], self.rectangle_size[1], size_hw[0])
        return left, top, right, bottom

    def _scene(self, picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        left, top, right, bottom = self.rectangle_px((height, width))
        return np.asarray(cv2.resize(picture[top:bottom, left:right], (width, height)), dtype=np.uint8)


def _span(low: int, high: int, whole: int, length_px: int) -> tuple[int, int]:
    start = min(round(low * length_px / whole), length_px - 1)
    return start, max(round(high * length_px / whole), start + 1)
