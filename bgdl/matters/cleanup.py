"""Clean-up of a binary mask: specks, gaps, holes, islands and the soft edge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bgdl import checks
from bgdl.errors import InputError
from bgdl.opencv import cv2

Mask = NDArray[np.uint8]  # (H,W), 0 or 1
Alpha = NDArray[np.float32]  # (H,W) in [0,1]
CleanupName = Literal["none", "tidy", "soft"]


@dataclass(frozen=True)
class Cleanup:
    """From a binary mask to alpha, in the order of the fields; 0 leaves a step out.

    open_px: diameter of the opening that removes specks and thin lines.
    close_px: diameter of the closing that bridges gaps.
    island_share: connected parts smaller than this share of the frame are dropped, 0..1.
    hole_share: holes smaller than this share of the frame are filled, 0..1.
    feather_px: standard deviation of the blur that softens the edge.
    reference_px: the px above are those of a frame whose short side is so long, and grow and shrink with it; None
        takes them as they are.
    """

    open_px: int = 0
    close_px: int = 0
    island_share: float = 0.0
    hole_share: float = 0.0
    feather_px: float = 0.0
    reference_px: int | None = None

    def __post_init__(self) -> None:
        checks.count("open_px", self.open_px, at_most=1001)
        checks.count("close_px", self.close_px, at_most=1001)
        checks.within("island_share", self.island_share, 0, 1)
        checks.within("hole_share", self.hole_share, 0, 1)
        checks.within("feather_px", self.feather_px, 0, 100)

    def __call__(self, mask: Mask) -> Alpha:
        """uint8 (H,W) of 0 and 1 -> float32 (H,W) in [0,1]; without `feather_px` it is binary."""
        scale = min(mask.shape) / self.reference_px if self.reference_px else 1.0
        mask = _morph(mask, cv2.MORPH_OPEN, round(self.open_px * scale))
        mask = _morph(mask, cv2.MORPH_CLOSE, round(self.close_px * scale))
        mask = drop_small(mask, self.island_share)
        mask = 1 - drop_small(1 - mask, self.hole_share)
        alpha = mask.astype(np.float32)
        return _feather(alpha, self.feather_px * scale) if self.feather_px else alpha


_TIDY = Cleanup(open_px=3, close_px=9, island_share=0.003, hole_share=0.003, reference_px=480)
PRESETS: dict[CleanupName, Cleanup] = {"none": Cleanup(), "tidy": _TIDY, "soft": replace(_TIDY, feather_px=1.5)}


def pick_cleanup(cleanup: Cleanup | CleanupName) -> Cleanup:
    """The clean-up called "none", "tidy" or "soft", or the one given."""
    if isinstance(cleanup, Cleanup):
        return cleanup
    if not isinstance(cleanup, str) or cleanup not in PRESETS:
        raise InputError(f"cleanup is {cleanup!r}; it must be one of {', '.join(PRESETS)}, or a Cleanup")
    return PRESETS[cleanup]


def drop_small(mask: Mask, share: float) -> Mask:
    """The mask without its connected parts (8 neighbours) smaller than `share` of the frame."""
    if share <= 0:
        return mask
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] >= share * mask.size
    keep[0] = False  # the background
    return np.asarray(keep[labels], dtype=np.uint8)


def _feather(alpha: Alpha, sigma_px: float) -> Alpha:
    soft = cv2.GaussianBlur(alpha, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE)
    return np.clip(np.asarray(soft, dtype=np.float32), 0, 1)


def _morph(mask: Mask, operation: int, diameter_px: int) -> Mask:
    if diameter_px < 2:
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter_px, diameter_px))
    return np.asarray(cv2.morphologyEx(mask, operation, kernel), dtype=np.uint8)
