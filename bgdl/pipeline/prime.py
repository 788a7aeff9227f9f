"""The empty scene for methods that learn one: the first seconds or frames of a clip, a picture, or another clip."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

from bgdl.media.empty_scene import MOST_FRAMES, parse_prime, read_scene
from bgdl.media.reader import VideoReader
from bgdl.pipeline.model import learner_of
from bgdl.types import Matter


def prime(matter: Matter, text: str, source: str | Path) -> int:
    """Teach `matter` the scene without its subject; returns how many frames it was shown.

    text: "2s" the first seconds of `source`, "60" its first frames, or a picture or clip of the empty scene.
    Raises InputError for a method that learns none and for what is neither.
    """
    learner = learner_of(matter)
    plate = read_plate(text, source)
    learner.prime(plate)
    return len(plate)


def read_plate(text: str, source: str | Path) -> Tensor:
    """uint8 (K,H,W,3), K at most MOST_FRAMES, see `prime`."""
    asked = parse_prime(text)
    if isinstance(asked, Path):
        return read_scene(asked)
    end_s, limit = (asked, MOST_FRAMES) if isinstance(asked, Fraction) else (None, min(asked, MOST_FRAMES))
    with VideoReader(source, end_s=end_s, limit=limit) as reader:
        return torch.cat([batch.data for batch in reader.batches(8)])
