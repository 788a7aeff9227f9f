"""Otsu's threshold: a subject darker, or brighter, than what is behind it."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from bgdl import checks
from bgdl.matters.classical import CPU, Classical, Frame
from bgdl.matters.cleanup import Cleanup, CleanupName, Mask
from bgdl.opencv import cv2

Subject = Literal["dark", "bright"]


class Otsu(Classical):
    """Alpha is 1 on the dark side of Otsu's threshold of median-blurred grey.

    The bright side, which the tutorial replaces, is dilated `dilate` times and then eroded `erode` times with a
    `kernel_px` square: five erosions grow the subject by some 12 px.

    subject: the side of the threshold that is kept; "dark" as the tutorial.
    Source: Otsu 1979; q-viper, "Real Time Background Changing With OpenCV and Python", 2021, experiment 2.
    """

    name = "otsu"

    def __init__(
        self,
        *,
        device: torch.device = CPU,
        median_px: int = 9,
        kernel_px: int = 7,
        dilate: int = 1,
        erode: int = 5,
        subject: Subject = "dark",
        cleanup: Cleanup | CleanupName = "none",
    ) -> None:
        super().__init__(device=device, cleanup=cleanup)
        self.median_px = checks.median("median_px", median_px)
        self.kernel_px = checks.odd("kernel_px", kernel_px)
        self.dilate = checks.count("dilate", dilate, at_most=1000)
        self.erode = checks.count("erode", erode, at_most=1000)
        self.subject: Subject = checks.one_of("subject", subject, Subject)

    def _mask(self, frame: Frame) -> Mask:
        grey = cv2.medianBlur(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), self.median_px)
        kind = cv2.THRESH_BINARY if self.subject == "dark" else cv2.THRESH_BINARY_INV
        _, scene = cv2.threshold(grey, 0, 1, kind | cv2.THRESH_OTSU)
        kernel = np.ones((self.kernel_px, self.kernel_px), dtype=np.uint8)
        scene = cv2.dilate(scene, kernel, iterations=self.dilate)
        scene = cv2.erode(scene, kernel, iterations=self.erode)
        return np.asarray(1 - scene, dtype=np.uint8)
