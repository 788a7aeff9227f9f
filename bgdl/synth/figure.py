"""A drawn person with hair, face and clothes, whose coverage is known exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bgdl.synth.brush import Brush, Colour, Point, shaded

# One unit is a hundredth of the person's height; (0,0) is the top of the head on the body's axis.
WIDTH, HEIGHT = 56.0, 104.0
_SKINS: tuple[Colour, ...] = ((238, 200, 172), (214, 160, 122), (160, 106, 74), (104, 68, 48))
_HAIRS: tuple[Colour, ...] = ((44, 32, 28), (92, 58, 34), (176, 128, 66), (134, 62, 36))
_TOPS: tuple[Colour, ...] = ((186, 62, 52), (52, 96, 150), (70, 122, 88), (208, 160, 60), (112, 84, 140))
_TROUSERS: tuple[Colour, ...] = ((48, 58, 82), (66, 62, 60), (134, 118, 94), (40, 44, 48))


@dataclass(frozen=True)
class Person:
    """How somebody looks; `draw_looks` makes one of a seed."""

    skin: Colour
    hair: Colour
    top: Colour
    trousers: Colour
    long_hair: bool
    striped: bool
    seed: int


def draw_looks(seed: int) -> Person:
    """A person by number: the same number, the same person."""
    rng = np.random.default_rng(seed)
    skin, hair, top, trousers = (
        colours[int(rng.integers(len(colours)))] for colours in (_SKINS, _HAIRS, _TOPS, _TROUSERS)
    )
    return Person(skin, hair, top, trousers, bool(rng.random() < 0.5), bool(rng.random() < 0.5), seed)


def draw_person(person: Person, *, height_px: int, phase: float | None = None) -> NDArray[np.uint8]:
    """The person walking to the right, or standing where `phase` is None.

    phase: of the walk, 0..1 for two steps. Returns uint8 (H,W,4), straight RGBA, H about `height_px`, with a
    margin for the hair and the step; soft edges are exact coverage.
    """
    scale = height_px / HEIGHT
    size_hw = (math.ceil(HEIGHT * scale), math.ceil(WIDTH * scale))
    brush = Brush(size_hw, scale=scale, origin=(size_hw[1] / 2, 2 * scale))
    swing = 0.0 if phase is None else math.sin(2 * math.pi * phase)
    lift = 0.0 if phase is None else math.cos(2 * math.pi * phase)
    _arm(brush, person, -1, swing)
    _leg(brush, person, -1, -swing, max(0.0, -lift), moving=phase is not None)
    _leg(brush, person, 1, swing, max(0.0, lift), moving=phase is not None)
    _torso(brush, person)
    if person.long_hair:
        _long_hair(brush, person)
    _neck(brush, person)
    _head(brush, person)
    _arm(brush, person, 1, -swing)
    colour, cover = brush.picture()
    rgba = np.concatenate((np.clip(colour + 0.5, 0, 255), cover * 255 + 0.5), axis=-1)
    return np.asarray(rgba, dtype=np.uint8)


def _leg(brush: Brush, person: Person, side: int, swing: float, lift: float, *, moving: bool) -> None:
    hip = (3.6 * side, 50.0)
    knee = (hip[0] + 0.5 * side + 6.5 * swing + (2.5 * lift if moving else 0), 72.5 - lift)
    ankle = (knee[0] + 5.5 * swing - 5 * lift, 93.5 - 1.5 * abs(swing) - 3 * lift)
    cloth = shaded(person.trousers, 0.82 if side < 0 else 1.0)
    x, y = ankle
    shoe = [(-2.7, 0.6), (-3.1, 4.2), (5.0, 4.4), (5.4, 3.0), (2.6, 1.4), (1.8, -0.4), (-2.0, -0.4)]
    brush.polygon([(x + dx, y + dy) for dx, dy in shoe], (62, 54, 52), volume=0.4, smooth=True)
    brush.limb([(x - 2.5, y + 4.6), (x + 4.7, y + 4.7)], [0.65, 0.6], (226, 222, 214))
    brush.limb([hip, knee, ankle], [5.4, 3.9, 2.7], cloth, volume=0.4)
    brush.stroke([(knee[0] - 2, knee[1] - 0.5), (knee[0] + 1.5, knee[1] + 1)], 0.25, shaded(cloth, 0.75))


def _arm(brush: Brush, person: Person, side: int, swing: float) -> None:
    shoulder = (8.6 * side, 22.0)
    elbow = (shoulder[0] + 2.2 * side + 4.5 * swing, 35.0)
    wrist = (elbow[0] + 0.4 * side + 6 * max(swing, -0.4) + 1.0, 46.5 - 2.5 * abs(swing))
    cloth = shaded(person.top, 0.8 if side < 0 else 1.0)
    hand = (wrist[0] + 0.5 + swing, wrist[1] + 2.4)
    brush.limb([wrist, hand], [1.5, 1.9], person.skin, volume=0.4)
    brush.limb([(hand[0] + 0.6, hand[1] - 0.6), (hand[0] + 1.7, hand[1] + 1.6)], [0.8, 0.55], person.skin, volume=0.3)
    brush.limb([shoulder, elbow, wrist], [3.5, 2.9, 2.2], cloth, volume=0.4)
    brush.limb([(wrist[0] - 0.2, wrist[1] - 0.6), wrist], [2.3, 2.2], shaded(cloth, 0.8), volume=0.3)


def _torso(brush: Brush, person: Person) -> None:
    right: list[Point] = [(3, 16.8), (8.6, 18.8), (11.2, 22.5), (9.4, 32), (8.4, 41), (9.3, 53)]
    outline = [*right, *((-x, y) for x, y in reversed(right))]
    brush.polygon(outline, person.top, volume=0.35, smooth=True)
    if person.striped:
        for y in (25.0, 29.4, 33.8, 38.2, 42.6, 47.0):
            brush.stroke([(-12, y - 0.5), (0, y + 0.9), (12, y - 0.5)], 1.5, _lighter(person.top, 0.55), inside=True)
    brush.stroke([(0.8, 19), (1.1, 35), (0.9, 52.6)], 0.35, shaded(person.top, 0.6))
    brush.stroke([(-12, 51.4), (0, 52.5), (12, 51.4)], 1.0, shaded(person.top, 0.75), inside=True)


def _neck(brush: Brush, person: Person) -> None:
    brush.limb([(0.3, 12), (0.2, 18.2)], [2.5, 2.9], shaded(person.skin, 0.82), volume=0.3)
    brush.polygon(
        [(-3.4, 16.6), (0.3, 20.6), (3.8, 16.6), (4.6, 18.4), (0.4, 23.2), (-4.4, 18.4)], _lighter(person.top, 0.3)
    )


def _head(brush: Brush, person: Person) -> None:
    ear = (-4.3, 8.9)
    jaw = [(-4.6, 5), (-4.5, 9.5), (-2.8, 13.4), (0.6, 15.2), (3.4, 13.5), (4.8, 9.6), (4.9, 5.5), (0, 1.2)]
    brush.polygon(jaw, person.skin, volume=0.3, smooth=True)
    for x, narrow in ((-0.5, 1.0), (3.2, 0.85)):
        brush.ellipse((x, 8.1), (0.95 * narrow, 0.55), (246, 244, 240))
        brush.ellipse((x + 0.3, 8.1), (0.45 * narrow, 0.5), (60, 42, 30))
        brush.stroke([(x - 1.1, 6.8), (x, 6.4), (x + 1.0, 6.7)], 0.36, shaded(person.hair, 0.85))
        brush.stroke([(x - 0.9, 7.8), (x, 7.5), (x + 0.9, 7.8)], 0.2, (50, 36, 30))
    brush.stroke([(2.0, 8.4), (2.7, 10.1), (1.9, 10.6)], 0.34, shaded(person.skin, 0.6))
    brush.stroke([(0.2, 12.2), (1.6, 12.7), (3.0, 12.1)], 0.5, _mix(person.skin, (170, 52, 56), 0.6))
    brush.ellipse(ear, (0.9, 1.5), shaded(person.skin, 0.9), volume=0.3)
    _hair(brush, person)


def _hair(brush: Brush, person: Person) -> None:
    cap = [(-4.3, 9), (-5.6, 5.5), (-4.8, 1.4), (-1.2, -0.6), (3.2, 0), (5.4, 3), (5.2, 6.4), (4.0, 4.2), (0.5, 4.6)]
    brush.polygon([*cap, (-2.8, 5.6), (-3.4, 8.4)], person.hair, volume=0.35, smooth=True)
    rng = np.random.default_rng(person.seed + 1)
    for angle in np.linspace(math.pi * 0.95, math.pi * 1.98, 40):
        start = (0.1 + 5.0 * math.cos(angle), 4.9 + 5.2 * math.sin(angle))
        drift = math.copysign(1.0, math.cos(angle)) * math.pi / 2 * float(rng.uniform(0.45, 0.95))
        length = float(rng.uniform(1.2, 3.4))
        end = (start[0] + length * math.cos(angle + drift), start[1] + length * math.sin(angle + drift))
        middle = ((start[0] + end[0]) / 2 + 0.35 * math.cos(angle), (start[1] + end[1]) / 2 + 0.35 * math.sin(angle))
        shade = shaded(person.hair, float(rng.uniform(0.8, 1.2)))
        brush.stroke([start, middle, end], float(rng.uniform(0.08, 0.2)), shade)
    for shift in np.linspace(-3.4, 3.4, 9):
        shine = _lighter(person.hair, float(rng.uniform(0.05, 0.22)))
        brush.stroke([(shift * 0.5, 0.6), (shift, 1.8), (shift * 1.25, 3.8)], 0.22, shine)


def _long_hair(brush: Brush, person: Person) -> None:
    fall = [(-5.2, 4), (-6.6, 12), (-7.4, 22), (-5.6, 28), (-3.0, 22), (3.0, 18), (5.8, 24), (6.2, 13), (5, 4), (0, 0)]
    brush.polygon(fall, shaded(person.hair, 0.85), volume=0.35, smooth=True)
    rng = np.random.default_rng(person.seed + 2)
    for x in (*np.linspace(-7, -3.6, 20), *np.linspace(3.8, 6, 12)):
        end = (x * 1.14 + float(rng.normal(0, 0.9)), float(rng.uniform(22, 31)) - 0.3 * abs(x))
        shade = shaded(person.hair, float(rng.uniform(0.7, 1.2)))
        brush.stroke([(x * 0.75, 6), (x * 1.05, 15), end], float(rng.uniform(0.1, 0.3)), shade)


def _lighter(colour: Colour, share: float) -> Colour:
    return _mix(colour, (255, 255, 255), share)


def _mix(colour: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue
