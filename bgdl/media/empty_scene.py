"""The empty scene that some methods learn: how it is written ("2s", "60" or a file), and a file of it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

from bgdl.errors import InputError
from bgdl.media import image
from bgdl.media.opening import CLIP_SUFFIXES
from bgdl.media.reader import VideoReader

MOST_FRAMES = 300
"""Frames of an empty scene that are taken at most; they are all in memory at once."""


def parse_prime(text: str) -> Fraction | int | Path:
    """ "2s" as seconds (Fraction), "60" as frames (int), else a picture or clip.

    Raises InputError for 0 and where there is no such file.
    """
    asked = text.strip()
    if number := re.fullmatch(r"(\d+(?:\.\d+)?)\s*s|(\d+)", asked):
        amount = Fraction(number[1]) if number[1] else int(number[2])
        if not amount:
            raise InputError(f"prime is {text!r}, which shows nothing; give more than 0")
        return amount
    path = Path(asked).expanduser()
    if not os.path.isfile(path):  # nor is what is too long for a name
        raise InputError(f"prime is {text!r}, which is not seconds (2s), frames (60) or a file that exists")
    return path


def frames_of(asked: Fraction | int, rate: float | Fraction) -> int:
    """How many frames of a source with `rate` frames a second are meant, at least 1."""
    return max(1, round(asked * Fraction(rate))) if isinstance(asked, Fraction) else asked


def read_scene(path: Path, change: Callable[[Tensor], Tensor] = lambda frames: frames) -> Tensor:
    """A picture or the first `MOST_FRAMES` frames of a clip, uint8 (K,H,W,3).

    change: what is done to the frames as they come, so that large ones are not all held.
    """
    if path.suffix.lower() not in CLIP_SUFFIXES:
        return change(image.read(path).frames)
    with VideoReader(path, limit=MOST_FRAMES) as reader:
        return torch.cat([change(batch.data) for batch in reader.batches(1)])
