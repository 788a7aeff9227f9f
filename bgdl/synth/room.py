"""A drawn room: the empty scene of synthetic clips."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bgdl.opencv import cv2
from bgdl.synth.brush import Brush, Colour, Point, shaded

_WALLS: tuple[Colour, ...] = ((206, 196, 178), (176, 190, 196), (196, 204, 184), (210, 186, 176))
_BOOKS: tuple[Colour, ...] = (
    (150, 60, 52),
    (54, 88, 120),
    (200, 164, 92),
    (86, 110, 78),
    (224, 214, 196),
    (70, 62, 76),
)
_FLOOR_Y = 74.0  # of 100 units of height: where the wall ends


def draw_room(size_hw: tuple[int, int], *, seed: int = 0) -> NDArray[np.uint8]:
    """A living room with a window, shelf, pictures, plant and lamp: uint8 (H,W,3) RGB; by `seed` in other colours."""
    rng = np.random.default_rng(seed)
    height, width = size_hw
    scale = height / 100
    brush = Brush(size_hw, scale=scale, oversampling=2)
    right = width / scale
    wall = _WALLS[int(rng.integers(len(_WALLS)))]
    _shell(brush, wall, right)
    _window(brush, 0.06 * right)
    _pictures(brush, rng, 0.42 * right)
    _shelf(brush, rng, 0.66 * right)
    _lamp(brush, 0.60 * right)
    _plant(brush, rng, 0.93 * right)
    colour, cover = brush.picture()
    return _lit(colour * cover, rng)


def _shell(brush: Brush, wall: Colour, right: float) -> None:
    brush.polygon([(-2, -2), (right + 2, -2), (right + 2, _FLOOR_Y), (-2, _FLOOR_Y)], wall)
    for x in np.arange(2.0, right, 4.0).tolist():
        brush.stroke([(x, 0.0), (x, _FLOOR_Y)], 0.22, shaded(wall, 0.965))
    brush.polygon([(-2, _FLOOR_Y), (right + 2, _FLOOR_Y), (right + 2, 102), (-2, 102)], (150, 112, 78))
    middle = right / 2
    for x in np.linspace(-2.2 * right, 3.2 * right, 46).tolist():
        brush.stroke([(middle + (x - middle) * 0.42, _FLOOR_Y), (x, 101.0)], 0.22, (116, 84, 58))
    for x in np.linspace(-2.2 * right, 3.2 * right, 46).tolist()[::3]:
        brush.stroke([(middle + (x - middle) * 0.62, 83.0), (middle + (x - middle) * 0.7, 87.0)], 0.5, (132, 98, 66))
    brush.polygon(_box(-2, _FLOOR_Y - 3.2, right + 4, 3.2), (232, 228, 220))
    brush.stroke([(-2, _FLOOR_Y), (right + 2, _FLOOR_Y)], 0.5, (98, 72, 50))
    rug = [(middle - 0.26 * right, 96.0), (middle - 0.2 * right, 82.0), (middle + 0.2 * right, 82.0)]
    brush.polygon([*rug, (middle + 0.26 * right, 96.0)], (128, 70, 66))
    brush.polygon(
        [(x * 0.88 + middle * 0.12, 84 + (y - 82) * 0.72) for x, y in [*rug, (middle + 0.26 * right, 96.0)]],
        (168, 112, 92),
    )


def _window(brush: Brush, left: float) -> None:
    wide, top, tall = 34.0, 10.0, 40.0
    brush.polygon(_box(left - 2, top - 2, wide + 4, tall + 4), (242, 240, 234))
    for step in range(20):
        share = step / 19
        sky = (round(146 + 84 * share), round(190 + 42 * share), round(226 + 12 * share))
        brush.polygon(_box(left, top + step * tall / 20, wide, tall / 20 + 0.2), sky)
    hill: list[Point] = [(left, 40), (left + 9, 33), (left + 20, 38), (left + 34, 30), (left + 34, 50), (left, 50)]
    brush.polygon(hill, (122, 152, 108))
    brush.polygon(_box(left + wide / 2 - 0.7, top, 1.4, tall), (242, 240, 234))
    brush.polygon(_box(left, top + tall * 0.42, wide, 1.2), (242, 240, 234))
    for side in (left - 4, left + wide - 4.5):
        for fold in range(5):
            brush.polygon(
                _box(side + fold * 1.7, top - 4, 1.75, tall + 13), shaded((170, 92, 80), 0.82 + 0.09 * (fold % 3))
            )
    brush.limb([(left - 6, top - 4.5), (left + wide + 6, top - 4.5)], [0.7, 0.7], (92, 70, 54), volume=0.3)


def _pictures(brush: Brush, rng: np.random.Generator, left: float) -> None:
    for number, (x, y, wide, tall) in enumerate(((0, 12, 15, 20), (18, 16, 11, 11), (18, 30, 11, 8))):
        brush.polygon(_box(left + x, y, wide, tall), (62, 50, 44))
        brush.polygon(_box(left + x + 1, y + 1, wide - 2, tall - 2), (236, 230, 218))
        paint = _BOOKS[(number * 2 + int(rng.integers(3))) % len(_BOOKS)]
        brush.polygon(_box(left + x + 2.2, y + 2.2, wide - 4.4, tall - 4.4), paint)
        brush.ellipse(
            (left + x + wide * 0.55, y + tall * 0.52), (wide * 0.18, wide * 0.18), shaded(paint, 1.5), volume=0.2
        )


def _shelf(brush: Brush, rng: np.random.Generator, left: float) -> None:
    wide = 34.0
    brush.polygon(_box(left, 26, wide, _FLOOR_Y - 24), (112, 80, 56), volume=0.1)
    for top in (28.0, 43.5, 59.0):
        brush.polygon(_box(left + 1.5, top, wide - 3, 14), (78, 56, 42))
        x = left + 2.5
        while x < left + wide - 5:
            thick, tall = float(rng.uniform(1.2, 2.6)), float(rng.uniform(8, 12.5))
            if rng.random() < 0.16:
                x += 3.5
                continue
            colour = shaded(_BOOKS[int(rng.integers(len(_BOOKS)))], float(rng.uniform(0.85, 1.12)))
            brush.polygon(_box(x, top + 14 - tall, thick, tall), colour, volume=0.25)
            brush.stroke(
                [(x + 0.2, top + 16.5 - tall), (x + thick - 0.2, top + 16.5 - tall)], 0.35, shaded(colour, 1.35)
            )
            x += thick + 0.15


def _lamp(brush: Brush, x: float) -> None:
    brush.limb([(x, 36), (x, 78)], [0.55, 0.55], (56, 52, 50), volume=0.3)
    brush.ellipse((x, 78.6), (4.6, 1.2), (56, 52, 50), volume=0.3)
    brush.polygon([(x - 3, 26), (x + 3, 26), (x + 6, 37), (x - 6, 37)], (244, 226, 178), volume=0.15)


def _plant(brush: Brush, rng: np.random.Generator, x: float) -> None:
    for angle in np.linspace(-1.25, 1.25, 17).tolist():
        length, bend = float(rng.uniform(22, 34)), float(rng.uniform(4, 9))
        tip = (x + length * math.sin(angle), 66 - length * math.cos(angle) + bend * abs(math.sin(angle)))
        middle = (x + 0.5 * length * math.sin(angle) * 0.8, 66 - 0.62 * length * math.cos(angle))
        green = (round(rng.uniform(52, 88)), round(rng.uniform(104, 140)), round(rng.uniform(52, 76)))
        brush.limb([(x, 68), middle, tip], [0.5, 1.5, 0.15], green, volume=0.35)
        brush.stroke([(x, 68), middle, tip], 0.18, shaded(green, 1.3))
    brush.polygon([(x - 6.4, 67), (x + 6.4, 67), (x + 4.8, 82), (x - 4.8, 82)], (186, 108, 74), volume=0.35)
    brush.polygon(_box(x - 7, 65.6, 14, 2.6), (200, 122, 86), volume=0.3)


def _lit(colour: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Light from the window, darker corners, and the fine grain of walls and wood."""
    height, width = colour.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    distance = np.hypot((x - 0.2 * width) / width, (y - 0.35 * height) / height)
    light = 1.08 - 0.3 * distance
    grain = rng.normal(0, 1, (height, width)).astype(np.float32)
    grain = 2.2 * np.asarray(cv2.GaussianBlur(grain, (0, 0), 1.2), dtype=np.float32) + 0.8 * grain
    return np.asarray(np.clip(colour * light[..., None] + grain[..., None] + 0.5, 0, 255), dtype=np.uint8)


def _box(left: float, top: float, wide: float, tall: float) -> list[Point]:
    return [(left, top), (left + wide, top), (left + wide, top + tall), (left, top + tall)]
