"""The empty scene for methods that learn one: the first seconds or frames of a clip, a picture, or another clip."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

from bgdl.errors import InputError
from bgdl.media import image
from bgdl.media.reader import VideoReader
from bgdl.types import Matter, Primed, is_primed

MOST_FRAMES = 300
"""Frames of an empty scene that are taken at most; they are all in memory at once."""


def prime(matter: Matter, text: str, source: str | Path) -> int:
    """Teach `matter` the scene without its subject; returns how many frames it was shown.

    text: "2s" the first seconds of `source`, "60" its first frames, or a picture or clip of the empty scene.
    Raises InputError for a method that learns none and for what is neither.
    """
    learner = learner_of(matter)
    plate = read_plate(text, source)
    learner.prime(plate)
    return len(plate)


def learner_of(matter: Matter) -> Primed:
    """The matter, as one that learns an empty scene; raises InputError for one that learns none."""
    if not is_primed(matter):
        raise InputError(f"{matter.name} learns no empty scene; leave --prime out")
    return matter


def parse_prime(text: str) -> Fraction | int | Path:
    """ "2s" as seconds (Fraction), "60" as frames (int), else a file; raises InputError where there is none."""
    seconds = re.fullmatch(r"(\d+(?:\.\d+)?)\s*s", text.strip())
    if seconds:
        return Fraction(seconds[1])
    if text.strip().isdecimal():
        return max(1, int(text))
    if not Path(text).is_file():
        raise InputError(f"--prime {text!r} is not seconds (2s), frames (60) or a file that exists")
    return Path(text)


def read_plate(text: str, source: str | Path) -> Tensor:
    """uint8 (K,H,W,3), K at most MOST_FRAMES, see `prime`."""
    asked = parse_prime(text)
    if isinstance(asked, Fraction):
        return _frames(source, end_s=asked)
    return _frames(source, limit=asked) if isinstance(asked, int) else read_scene(asked)


def read_scene(path: Path) -> Tensor:
    """A picture or clip of the empty scene: uint8 (K,H,W,3), K at most MOST_FRAMES."""
    try:
        return image.read(path).frames
    except InputError:
        return _frames(path)


def frames_of(asked: Fraction | int, rate: float) -> int:
    """How many frames of a source with `rate` frames a second are meant, from 1 to MOST_FRAMES."""
    count = round(asked * Fraction(rate)) if isinstance(asked, Fraction) else asked
    return min(MOST_FRAMES, max(1, count))


def _frames(source: str | Path, *, end_s: Fraction | None = None, limit: int | None = None) -> Tensor:
    with VideoReader(source, end_s=end_s, limit=min(limit or MOST_FRAMES, MOST_FRAMES)) as reader:
        return torch.cat([batch.data for batch in reader.batches(8)])
