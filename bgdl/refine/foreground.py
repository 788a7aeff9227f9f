"""Foreground colours: what the subject alone looks like where the old background shines through."""

from __future__ import annotations

import torch
from torch import Tensor

from bgdl import convert
from bgdl.refine.blur import box_mean


def blur_fusion(frames: Tensor, alpha: Tensor, *, radii_px: tuple[int, int] = (90, 6)) -> Tensor:
    """Estimate straight foreground colours: uint8 (N,H,W,3), float32 (N,H,W,1) -> uint8 (N,H,W,3).

    radii_px: of the wide and the narrow pass. Where alpha is 1 the frame's colours come back unchanged.
    Source: Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021.
    """
    image = convert.to_nchw(frames).to(torch.float32)
    matte = convert.to_nchw(alpha)
    foreground, background = image, image
    for radius_px in radii_px:
        foreground, background = _fuse(image, matte, foreground, background, radius_px)
    return convert.round_to_bytes(convert.to_nhwc(foreground).contiguous())


def _fuse(
    image: Tensor, matte: Tensor, foreground: Tensor, background: Tensor, radius_px: int
) -> tuple[Tensor, Tensor]:
    """One pass: smooth both layers over what is theirs, then give the foreground what the mixture leaves over."""
    weight = box_mean(matte, radius_px)
    near_f = box_mean(foreground * matte, radius_px) / (weight + 1e-5)
    near_b = box_mean(background * (1 - matte), radius_px) / (1 - weight + 1e-5)
    rest = image - matte * near_f - (1 - matte) * near_b
    return (near_f + matte * rest).clamp(0, 255), near_b
