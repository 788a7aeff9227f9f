"""Taking a picture apart into a person and a background, and putting such layers together anew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import functional as T

from bgdl.opencv import cv2

Array = NDArray[np.float32]
SOLID, EMPTY = 250, 5  # coverage that counts as all person, as no person
MARGIN_PX = 6  # kept away from a person
WIDEST = 4  # heights: what is wider costs memory and is cropped away


def cutout(rgb: NDArray[np.uint8], mask: NDArray[np.uint8]) -> Tensor:
    """The person alone: uint8 (4,h,w) RGBA cut to the mask's box, edge colours taken from inside the person.

    rgb: uint8 (H,W,3); mask: uint8 (H,W) coverage. An empty mask gives one transparent pixel.
    """
    rows, columns = np.flatnonzero(mask.max(axis=1) > EMPTY), np.flatnonzero(mask.max(axis=0) > EMPTY)
    if not len(rows):
        return torch.zeros(4, 1, 1, dtype=torch.uint8)
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    rgb, mask = rgb[box], mask[box]
    solid = _shrunk(mask >= SOLID, 1)
    person = fill(rgb, solid) if solid.any() else rgb
    return torch.from_numpy(np.dstack([person, mask])).permute(2, 0, 1).contiguous()


def background(rgb: NDArray[np.uint8], mask: NDArray[np.uint8]) -> Tensor:
    """The picture without its person, who is filled with what surrounds: uint8 (3,H,W)."""
    reach = max(3, round(0.012 * max(mask.shape)))
    free = _shrunk(mask <= EMPTY, reach)
    scene = fill(rgb, free) if free.any() else rgb
    return torch.from_numpy(scene).permute(2, 0, 1).contiguous()


def beside(rgb: NDArray[np.uint8], mask: NDArray[np.uint8]) -> Tensor:
    """The wider part of the picture left or right of its person: uint8 (3,H,w); `background` where both are thin."""
    columns = np.flatnonzero(mask.max(axis=0) > EMPTY)
    first, end = (columns[0], columns[-1] + 1) if len(columns) else (0, 0)
    left, right = rgb[:, : max(0, first - MARGIN_PX)], rgb[:, end + MARGIN_PX :]
    strip = left if left.shape[1] > right.shape[1] else right
    if strip.shape[1] < rgb.shape[1] / 8:
        return background(rgb, mask)
    return torch.from_numpy(strip).permute(2, 0, 1).contiguous()


def row(strips: Sequence[Tensor]) -> Tensor:
    """Pictures (3,H,w) of any size side by side, as high as the first: uint8 (3,H,W); the left of panoramas."""
    height = strips[0].shape[1]
    strips = [one[:, :, : WIDEST * one.shape[1]] for one in strips]
    widths = [max(1, round(one.shape[2] * height / one.shape[1])) for one in strips]
    same = [T.resize(one.float(), [height, width]) for one, width in zip(strips, widths, strict=True)]
    return torch.cat(same, dim=2).round_().to(torch.uint8)


def fill(rgb: NDArray[np.uint8], known: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Keep the pixels where `known` is 1 and fill the others smoothly from them.

    Source: the pull-push pyramid of Gortler et al., "The Lumigraph", SIGGRAPH 1996.
    """
    weight = known.astype(np.float32)
    pulled: list[tuple[Array, Array]] = [(rgb.astype(np.float32) * weight[..., None], weight)]
    while min(pulled[-1][1].shape) > 2:
        pulled.append((_half(pulled[-1][0]), _half(pulled[-1][1])))
    colour, weight = pulled.pop()
    mean = colour.sum(axis=(0, 1)) / max(float(weight.sum()), 1e-6)
    filled: Array = np.where(weight[..., None] > 1e-6, colour / np.maximum(weight, 1e-6)[..., None], mean)
    for colour, weight in reversed(pulled):
        up = cv2.resize(filled, weight.shape[::-1], interpolation=cv2.INTER_LINEAR)
        filled = colour + (1 - weight)[..., None] * up
    return np.clip(filled + 0.5, 0, 255).astype(np.uint8)


def put_before(people: Tensor, behind: Tensor) -> Tensor:
    """The people of one canvas (4,H,W), and their mask, before the picture of another."""
    alpha = people[3:].float() / 255
    seen = people[:3] * alpha + behind[:3] * (1 - alpha) + 0.5
    return torch.cat([seen.to(torch.uint8), people[3:]])


def tinted(canvas: Tensor, share: float, gain: float) -> Tensor:
    """A canvas (4,H,W) with its people drawn by `share` to the mean colour behind them, their contrast times `gain`."""
    rgb, alpha = canvas[:3].float(), canvas[3:].float() / 255
    people, behind = (_mean(rgb, weight) for weight in (alpha, 1 - alpha))
    toned = ((rgb - people) * gain + people + (behind - people) * share).clamp(0, 255)
    seen = toned * alpha + rgb * (1 - alpha) + 0.5
    return torch.cat([seen.to(torch.uint8), canvas[3:]])


def lay_over(canvas: Tensor, layer: Tensor, top: int, left: int) -> Tensor:
    """uint8 RGBA `layer` (4,h,w) over RGBA `canvas` (4,H,W), cut at its edges; coverage becomes 1-(1-a)(1-b)."""
    inner, outer = _overlap(canvas, layer, top, left)
    result = canvas.clone()
    over, under = layer[inner].float(), canvas[outer].float()
    alpha = over[3:] / 255
    over[3] = 255
    result[outer] = (over * alpha + under * (1 - alpha) + 0.5).clamp(0, 255).to(torch.uint8)
    return result


def erase(coverage: Tensor, hole: Tensor, top: int, left: int) -> Tensor:
    """uint8 (H,W) coverage less what uint8 (h,w) `hole` covers at that place."""
    inner, outer = _overlap(coverage[None], hole[None], top, left)
    result = coverage.clone()
    result[outer[1:]] = (coverage[outer[1:]].float() * (1 - hole[inner[1:]].float() / 255)).to(torch.uint8)
    return result


def _mean(rgb: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean colour of (3,H,W): (3,1,1)."""
    return (rgb * weight).sum((1, 2), keepdim=True) / weight.sum().clamp(min=1e-6)


def _overlap(canvas: Tensor, layer: Tensor, top: int, left: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where the two meet, as slices of the layer and of the canvas."""
    rows, columns = _span(top, layer.shape[1], canvas.shape[1]), _span(left, layer.shape[2], canvas.shape[2])
    inner = (slice(None), slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
    return inner, (slice(None), rows, columns)


def _span(start: int, length: int, limit: int) -> slice:
    first = min(max(0, start), limit)
    return slice(first, max(first, min(limit, start + length)))


def _shrunk(region: NDArray[np.bool_], margin_px: int) -> NDArray[np.uint8]:
    """1 where the whole square of `margin_px` around lies in the region."""
    square = np.ones((2 * margin_px + 1, 2 * margin_px + 1), np.uint8)
    return np.asarray(cv2.erode(region.astype(np.uint8), square), np.uint8)


def _half(array: Array) -> Array:
    """Half the size by the mean of 2x2 blocks."""
    size = (array.shape[1] // 2, array.shape[0] // 2)
    return np.asarray(cv2.resize(array, size, interpolation=cv2.INTER_AREA), np.float32)
