"""What can be asked of a finished matte: a threshold, its largest part, its bounding box, its coverage."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bgdl import checks
from bgdl.errors import InputError
from bgdl.opencv import cv2

Keep = Literal["all", "largest"] | int
"""Which connected parts of a matte stay: all but islands, the largest, or so many of the largest."""
Grey = NDArray[np.float32]

SEEN = 0.05
"""Alpha from which a pixel counts as part of something; below is the haze that networks leave."""
ISLAND = 0.01
"""Parts smaller than this share of the largest part are islands."""


@dataclass(frozen=True)
class Margin:
    """Room around a box: `amount` px, or that many per cent of the box's longer side."""

    amount: float = 0
    percent: bool = False

    @classmethod
    def parse(cls, text: str) -> Margin:
        """ "20" or "20px" is px, "5%" a share; raises InputError for anything else."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(px|%)?", text.strip())
        if not match:
            raise InputError(f"margin {text!r} is not a number of px or a share; write it as 20 or 5%")
        return cls(float(match[1]), match[2] == "%")

    def pixels(self, side_px: int) -> int:
        """The margin in px around a box whose longer side is `side_px`."""
        return round(self.amount * side_px / 100 if self.percent else self.amount)


def threshold_at(alpha: Tensor, level: float) -> Tensor:
    """Hard matte: 1 where alpha is at least `level` (0..1), else 0; float32 (N,H,W,1) -> the same."""
    check_level(level)
    return (alpha >= level).to(alpha.dtype)


def check_level(level: float) -> None:
    """Raises InputError for a threshold outside 0..1, and for 0, which all alpha reaches."""
    if not checks.within("threshold", level, 0, 1):
        raise InputError("threshold is 0, which all of a matte reaches; give a level above 0, for instance 0.5")


def parse_keep(text: str | int) -> Keep:
    """ "largest", "all" or a number of parts, from 1; raises InputError for anything else."""
    if text == "largest":
        return "largest"
    if text == "all":
        return "all"
    if not str(text).isdecimal() or int(text) < 1:
        raise InputError(f"keep is {text!r}, not largest, all or a number of parts from 1; write for instance 2")
    return int(text)


def keep_parts(alpha: Tensor, parts: Keep) -> Tensor:
    """Drop what is not wanted: float32 (N,H,W,1) -> the same.

    "largest" keeps the largest connected part of each matte, a number that many of the largest; "all" keeps every
    part but islands, which are smaller than 1 % of the largest. Soft pixels go with the part that they are nearest to.
    """
    kept = [_keep_one(matte[..., 0].cpu().numpy(), parts) for matte in alpha]
    return torch.from_numpy(np.stack(kept)[..., None]).to(alpha.device) if kept else alpha


def bounding_box(alpha: Tensor, margin: Margin) -> tuple[int, int, int, int]:
    """Top, left, bottom and right (exclusive) of all that is seen in float32 (1,H,W,1), `margin` around it.

    The box ends at the picture's border. Of an empty matte, the whole picture.
    """
    seen = alpha[0, ..., 0] >= SEEN
    height, width = seen.shape
    rows, columns = seen.any(1).nonzero().flatten().tolist(), seen.any(0).nonzero().flatten().tolist()
    if not rows:
        return 0, 0, height, width
    top, left, bottom, right = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
    around = margin.pixels(max(bottom - top, right - left))
    return max(0, top - around), max(0, left - around), min(height, bottom + around), min(width, right + around)


def judge(alpha: Tensor) -> list[tuple[float, float]]:
    """Coverage (mean alpha) and confidence (mean alpha weighted by alpha) of each matte of float32 (N,H,W,1)."""
    flat = alpha.flatten(1)
    total, sure = flat.sum(1).cpu().double(), torch.linalg.vecdot(flat, flat).cpu().double()  # MPS has no float64
    coverage = total / max(1, flat.shape[1])
    confidence = torch.where(total > 0, sure / total.clamp_min(1e-12), 0)
    return list(zip(coverage.tolist(), confidence.tolist(), strict=True))


def _keep_one(alpha: Grey, parts: Keep) -> Grey:
    core = (alpha >= 0.5).astype(np.uint8)
    wanted = _wanted(core, parts)
    if wanted is None:
        return alpha
    gone = (alpha >= 0.5) & ~wanted
    _, regions = cv2.connectedComponents((alpha >= SEEN).astype(np.uint8))
    stays = np.isin(regions, np.unique(regions[wanted]))
    if gone.any():
        stays &= _distance_to(wanted) <= _distance_to(gone)
    return np.where(stays, alpha, np.float32(0))


def _wanted(core: NDArray[np.uint8], parts: Keep) -> NDArray[np.bool_] | None:
    """The parts of the core that stay, or None where there is no core at all."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(core)
    if count < 2:
        return None
    areas = stats[1:, cv2.CC_STAT_AREA]
    if parts == "all":
        numbers = np.flatnonzero(areas >= ISLAND * areas.max())
    else:
        numbers = np.argsort(-areas, kind="stable")[: 1 if parts == "largest" else parts]
    return np.isin(labels, numbers + 1)


def _distance_to(mask: NDArray[np.bool_]) -> Grey:
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3), np.float32)
