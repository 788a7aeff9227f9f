"""Synthetic clips with exact ground truth: subjects composited over a scene by mattes that are known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from bgdl import checks
from bgdl.errors import InputError
from bgdl.opencv import cv2
from bgdl.synth.scene import Scene
from bgdl.synth.subject import Rgba, Subject

Frame = NDArray[np.uint8]  # (H,W,3) RGB
Matte = NDArray[np.uint8]  # (H,W,1) coverage
_FLOOR = 0.965  # of the frame's height: where grounded subjects stand
_ENTER, _LEAVE = 0.4, 0.62  # of a subject's time: it walks in, stands between the two, walks out


MOST_PAN_PX = 20_000
"""How far a camera pans at most: the scene is drawn that much wider."""


@dataclass(frozen=True)
class SynthOptions:
    """What a clip is like.

    size_hw: of the frames. rate: frames a second. duration_s: of the whole clip. lead_in_s: of the empty scene at
    its start. noise: standard deviation of the sensor's noise, in steps of 0..255. drift: how much the light goes
    up and down, as a share. shadow: how dark the shadows are that subjects cast, 0..1. shake_px: standard deviation
    of the camera's place. pan_px_s: how fast the camera pans to the right. seed: of everything random.
    """

    size_hw: tuple[int, int] = (360, 640)
    rate: Fraction = Fraction(25)
    duration_s: float = 10.0
    lead_in_s: float = 2.0
    noise: float = 2.0
    drift: float = 0.0
    shadow: float = 0.3
    shake_px: float = 0.0
    pan_px_s: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.size_hw) < 16:
            raise InputError(f"a clip of {self.size_hw[1]}x{self.size_hw[0]} is too small; use at least 16x16")
        for name in ("duration_s", "lead_in_s", "pan_px_s"):
            object.__setattr__(self, name, checks.number(name, getattr(self, name)))
        for name, most in (("noise", 100), ("drift", 1), ("shadow", 1), ("shake_px", 100)):
            object.__setattr__(self, name, checks.within(name, getattr(self, name), 0, most))
        if abs(self.pan_px_s * self.duration_s) > MOST_PAN_PX:
            raise InputError(
                f"the camera pans {self.pan_px_s * self.duration_s:g} px in total; the limit is {MOST_PAN_PX} px"
            )
        if self.rate <= 0 or self.duration_s <= 0 or not 0 <= self.lead_in_s < self.duration_s:
            raise InputError(
                f"the clip lasts {self.duration_s:g} s at {float(self.rate):g} frames/s with {self.lead_in_s:g} s of "
                "empty scene; the rate must be above 0 and the lead-in shorter than the clip"
            )

    @property
    def frames(self) -> int:
        return max(1, math.floor(self.duration_s * self.rate))


def make_frames(scene: Scene, subjects: Sequence[Subject], options: SynthOptions) -> Iterator[tuple[Frame, Matte]]:
    """The frames of a clip with the coverage that made them, in order; the same options give the same clip."""
    rng = np.random.default_rng(options.seed)
    camera = camera_path(options, rng)
    for index in range(options.frames):
        moment = (float(index / options.rate) - options.lead_in_s) / (options.duration_s - options.lead_in_s)
        layers = [
            _place(subject, _own_time(moment, number, len(subjects)), number, options)
            for number, subject in enumerate(subjects)
        ]
        colours, cover = _compose(scene.view(index, camera[index]), layers, camera[index], options)
        light = 1 + options.drift * math.sin(4 * math.pi * index / options.frames)
        noise = rng.standard_normal(colours.shape, dtype=np.float32) * options.noise
        yield _bytes(colours * light + noise), _bytes(cover * 255)


def empty_scene(scene: Scene, options: SynthOptions) -> Frame:
    """The first frame without subjects, noise and drift."""
    camera = camera_path(options, np.random.default_rng(options.seed))
    return _bytes(scene.view(0, camera[0]))


def camera_path(options: SynthOptions, rng: np.random.Generator) -> NDArray[np.float64]:
    """How far the camera has moved in px, right and down, at each frame: float64 (N,2)."""
    white = rng.standard_normal((options.frames + 16, 2))
    smooth = np.stack([np.convolve(white[:, axis], np.hanning(11), mode="same") for axis in range(2)], axis=1)
    shake = options.shake_px * smooth[8:-8] / max(float(np.sqrt((np.hanning(11) ** 2).sum())), 1e-6)
    pan = options.pan_px_s * np.arange(options.frames) / float(options.rate)
    path: NDArray[np.float64] = shake + np.stack([pan, np.zeros_like(pan)], axis=1)
    return path


def _own_time(moment: float, number: int, count: int) -> float:
    """Each subject starts a little after the one before; below 0 it is not there yet."""
    late = 0.25 * number / max(1, count)
    return (moment - late) / (1 - late)


def _place(subject: Subject, moment: float, number: int, options: SynthOptions) -> tuple[Rgba, float, float] | None:
    """A subject's picture and the px of its left and upper edge; every second one comes from the right."""
    if not 0 <= moment <= 1:
        return None
    height, width = subject.size_hw
    way = options.size_hw[1] + width
    rest = way * (0.52 - 0.2 * (number % 3) / 2)
    distance, moving = _walk(moment, rest, way)
    picture = subject.pose(distance, moving=moving)
    mirrored = number % 2 == 1
    left = options.size_hw[1] - distance if mirrored else distance - width
    foot = _FLOOR * options.size_hw[0] if subject.grounded else options.size_hw[0]
    sway = 0.01 * height * math.sin(40 * moment) if moving and len(subject.walking) == 1 else 0.0
    return (picture[:, ::-1] if mirrored else picture), left, foot - height + abs(sway)


def _walk(moment: float, rest: float, way: float) -> tuple[float, bool]:
    """How far a subject has come, and whether it moves."""
    if moment < _ENTER:
        return rest * moment / _ENTER, True
    if moment < _LEAVE:
        return rest, False
    return rest + (way - rest) * (moment - _LEAVE) / (1 - _LEAVE), True


def _compose(
    scene: NDArray[np.float32],
    layers: Sequence[tuple[Rgba, float, float] | None],
    camera: NDArray[np.float64],
    options: SynthOptions,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Shadows on the scene, then the subjects over it: float32 (H,W,3) of 0..255 and coverage (H,W,1)."""
    colours, cover = scene, np.zeros((*scene.shape[:2], 1), dtype=np.float32)
    present = [(picture, left - camera[0], top - camera[1]) for picture, left, top in filter(None, layers)]
    for picture, left, top in present if options.shadow else ():
        colours = colours * (1 - options.shadow * _shadow(picture, left, top, scene.shape))
    for picture, left, top in present:
        move = np.array([[1, 0, left], [0, 1, top]])
        moved = np.asarray(cv2.warpAffine(picture, move, scene.shape[1::-1], flags=cv2.INTER_LINEAR), dtype=np.float32)
        colours = moved[..., :3] + colours * (1 - moved[..., 3:])
        cover = moved[..., 3:] + cover * (1 - moved[..., 3:])
    return colours, cover


def _shadow(picture: Rgba, left: float, top: float, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The subject's outline laid flat on the floor, away from a light on the left: float32 (H,W,1)."""
    height = len(picture)
    lean, squash = 0.55, 0.2
    fall = np.array([[1, -lean, left + lean * height], [0, squash, top + height * (1 - squash)]])
    flat = cv2.warpAffine(np.ascontiguousarray(picture[..., 3]), fall, shape[1::-1], flags=cv2.INTER_LINEAR)
    soft = cv2.GaussianBlur(flat, (0, 0), max(0.5, 0.012 * height))
    return np.asarray(soft, dtype=np.float32)[..., None]


def _bytes(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(values + 0.5, 0, 255), dtype=np.uint8)
