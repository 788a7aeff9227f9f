"""Canny's edges, thickened until they close: the largest outline, filled."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from bgdl import checks
from bgdl.matters.classical import CPU, Classical, Frame
from bgdl.matters.cleanup import Cleanup, CleanupName, Mask
from bgdl.opencv import cv2

Fill = Literal["convex", "contour", "hull"]


class Canny(Classical):
    """Alpha is 1 inside the largest external contour of the dilated edges of median-blurred grey.

    low, high: thresholds of the hysteresis. dilate: rounds of a `kernel_px` square.
    fill: "convex" fills as the tutorial does, row by row from the leftmost to the rightmost edge
        (`fillConvexPoly`); "contour" fills what the contour encloses; "hull" its convex hull.
    Source: Canny 1986; q-viper, "Real Time Background Changing With OpenCV and Python", 2021, experiment 2.
    """

    name = "canny"

    def __init__(
        self,
        *,
        device: torch.device = CPU,
        median_px: int = 9,
        low: int = 10,
        high: int = 50,
        kernel_px: int = 3,
        dilate: int = 5,
        fill: Fill = "convex",
        cleanup: Cleanup | CleanupName = "none",
    ) -> None:
        super().__init__(device=device, cleanup=cleanup)
        self.median_px = checks.median("median_px", median_px)
        self.high = checks.within("high", high, 0, 10_000)
        self.low = checks.within("low", low, 0, high)
        self.kernel_px = checks.odd("kernel_px", kernel_px)
        self.dilate = checks.count("dilate", dilate, at_most=1000)
        self.fill: Fill = checks.one_of("fill", fill, Fill)

    def _mask(self, frame: Frame) -> Mask:
        grey = cv2.medianBlur(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), self.median_px)
        edges = cv2.Canny(grey, self.low, self.high)
        edges = cv2.dilate(edges, np.ones((self.kernel_px, self.kernel_px), np.uint8), iterations=self.dilate)
        contours, _ = cv2.findContours(edges, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        mask = np.zeros(frame.shape[:2], dtype=np.uint8)
        if not contours:
            return mask
        return self._filled(mask, np.asarray(max(contours, key=cv2.contourArea), dtype=np.int32))

    def _filled(self, mask: Mask, contour: NDArray[np.int32]) -> Mask:
        if self.fill == "contour":
            cv2.drawContours(mask, [contour], -1, 1, cv2.FILLED)
        else:
            cv2.fillConvexPoly(mask, contour if self.fill == "convex" else cv2.convexHull(contour), 1)
        return mask
