"""Difference of consecutive frames."""

from __future__ import annotations

from collections import deque

import numpy as np
import torch

from bgdl import checks
from bgdl.matters.classical import CPU, Classical, Frame
from bgdl.matters.cleanup import Cleanup, CleanupName, Mask
from bgdl.opencv import cv2


class FrameDifference(Classical):
    """Alpha is 1 where the grey difference from an earlier frame is above `threshold`; 0 on a clip's first frame.

    gap: how many frames back the earlier one lies; 1, as the tutorials, draws outlines of what moves, a larger
        one fills more of a slow subject and doubles its trail.
    """

    name = "frame_difference"
    stateful = True

    def __init__(
        self,
        *,
        device: torch.device = CPU,
        threshold: int = 3,
        gap: int = 1,
        cleanup: Cleanup | CleanupName = "none",
    ) -> None:
        super().__init__(device=device, cleanup=cleanup)
        self.threshold = checks.within("threshold", threshold, 0, 254)
        self.gap = checks.count("gap", gap, at_least=1)
        self._earlier: deque[Frame] = deque(maxlen=self.gap)

    def reset(self) -> None:
        """Forget the frames seen."""
        self._earlier.clear()

    def _mask(self, frame: Frame) -> Mask:
        if self._earlier and self._earlier[0].shape != frame.shape:
            self.reset()
        earlier = self._earlier[0] if self._earlier else frame
        self._earlier.append(frame)
        grey = cv2.cvtColor(cv2.absdiff(frame, earlier), cv2.COLOR_RGB2GRAY)
        return (grey > self.threshold).astype(np.uint8)
