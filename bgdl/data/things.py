"""What is drawn for training pictures: things that are nobody (signs, lamps, wheels, railings), plain backgrounds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bgdl.data.chance import between, chance
from bgdl.opencv import cv2

Shape = NDArray[np.uint8]
_FINE = 2  # shapes are drawn so many times larger, for soft edges


def draw_thing(texture: Tensor) -> Tensor:
    """A random thing of `texture`, uint8 RGB (3,h,w), lit from one side: uint8 RGBA (4,h,w)."""
    height, width = texture.shape[1:]
    shape = np.zeros((height * _FINE, width * _FINE), np.uint8)
    _DRAWN[int(torch.randint(len(_DRAWN), ()))](shape)
    cover = np.asarray(cv2.resize(shape, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    contrast = between(-0.6, 0.6)
    light = torch.linspace(1 - contrast, 1 + contrast, width) * between(0.4, 1.3)
    lit = (texture.float() * light).clamp(0, 255).to(torch.uint8)
    return torch.cat([lit, torch.from_numpy(cover)[None]])


def plain_background(size: int) -> Tensor:
    """A plain, gradient or textured picture: uint8 (3,size,size)."""
    colour = _plain_colour()
    kind = int(torch.randint(3, ()))
    if kind == 0:
        picture = colour.expand(3, size, size)
    elif kind == 1:
        corners = colour[None] + (torch.rand(1, 3, 2, 2) - 0.5) * 200
        picture = _grow(corners, size)
    else:
        picture = colour.expand(3, size, size).clone()
        for cells in (4, 16, 64):
            picture = picture + _grow((torch.rand(1, 3, cells, cells) - 0.5) * 120, size)
    return (picture + torch.randn(3, size, size) * between(0, 4)).clamp(0, 255).to(torch.uint8)


def _blob(shape: Shape) -> None:
    rows, columns = shape.shape
    angles = np.sort(_many(int(between(4, 10)), 0, 2 * np.pi))
    radii = _many(len(angles), 0.5, 1.0)
    x, y = columns / 2 * (1 + radii * np.cos(angles)), rows / 2 * (1 + radii * np.sin(angles))
    cv2.fillPoly(shape, [np.stack([x, y], axis=1).astype(np.int32)], 255)


def _disc(shape: Shape) -> None:
    _ellipse(shape, -1)


def _wheel(shape: Shape) -> None:
    rim = max(2, int(min(shape.shape) * between(0.06, 0.2)))
    (x, y), axes = _ellipse(shape, rim)
    for angle in _many(int(between(0, 7)), 0, np.pi):
        spoke = int(axes[0] * np.cos(angle)), int(axes[1] * np.sin(angle))
        cv2.line(shape, (x - spoke[0], y - spoke[1]), (x + spoke[0], y + spoke[1]), 255, max(1, rim // 3))


def _board(shape: Shape) -> None:
    shape[:] = 255
    if chance(0.3):  # only its frame
        rim = max(1, int(min(shape.shape) * between(0.08, 0.3)))
        shape[rim:-rim, rim:-rim] = 0


def _pole(shape: Shape) -> None:
    """With up to two signs or lamps."""
    rows, columns = shape.shape
    x, half = int(columns * between(0.2, 0.8)), max(1, int(columns * between(0.03, 0.15)))
    shape[:, max(0, x - half) : x + half] = 255
    for _ in range(int(between(0, 3))):
        top, tall = int(rows * between(0, 0.4)), int(rows * between(0.1, 0.3))
        if chance(0.5):
            shape[top : top + tall, int(columns * between(0, 0.4)) : int(columns * between(0.6, 1))] = 255
        else:
            cv2.circle(shape, (x, top + tall // 2), max(2, min(columns, tall) // 2), 255, -1)


def _arch(shape: Shape) -> None:
    _vault(shape, 0, 255)
    if chance(0.5):  # open
        _vault(shape, max(2, int(shape.shape[1] * between(0.08, 0.25))), 0)


def _vault(shape: Shape, inset: int, value: int) -> None:
    rows, columns = shape.shape
    rise = min(rows - 1, columns // 2)
    axes = max(1, columns // 2 - inset), max(1, rise - inset)
    cv2.ellipse(shape, (columns // 2, rise), axes, 0, 180, 360, value, -1)
    shape[rise:, inset : columns - inset] = value


def _bars(shape: Shape) -> None:
    """A railing, or the planks of a bench, with or without its rails."""
    field = shape if chance(0.5) else shape.T
    length, count = field.shape[1], int(between(2, 9))
    for x in np.linspace(0, length * 0.97, count).astype(int):
        field[:, x : x + max(2, int(length / count * 0.35))] = 255
    rail = max(2, int(min(shape.shape) * 0.06))
    if chance(0.7):
        field[:rail] = 255
    if chance(0.7):
        field[-rail:] = 255


_DRAWN: tuple[Callable[[Shape], None], ...] = (_blob, _blob, _disc, _wheel, _board, _board, _pole, _pole, _arch, _bars)


def _ellipse(shape: Shape, line: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """As large as fits, filled (-1) or a line so thick; its centre and axes."""
    rows, columns = shape.shape
    centre, inset = (columns // 2, rows // 2), max(1, line // 2)
    axes = max(1, columns // 2 - inset), max(1, rows // 2 - inset)
    cv2.ellipse(shape, centre, axes, 0, 0, 360, 255, line)
    return centre, axes


def _many(count: int, low: float, high: float) -> NDArray[np.float32]:
    return np.asarray(low + (high - low) * torch.rand(count).numpy(), np.float32)


def _plain_colour() -> Tensor:
    """(3,1,1) in 0..255: any colour; or, as in frames that nothing has been filmed in yet, black, white or a grey."""
    if chance(0.6):
        return torch.rand(3, 1, 1) * 255
    levels = (0.0, 255.0, between(0, 255))
    return torch.full((3, 1, 1), levels[int(torch.randint(3, ()))])


def _grow(values: Tensor, size: int) -> Tensor:
    return torch.nn.functional.interpolate(values, (size, size), mode="bilinear", align_corners=True)[0]
