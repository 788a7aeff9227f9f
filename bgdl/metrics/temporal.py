"""How steady the mattes of a clip are beside its truth.

Every function takes float tensors (T,H,W) in [0,1], the frames in time order, and returns one value for each step
from a frame to the next, float32 (T-1,), 0 being perfect; a clip's score is their mean.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from bgdl.errors import InputError
from bgdl.metrics.segmentation import check
from bgdl.opencv import cv2

STILL = 0.5 / 255


def dtssd(alpha: Tensor, truth: Tensor) -> Tensor:
    """sqrt(mean (dα/dt − dα*/dt)²) of each step, in units of 1e-2.

    Source: Erofeev et al., Perceptually Motivated Benchmark for Video Matting, BMVC 2015; the mean over pixels and
    the unit are Robust Video Matting's (Lin et al., WACV 2022).
    """
    _check_clip(alpha, truth)
    error = alpha.float() - truth.float()
    return error.diff(dim=0).square().mean(dim=(-2, -1)).sqrt().mul(100)


def messddt(alpha: Tensor, truth: Tensor, flow: Tensor) -> Tensor:
    """mean |e(t,p)² − e(t+1,p+v)²| with e = α−α* and v the motion at p, in units of 1e-3.

    flow: float (T-1,H,W,2), the motion in px (x, y) from each frame to the next; `optical_flow` makes it. Motion
    that leaves the picture is clamped to its edge. Papers take the mean over the trimap's unknown region and differ in
    unit, so compare within one program. Source: Erofeev et al., BMVC 2015.
    """
    _check_clip(alpha, truth)
    if flow.shape != (len(alpha) - 1, *alpha.shape[1:], 2):
        raise InputError(f"flow is {tuple(flow.shape)}; for {len(alpha)} frames it is (T-1,H,W,2): see optical_flow")
    squared = (alpha.float() - truth.float()).square()
    return (squared[:-1] - _follow(squared[1:], flow)).abs().mean(dim=(-2, -1)).mul(1000)


def flicker(alpha: Tensor, truth: Tensor) -> Tensor:
    """mean |α(t+1) − α(t)| over the pixels whose truth stands still in that step, in units of 1e-3.

    0 where no pixel stands still. A constant matte has none, however wrong it is: read it beside IoU.
    """
    _check_clip(alpha, truth)
    still = truth.float().diff(dim=0).abs() < STILL
    change = alpha.float().diff(dim=0).abs() * still
    return (change.sum(dim=(-2, -1)) / still.sum(dim=(-2, -1)).clamp_min(1)).mul(1000)


def decay(values: Tensor) -> Tensor:
    """DAVIS's decay: the mean of the first quarter of per-frame scores (T,) less that of the last; 0 is steady.

    Quarters share their border frame, as in the DAVIS toolkit. Source: Perazzi et al., CVPR 2016.
    """
    if values.ndim != 1 or not len(values):
        raise InputError(f"decay takes the scores (T,) of at least one frame, got shape {tuple(values.shape)}")
    cuts = (torch.linspace(0, len(values) - 1, 5, dtype=torch.float64) + 0.5 + 1e-10).floor().long()
    return values[cuts[0] : cuts[1] + 1].mean() - values[cuts[3] : cuts[4] + 1].mean()


def optical_flow(frames: Tensor) -> Tensor:
    """uint8 (T,H,W,3) RGB -> float32 (T-1,H,W,2), the motion in px (x, y) from each frame to the next.

    Source: Farnebäck, Two-Frame Motion Estimation Based on Polynomial Expansion, SCIA 2003 (OpenCV's).
    """
    grey = [cv2.cvtColor(frame.cpu().numpy(), cv2.COLOR_RGB2GRAY) for frame in frames]
    flows = [_farneback(one, two) for one, two in pairwise(grey)]
    return torch.stack(flows) if flows else torch.zeros(0, *frames.shape[1:3], 2)


def _farneback(one: NDArray[Any], two: NDArray[Any]) -> Tensor:
    start = np.zeros((*one.shape, 2), np.float32)
    flow = cv2.calcOpticalFlowFarneback(one, two, start, 0.5, 3, 15, 3, 5, 1.2, 0)
    return torch.from_numpy(np.asarray(flow, dtype=np.float32))


def _follow(values: Tensor, flow: Tensor) -> Tensor:
    """values (T,H,W) read at p+v, bilinearly."""
    height, width = values.shape[1:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    at = torch.stack((x, y), dim=-1).to(flow.device) + flow.float()
    size = at.new_tensor((max(width - 1, 1), max(height - 1, 1)))
    grid = (at / size * 2 - 1).clamp(-1, 1)  # beyond the border the border's value; MPS cannot pad so
    return F.grid_sample(values[:, None], grid, align_corners=True)[:, 0]


def _check_clip(alpha: Tensor, truth: Tensor) -> None:
    check(alpha, truth)
    if alpha.ndim != 3:
        raise InputError(f"temporal metrics take a clip (T,H,W), got shape {tuple(alpha.shape)}")
