"""What is drawn over a live picture, and what lies under a transparent one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bgdl import compose, convert
from bgdl.opencv import cv2

_SQUARE_PX = 16
GREEN = (0, 177, 64)


def opaque(picture: Tensor, *, under: str = "checkerboard") -> Tensor:
    """uint8 (H,W,1|3|4) -> uint8 (H,W,3); what is transparent lies over a "checkerboard" or over "green"."""
    if picture.shape[-1] == 1:
        return picture.expand(-1, -1, 3).contiguous()
    if picture.shape[-1] == 3:
        return picture
    below = checkerboard(picture.shape[:2]) if under == "checkerboard" else torch.tensor(GREEN, dtype=torch.uint8)
    return compose.blend(picture[..., :3], below.to(picture.device), convert.to_unit(picture[..., 3:]))


def checkerboard(size_hw: Sequence[int]) -> Tensor:
    """uint8 (H,W,3): light and dark grey squares."""
    rows = torch.arange(size_hw[0])[:, None] // _SQUARE_PX
    columns = torch.arange(size_hw[1])[None] // _SQUARE_PX
    return torch.where((rows + columns) % 2 == 0, 200, 150).to(torch.uint8)[..., None].repeat(1, 1, 3)


def write_lines(picture: Tensor, lines: Sequence[str]) -> Tensor:
    """The picture with lines of text at its top left, white on a dark rim; uint8 (H,W,3)."""
    canvas = np.ascontiguousarray(picture.numpy()).copy()
    scale = max(0.7, picture.shape[0] / 540)
    for number, line in enumerate(lines, start=1):
        place = (round(12 * scale), round(26 * scale * number))
        for colour, width in (((0, 0, 0), 4), ((255, 255, 255), 1)):
            cv2.putText(
                canvas, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.7 * scale, colour, round(width * scale) or 1,
                cv2.LINE_AA,
            )  # fmt: skip
    return torch.from_numpy(canvas)


def draw_box(picture: Tensor, box: tuple[int, int, int, int]) -> Tensor:
    """The picture with a red rectangle: left, top, right, bottom in px."""
    canvas = np.ascontiguousarray(picture.numpy()).copy()
    left, top, right, bottom = box
    cv2.rectangle(canvas, (left, top), (right - 1, bottom - 1), (255, 0, 0), 2)
    return torch.from_numpy(canvas)
