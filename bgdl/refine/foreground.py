"""Foreground colours: what the subject alone looks like where the old background shines through."""

from __future__ import annotations

import torch
from torch import Tensor

from bgdl import convert
from bgdl.refine.blur import box_mean
from bgdl.refine.grid import sample, shrink, where

SOLID = 1 - 1 / 510
CLEAR = 1 / 510
"""Between these a pixel is a mixture; beyond them alpha is 255 or 0 in the file."""


def blur_fusion(
    frames: Tensor, alpha: Tensor, *, working_px: int = 640, radii_px: tuple[int, ...] = (30, 6, 2)
) -> Tensor:
    """Estimate straight foreground colours: uint8 (N,H,W,3), float32 (N,H,W,1) -> uint8 (N,H,W,3).

    The two layers are smoothed in a copy whose longer side is `working_px`, once over each radius, the widest first;
    the mixed pixels of the frame are then repaired at its own size, all others stay as they are.
    Source: Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021 (two passes, radii 90 and 6 at full size;
    a third between them is a sixth nearer to the truth where the subject's colours change).
    """
    layers = _layers(shrink(frames, working_px), shrink(alpha, working_px), radii_px)
    result = frames.clone(memory_format=torch.contiguous_format)
    for frame, matte, planes in zip(result, alpha[..., 0], layers, strict=True):
        _repair(frame, matte, planes)
    return result


def _layers(image: Tensor, matte: Tensor, radii_px: tuple[int, ...]) -> Tensor:
    """Smooth foreground and background colours, each from where it is seen: (N,6,h,w)."""
    foreground, background = image, image
    for radius_px in radii_px:
        weights = torch.cat((foreground * matte, background * (1 - matte), matte), dim=1)
        means = box_mean(weights, radius_px)
        near_f = means[:, :3] / (means[:, 6:] + 1e-5)
        near_b = means[:, 3:6] / (1 - means[:, 6:] + 1e-5)
        foreground, background = _unmix(image, matte, near_f, near_b), near_b
    return torch.cat((near_f, near_b), dim=1)


def _unmix(mixed: Tensor, matte: Tensor, near_f: Tensor, near_b: Tensor) -> Tensor:
    """The smooth foreground plus its share of what the two smooth layers leave unexplained."""
    return (near_f + matte * (mixed - matte * near_f - (1 - matte) * near_b)).clamp(0, 255)


def _repair(frame: Tensor, matte: Tensor, layers: Tensor) -> None:
    """Replace the mixed pixels of uint8 (H,W,3) by their foreground colour, in place."""
    pixels = where((matte > CLEAR) & (matte < SOLID))
    near = sample(layers, pixels, (matte.shape[0], matte.shape[1]))
    rows = frame.view(-1, 3)
    mixed, share = rows.index_select(0, pixels).to(torch.float32), matte.reshape(-1, 1).index_select(0, pixels)
    rows.index_copy_(0, pixels, convert.round_to_bytes(_unmix(mixed, share, near[:, :3], near[:, 3:])))
