"""The guided filter: a matte takes over the frame's own edges."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from bgdl.refine.blur import box_mean
from bgdl.refine.grid import sample, shrink, where

MIXED = 0.05
"""A window holds an edge where both subject and background take at least this share of it."""


def guided_filter(
    frames: Tensor,
    alpha: Tensor,
    *,
    working_px: int = 640,
    radius_px: int = 4,
    epsilon: float = 1e-3,
    levels: tuple[float, float] = (0.15, 0.85),
) -> Tensor:
    """Align a matte with the frame's edges: uint8 (N,H,W,3), float32 (N,H,W,1) -> float32 (N,H,W,1) in [0,1].

    The linear model of colour to alpha is fitted in windows of `radius_px` on a copy whose longer side is
    `working_px`, then applied to the frame at its own size, near the matte's edge only: elsewhere the matte stays
    as it is. Frames below `working_px` have windows of the same share of their side: in wider ones the edge grows
    hazy. epsilon: variance of colour (0..1) below which a window counts as flat. levels: the fitted value up to which a
    place is empty, and from which it is full. Fits are damped by epsilon and averaged over windows, so that beside an
    edge they reach neither 0 nor 1 and would leave haze around the subject and specks in it; (0, 1) is the paper's.
    Source: He, Sun and Tang, "Guided Image Filtering", TPAMI 2013; He and Sun, "Fast Guided Filter", 2015.
    """
    guide, matte = shrink(frames, working_px) / 255, shrink(alpha, working_px)
    radius_px = math.ceil(radius_px * min(1.0, max(guide.shape[2:]) / working_px))
    model = _linear_model(guide, matte, radius_px, epsilon)
    model[:, 3] -= levels[0]
    model[:, :4] /= levels[1] - levels[0]
    model = box_mean(model, radius_px)
    result = alpha.clone(memory_format=torch.contiguous_format)
    for frame, whole, planes in zip(frames, result[..., 0], model, strict=True):
        _apply(frame, whole, planes)
    return result


def _apply(frame: Tensor, matte: Tensor, model: Tensor) -> None:
    """Replace alpha (H,W) of one frame by the model's value, as far as edges (model[4]) reach, in place."""
    size_hw = (matte.shape[0], matte.shape[1])
    near = F.interpolate((model[None, 4:] > 0).to(torch.float32), size_hw, mode="nearest")[0, 0]
    pixels = where(near > 0)
    values = sample(model, pixels, size_hw)
    colours, levels = frame.reshape(-1, 3).index_select(0, pixels), matte.view(-1).index_select(0, pixels)
    fitted = (values[:, :3] * colours).sum(1) / 255 + values[:, 3]
    matte.view(-1).index_copy_(0, pixels, torch.lerp(levels, fitted.clamp_(0, 1), values[:, 4]))


def _linear_model(guide: Tensor, matte: Tensor, radius_px: int, epsilon: float) -> Tensor:
    """(N,5,h,w): slope (3) and offset of matte = slope · colour + offset in each window; 1 where it holds an edge."""
    products = [guide[:, i : i + 1] * guide[:, j : j + 1] for i, j in PAIRS]
    means = box_mean(torch.cat((guide, matte, guide * matte, *products), dim=1), radius_px)
    colour, level = means[:, :3], means[:, 3:4]
    joint = means[:, 4:7] - colour * level
    rr, rg, rb, gg, gb, bb = (means[:, 7 + k] - colour[:, i] * colour[:, j] for k, (i, j) in enumerate(PAIRS))
    slope = _solve(rr + epsilon, rg, rb, gg + epsilon, gb, bb + epsilon, joint)
    offset = level - (slope * colour).sum(1, keepdim=True)
    edge = (level > MIXED) & (level < 1 - MIXED)
    return torch.cat((slope, offset, edge), dim=1)


PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


def _solve(rr: Tensor, rg: Tensor, rb: Tensor, gg: Tensor, gb: Tensor, bb: Tensor, right: Tensor) -> Tensor:
    """Solve the symmetric 3×3 system at each pixel by its adjugate: right (N,3,h,w) -> (N,3,h,w)."""
    x, y, z = right.unbind(1)
    c_rr, c_rg, c_rb = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    c_gg, c_gb, c_bb = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    solved = (c_rr * x + c_rg * y + c_rb * z, c_rg * x + c_gg * y + c_gb * z, c_rb * x + c_gb * y + c_bb * z)
    return torch.stack(solved, dim=1) / (rr * c_rr + rg * c_rg + rb * c_rb)[:, None]
