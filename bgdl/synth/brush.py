"""Drawing with soft, exact coverage: shapes painted large with volume and texture, then averaged down."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bgdl.opencv import cv2

Colour = tuple[int, int, int]  # 0..255 RGB
Point = tuple[float, float]  # x, y in units of the drawing
Picture = NDArray[np.float32]
Outline = NDArray[np.int32]  # (M,2)
Box = tuple[slice, slice]

_LIGHT = (-0.6, -0.8)  # where the light comes from
_STEPS = 12  # of a curve from one of its points to the next


class Brush:
    """A transparent canvas of `size_hw` px that shapes are painted on.

    scale: px for one unit of the drawing. origin: where the drawing's (0,0) lies, in px.
    oversampling: how many times larger the shapes are painted.
    """

    def __init__(
        self, size_hw: tuple[int, int], *, scale: float, origin: Point = (0.0, 0.0), oversampling: int = 4
    ) -> None:
        self._size_hw = size_hw
        self._scale = scale * oversampling
        self._origin = np.array(origin) * oversampling
        shape = (size_hw[0] * oversampling, size_hw[1] * oversampling)
        self._colour = np.zeros((*shape, 3), dtype=np.float32)  # premultiplied, 0..255
        self._cover = np.zeros((*shape, 1), dtype=np.float32)
        self._last: tuple[Box, NDArray[np.uint8]] = ((slice(0, 0), slice(0, 0)), np.zeros((0, 0), dtype=np.uint8))

    def polygon(self, points: Sequence[Point], colour: Colour, *, volume: float = 0.0, smooth: bool = False) -> None:
        """Fill a closed outline; `smooth` bends it through its points; `volume` is the depth of its shading, 0..1."""
        self._fill([self._px(catmull_rom(points) if smooth else points)], colour, volume)

    def limb(self, points: Sequence[Point], radii: Sequence[float], colour: Colour, *, volume: float = 0.0) -> None:
        """A chain of tapered capsules through `points`, as thick as `radii` at each."""
        parts = []
        for start, end, first, second in zip(points, points[1:], radii, radii[1:], strict=False):
            rings = np.concatenate([_circle(start, first), _circle(end, second)])
            parts.append(np.asarray(cv2.convexHull(self._px(rings)), dtype=np.int32)[:, 0])
        self._fill(parts, colour, volume)

    def ellipse(self, centre: Point, radii: Point, colour: Colour, *, volume: float = 0.0) -> None:
        """A filled upright ellipse."""
        self._fill([self._px(_circle((0, 0), 1.0, count=64) * np.array(radii) + np.array(centre))], colour, volume)

    def stroke(self, points: Sequence[Point], width: float, colour: Colour, *, inside: bool = False) -> None:
        """A smooth line of an even width (in units) through `points`; `inside` keeps it on the last filled shape."""
        line = self._px(catmull_rom(points, closed=False))
        thickness = max(1, round(width * self._scale))
        box = self._box(line, margin=thickness)
        if box is None:
            return
        mask = self._blank(box)
        cv2.polylines(mask, [line - (box[1].start, box[0].start)], False, 1, thickness)
        self._lay(mask & self._stencil(box) if inside else mask, box, colour, 0.0)

    def picture(self) -> tuple[Picture, Picture]:
        """Straight colour, float32 (H,W,3) of 0..255, and coverage, float32 (H,W,1) in [0,1]."""
        size_wh = self._size_hw[::-1]
        colour = cv2.resize(self._colour, size_wh, interpolation=cv2.INTER_AREA)
        cover = cv2.resize(self._cover, size_wh, interpolation=cv2.INTER_AREA)[..., None]
        straight = colour / np.maximum(cover, 1e-6)
        return np.asarray(straight, dtype=np.float32), np.asarray(cover, dtype=np.float32)

    def _px(self, points: Sequence[Point] | NDArray[np.float64]) -> Outline:
        return np.asarray(np.round(np.asarray(points) * self._scale + self._origin), dtype=np.int32)

    def _fill(self, outlines: Sequence[Outline], colour: Colour, volume: float) -> None:
        box = self._box(np.concatenate(outlines), margin=1)
        if box is None:
            return
        mask = self._blank(box)
        for outline in outlines:
            cv2.fillPoly(mask, [outline - (box[1].start, box[0].start)], 1)
        self._last = box, mask
        self._lay(mask, box, colour, volume)

    def _box(self, points: Outline, *, margin: int) -> Box | None:
        """The part of the canvas that the points touch, or None."""
        left, top = np.maximum(points.min(axis=0) - margin, 0)
        right, bottom = np.minimum(points.max(axis=0) + margin + 1, self._cover.shape[1::-1])
        return (slice(int(top), int(bottom)), slice(int(left), int(right))) if left < right and top < bottom else None

    def _stencil(self, box: Box) -> NDArray[np.uint8]:
        """The last filled shape, seen through `box`."""
        (rows, columns), shape = self._last
        stencil = np.zeros(self._cover.shape[:2], dtype=np.uint8)
        stencil[rows, columns] = shape
        return stencil[box]

    @staticmethod
    def _blank(box: Box) -> NDArray[np.uint8]:
        return np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), dtype=np.uint8)

    def _lay(self, mask: NDArray[np.uint8], box: Box, colour: Colour, volume: float) -> None:
        inside = mask[..., None].astype(np.float32)
        paint = np.array(colour, dtype=np.float32)
        if volume:
            paint = np.clip(paint * (1 + volume * _shading(mask))[..., None], 0, 255)
        self._colour[box] = self._colour[box] * (1 - inside) + paint * inside
        self._cover[box] = np.maximum(self._cover[box], inside)


def catmull_rom(points: Sequence[Point], *, closed: bool = True) -> NDArray[np.float64]:
    """A curve through `points`, `_STEPS` points for each of its pieces: float64 (M,2)."""
    knots = np.asarray(points, dtype=np.float64)
    padded = np.concatenate([knots[-1:], knots, knots[:2]] if closed else [knots[:1], knots, knots[-1:]])
    t = np.linspace(0, 1, _STEPS, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    pieces += [] if closed else [knots[-1:]]
    curve: NDArray[np.float64] = np.concatenate(pieces)
    return curve


def _circle(centre: Point, radius: float, count: int = 24) -> NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    ring: NDArray[np.float64] = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius + np.array(centre)
    return ring


def _shading(mask: NDArray[np.uint8]) -> Picture:
    """-1..1: brighter towards the light, as on a rounded body whose outline is the mask."""
    step = max(1, round(min(mask.shape) / 64))
    small = cv2.resize(mask.astype(np.float32), None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
    depth = max(1.0, min(small.shape) / 3)
    soft = cv2.GaussianBlur(small, (0, 0), depth, borderType=cv2.BORDER_CONSTANT)
    slope = cv2.Sobel(soft, cv2.CV_32F, 1, 0) * -_LIGHT[0] + cv2.Sobel(soft, cv2.CV_32F, 0, 1) * -_LIGHT[1]
    light = cv2.resize(np.clip(slope * depth / 2, -1, 1), mask.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(light, dtype=np.float32)


def shaded(colour: Colour, share: float) -> Colour:
    """The colour at `share` of its brightness; above 1 it is brighter."""
    red, green, blue = (min(255, round(value * share)) for value in colour)
    return red, green, blue
