"""How long a method takes for a frame: upload, alpha and download, one frame at a time, after a warm-up."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from bgdl.errors import BgdlError
from bgdl.opencv import cv2
from bgdl.types import Matter

WARM_UP = 2
FAILURES = (BgdlError, RuntimeError, ValueError, MemoryError, cv2.error)
"""With which a method may fail on a frame while the others go on."""


def timed(matter: Matter, picture: Tensor) -> tuple[Tensor, float]:
    """uint8 (1,H,W,3) -> alpha float32 (H,W) on the CPU, and seconds; the copy waits for the device.

    Raises BgdlError for a matte that is not finite, which has no scores.
    """
    start = time.perf_counter()
    alpha = matter.alpha(picture)[0, ..., 0].float().cpu()
    seconds = time.perf_counter() - start
    if not alpha.isfinite().all():
        raise BgdlError("its matte holds NaN or infinite values")
    return alpha, seconds


def warm_up(matter: Matter, picture: Tensor) -> None:
    """Let caches fill and kernels be chosen; what the method learnt is forgotten."""
    try:
        for _ in range(WARM_UP):
            matter.alpha(picture)
    except FAILURES:
        pass  # for instance an empty scene is needed first: scoring says so
    matter.reset()


def milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile."""
    if not seconds:
        return {}
    median, p95 = np.percentile(seconds, [50, 95]) * 1000
    return {"median_ms": float(median), "p95_ms": float(p95)}
