"""Clean-up of a binary mask: specks, gaps, holes, islands and the soft edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bgdl.errors import InputError
from bgdl.matters import checks
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
    """

    open_px: int = 0
    close_px: int = 0
    island_share: float = 0.0
    hole_share: float = 0.0
    feather_px: float = 0.0

    def __post_init__(self) -> None:
        checks.count("open_px", self.open_px)
        checks.count("close_px", self.close_px)
        checks.within("island_share", self.island_share, 0, 1)
        checks.within("hole_share", self.hole_share, 0, 1)
        checks.within("feather_px", self.feather_px, 0, 100)

    def __call__(self, mask: Mask) -> Alpha:
        """uint8 (H,W) of 0 and 1 -> float32 (H,W) in [0,1]; without `feather_px` it is binary."""
        mask = _morph(mask, cv2.MORPH_OPEN, self.open_px)
        mask = _morph(mask, cv2.MORPH_CLOSE, self.close_px)
        mask = drop_small(mask, self.island_share)
        mask = 1 - drop_small(1 - mask, self.hole_share)
        alpha = mask.astype(np.float32)
        return _feather(alpha, self.feather_px) if self.feather_px else alpha


PRESETS: dict[CleanupName, Cleanup] = {
    "none": Cleanup(),
    "tidy": Cleanup(open_px=3, close_px=15, island_share=0.005, hole_share=0.02),
    "soft": Cleanup(open_px=3, close_px=15, island_share=0.005, hole_share=0.02, feather_px=1.5),
}


def pick_cleanup(cleanup: Cleanup | CleanupName) -> Cleanup:
    """The clean-up called "none", "tidy" or "soft", or the one given."""
    if isinstance(cleanup, Cleanup):
        return cleanup
    if cleanup not in PRESETS:
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
    if not diameter_px:
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter_px, diameter_px))
    return np.asarray(cv2.morphologyEx(mask, operation, kernel), dtype=np.uint8)
