"""The guided filter: a matte takes over the frame's own edges."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from bgdl import convert
from bgdl.refine.blur import box_mean


def guided_filter(
    frames: Tensor, alpha: Tensor, *, radius_px: int = 8, epsilon: float = 1e-4, working_px: int = 640
) -> Tensor:
    """Align a matte with the frame's edges: uint8 (N,H,W,3), float32 (N,H,W,1) -> float32 (N,H,W,1) in [0,1].

    working_px: longer side at which the linear model of colour to alpha is fitted; it is then applied to the
    frame at its own resolution. radius_px: of the windows, at that size. epsilon: variance of colour (0..1) below
    which a window counts as flat.
    Source: He, Sun and Tang, "Guided Image Filtering", TPAMI 2013; He and Sun, "Fast Guided Filter", 2015.
    """
    guide = convert.to_nchw(frames).to(torch.float32) / 255
    matte = convert.to_nchw(alpha)
    scale = min(1.0, working_px / max(guide.shape[2:]))
    small_hw = (max(1, round(guide.shape[2] * scale)), max(1, round(guide.shape[3] * scale)))
    small_guide, small_matte = (F.interpolate(planes, small_hw, mode="area") for planes in (guide, matte))
    model = box_mean(_linear_model(small_guide, small_matte, radius_px, epsilon), radius_px)
    model = F.interpolate(model, guide.shape[2:], mode="bilinear", align_corners=False)
    result = (model[:, :3] * guide).sum(1, keepdim=True) + model[:, 3:]
    return convert.to_nhwc(result.clamp_(0, 1)).contiguous()


def _linear_model(guide: Tensor, matte: Tensor, radius_px: int, epsilon: float) -> Tensor:
    """Per window the slope (3) and offset (1) of matte = slope · colour + offset: (N,4,h,w)."""
    products = [guide[:, i : i + 1] * guide[:, j : j + 1] for i, j in PAIRS]
    means = box_mean(torch.cat((guide, matte, guide * matte, *products), dim=1), radius_px)
    colour, level = means[:, :3], means[:, 3:4]
    joint = means[:, 4:7] - colour * level
    rr, rg, rb, gg, gb, bb = (means[:, 7 + k] - colour[:, i] * colour[:, j] for k, (i, j) in enumerate(PAIRS))
    slope = _solve(rr + epsilon, rg, rb, gg + epsilon, gb, bb + epsilon, joint)
    return torch.cat((slope, level - (slope * colour).sum(1, keepdim=True)), dim=1)


PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


def _solve(rr: Tensor, rg: Tensor, rb: Tensor, gg: Tensor, gb: Tensor, bb: Tensor, right: Tensor) -> Tensor:
    """Solve the symmetric 3×3 system at each pixel by its adjugate: right (N,3,h,w) -> (N,3,h,w)."""
    x, y, z = right.unbind(1)
    c_rr, c_rg, c_rb = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    c_gg, c_gb, c_bb = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    solved = (c_rr * x + c_rg * y + c_rb * z, c_rg * x + c_gg * y + c_gb * z, c_rb * x + c_gb * y + c_bb * z)
    return torch.stack(solved, dim=1) / (rr * c_rr + rg * c_rg + rb * c_rb)[:, None]
