"""KNN: each pixel's colours as the samples seen of it."""

from __future__ import annotations

from typing import Any, Literal

import torch

from bgdl import checks
from bgdl.matters.classical import CPU, Frame
from bgdl.matters.cleanup import Cleanup, CleanupName, Mask
from bgdl.matters.subtractor import Subtractor, SubtractorShadows
from bgdl.opencv import cv2

_FROZEN = 1e-6  # at 0 OpenCV's KNN divides by the logarithm of 1 and takes every frame in


class Knn(Subtractor):
    """Alpha is 1 where a frame has too few neighbours among the colours that a pixel has been seen with.

    The defaults are OpenCV's own, with its shadow marks dropped.

    distance_threshold: squared distance up to which two colours are neighbours.
    Source: Zivkovic and van der Heijden 2006.
    """

    name = "knn"

    def __init__(
        self,
        *,
        device: torch.device = CPU,
        history: int = 500,
        distance_threshold: float = 400.0,
        learning_rate: float | Literal["auto"] = "auto",
        shadows: SubtractorShadows = "drop",
        dilate_px: int = 1,
        cleanup: Cleanup | CleanupName = "none",
    ) -> None:
        self.distance_threshold = checks.within("distance_threshold", distance_threshold, 1, 200_000)
        super().__init__(
            device=device,
            history=history,
            learning_rate=learning_rate,
            shadows=shadows,
            dilate_px=dilate_px,
            cleanup=cleanup,
        )

    def _apply(self, frame: Frame, learning_rate: float) -> Mask:
        return super()._apply(frame, learning_rate or _FROZEN)

    def _new_model(self) -> Any:
        return cv2.createBackgroundSubtractorKNN(self.history, self.distance_threshold, self.shadows != "off")
