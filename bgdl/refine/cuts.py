"""Where one scene of a clip ends and the next begins."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from bgdl.opencv import cv2
from bgdl.refine.flow import Small

ALWAYS = 30.0
"""Levels by which two pictures differ that are two scenes, whatever came before."""
SUDDEN = 8.0
"""As much is a cut as well, where it is RATIO times the change of the frames before: from one shot to another of the
same room and camera."""
RATIO = 4.0
QUIET = 0.5
"""Levels of change that a camera's noise may always make."""
MEMORY = 0.7


class Cuts:
    """Finds cuts, frame by frame: a change that is large, or large beside those of the frames before.

    Source: the second is the adaptive detector of PySceneDetect (Castellano), looking back only.
    """

    def __init__(self) -> None:
        self._before: Small | None = None
        self._usual: float | None = None

    def __call__(self, small: Small) -> bool:
        """uint8 (h,w,3), the next frame -> whether a scene begins with it; the first one always does."""
        before, self._before = self._before, small
        if before is None or before.shape != small.shape:
            self._usual = None
            return True
        change = _change(before, small)
        if change > ALWAYS or (self._usual is not None and change > max(SUDDEN, RATIO * max(self._usual, QUIET))):
            self._usual = None
            return True
        self._usual = change if self._usual is None else MEMORY * self._usual + (1 - MEMORY) * change
        return False


def _change(before: Small, after: Small) -> float:
    """Mean over two thumbnails of the channel that differs most, in levels."""
    thumbnails = [cv2.resize(small, (32, 18), interpolation=cv2.INTER_AREA) for small in (before, after)]
    difference = cast("NDArray[np.uint8]", cv2.absdiff(*thumbnails))
    return float(difference.max(-1).mean())
