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
from bgdl.types import Matter, is_primed

MOST_FRAMES = 300
"""Frames of an empty scene that are taken at most; they are all in memory at once."""


def prime(matter: Matter, text: str, source: str | Path) -> int:
    """Teach `matter` the scene without its subject; returns how many frames it was shown.

    text: "2s" the first seconds of `source`, "60" its first frames, or a picture or clip of the empty scene.
    Raises InputError for a method that learns none and for what is neither.
    """
    if not is_primed(matter):
        raise InputError(f"{matter.name} learns no empty scene; leave --prime out")
    plate = read_plate(text, source)
    matter.prime(plate)
    return len(plate)


def read_plate(text: str, source: str | Path) -> Tensor:
    """uint8 (K,H,W,3), K at most MOST_FRAMES, see `prime`."""
    seconds = re.fullmatch(r"(\d+(?:\.\d+)?)\s*s", text.strip())
    if seconds:
        return _frames(source, end_s=Fraction(seconds[1]))
    if text.strip().isdigit():
        return _frames(source, limit=max(1, int(text)))
    if not Path(text).is_file():
        raise InputError(f"--prime {text!r} is not seconds (2s), frames (60) or a file that exists")
    try:
        return image.read(text).frames
    except InputError:
        return _frames(text)


def _frames(source: str | Path, *, end_s: Fraction | None = None, limit: int | None = None) -> Tensor:
    with VideoReader(source, end_s=end_s, limit=min(limit or MOST_FRAMES, MOST_FRAMES)) as reader:
        return torch.cat([batch.data for batch in reader.batches(8)])
