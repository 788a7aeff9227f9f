"""MOG2: each pixel's colours as a mixture of Gaussians."""

from __future__ import annotations

from typing import Any, Literal

import torch

from bgdl import checks
from bgdl.matters.classical import CPU
from bgdl.matters.cleanup import Cleanup, CleanupName
from bgdl.matters.subtractor import Subtractor, SubtractorShadows
from bgdl.opencv import cv2


class Mog2(Subtractor):
    """Alpha is 1 where a frame fits none of the Gaussians that a pixel has been seen with.

    The defaults are the tutorial's: at a learning rate of 0.5 whoever stands still for two or three frames is
    taken for the scene. For a fixed camera `learning_rate="auto", shadows="drop", cleanup="tidy"` is sensible.
    (The tutorial's call `apply(frame, 0.5)` hands 0.5 to another parameter, so that what its author saw was
    "auto".)

    variance_threshold: squared distance, in variances, up to which a colour fits.
    Source: Zivkovic 2004; q-viper, "Real Time Background Changing With OpenCV and Python", 2021, experiment 3.
    """

    name = "mog2"

    def __init__(
        self,
        *,
        device: torch.device = CPU,
        history: int = 500,
        variance_threshold: float = 16.0,
        learning_rate: float | Literal["auto"] = 0.5,
        shadows: SubtractorShadows = "keep",
        dilate_px: int = 3,
        cleanup: Cleanup | CleanupName = "none",
    ) -> None:
        self.variance_threshold = checks.within("variance_threshold", variance_threshold, 0.1, 10_000)
        super().__init__(
            device=device,
            history=history,
            learning_rate=learning_rate,
            shadows=shadows,
            dilate_px=dilate_px,
            cleanup=cleanup,
        )

    def _new_model(self) -> Any:
        return cv2.createBackgroundSubtractorMOG2(self.history, self.variance_threshold, self.shadows != "off")
