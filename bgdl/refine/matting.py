"""Closed-form matting along a matte's edges, through pymatting (extra "matting"), within a time limit."""

from __future__ import annotations

import time
import warnings
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bgdl.errors import MissingExtra
from bgdl.opencv import cv2

Grey = NDArray[np.float64]
UNKNOWN = 0.5


class TooSlow(Exception):
    """The solver passed its time limit."""


def closed_form(
    frames: Tensor,
    alpha: Tensor,
    *,
    band: float = 0.005,
    limit_s: float = 60.0,
    working_px: int = 1_000_000,
    levels: tuple[float, float] = (0.1, 0.9),
) -> Tensor:
    """Solve alpha anew in a band around the matte's edge: uint8 (N,H,W,3), float32 (N,H,W,1) -> float32 (N,H,W,1).

    band: half-width of the unknown band, as a share of the longer side. limit_s: seconds for each frame; past it
    the frame keeps its matte, with a warning. working_px: larger frames are solved at this many pixels. levels: the
    solved value up to which a place is empty, and from which it is full; (0, 1) is the paper's, which leaves a veil.
    Raises MissingExtra without pymatting.
    Source: Levin, Lischinski and Weiss, "A Closed-Form Solution to Natural Image Matting", TPAMI 2008.
    """
    solved = [_one(frame.cpu().numpy(), matte[..., 0].cpu().numpy(), band, limit_s, working_px, levels)
              for frame, matte in zip(frames, alpha, strict=True)]  # fmt: skip
    return torch.from_numpy(np.stack(solved)[..., None]).to(alpha.device) if solved else alpha


def make_trimap(alpha: NDArray[np.float32], radius_px: int) -> Grey:
    """1 where the matte is surely subject, 0 where surely background, 0.5 in between and `radius_px` around it."""
    kernel = np.ones((2 * radius_px + 1,) * 2, np.uint8)
    trimap = np.full(alpha.shape, UNKNOWN)
    trimap[cv2.erode((alpha > 0.95).astype(np.uint8), kernel) > 0] = 1.0
    trimap[cv2.erode((alpha < 0.05).astype(np.uint8), kernel) > 0] = 0.0
    return trimap


def _one(
    frame: NDArray[np.uint8],
    alpha: NDArray[np.float32],
    band: float,
    limit_s: float,
    working_px: int,
    levels: tuple[float, float],
) -> NDArray[np.float32]:
    radius_px = max(2, round(band * max(alpha.shape)))
    trimap = make_trimap(alpha, radius_px)
    if not ((trimap == 1).any() and (trimap == 0).any() and (trimap == UNKNOWN).any()):
        return alpha
    part = _around(trimap == UNKNOWN, 2 * radius_px)
    try:
        solved = _solve(frame[part], trimap[part], limit_s, working_px)
    except TooSlow:
        warnings.warn(
            f"matting took longer than {limit_s:g} s: this picture keeps the network's matte; "
            "use a smaller picture or edge decontaminate", stacklevel=2,
        )  # fmt: skip
        return alpha
    solved = np.clip((solved - levels[0]) / (levels[1] - levels[0]), 0, 1)
    result = np.where(trimap == UNKNOWN, alpha, trimap)
    result[part] = np.where(trimap[part] == UNKNOWN, solved, trimap[part])
    return result.astype(np.float32)


def _solve(frame: NDArray[np.uint8], trimap: Grey, limit_s: float, working_px: int) -> Grey:
    """Closed-form alpha at no more than `working_px` pixels, brought back to the frame's size."""
    height, width = trimap.shape
    scale = min(1.0, (working_px / trimap.size) ** 0.5)
    size_wh = (max(3, round(width * scale)), max(3, round(height * scale)))
    small = cv2.resize(frame, size_wh, interpolation=cv2.INTER_AREA).astype(np.float64) / 255
    known = np.asarray(cv2.resize(trimap, size_wh, interpolation=cv2.INTER_NEAREST), np.float64)
    solved = _estimate(small, known, limit_s)
    return np.clip(cv2.resize(solved, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)


def _estimate(image: NDArray[np.float64], trimap: Grey, limit_s: float) -> Grey:
    try:
        from pymatting import estimate_alpha_cf, ichol
    except ImportError:
        raise MissingExtra("edge matting", "matting") from None
    deadline = time.monotonic() + limit_s  # from here on: the first import compiles for a minute

    def check(*_: Any) -> None:
        if time.monotonic() > deadline:
            raise TooSlow

    def preconditioner(matrix: Any) -> Any:
        check()
        with redirect_stdout(StringIO()):  # it prints advice, which would end up in a picture on stdout
            return ichol(matrix)

    return np.asarray(estimate_alpha_cf(image, trimap, preconditioner, cg_kwargs={"rtol": 1e-5, "callback": check}))


def _around(mask: NDArray[np.bool_], margin_px: int) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, left = max(0, rows[0] - margin_px), max(0, columns[0] - margin_px)
    return slice(top, rows[-1] + margin_px + 1), slice(left, columns[-1] + margin_px + 1)
