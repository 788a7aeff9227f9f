"""The empty scene that some methods learn before a clip: its first frames, or a picture or clip of its own."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from bgdl.errors import InputError
from bgdl.evaluation.sources import Clip, Frame, shrink_picture
from bgdl.media.empty_scene import frames_of, parse_prime, read_scene


def leading_frames(prime: str | None, clip: Clip) -> int:
    """How many of the clip's own first frames are the empty scene: "2s" or "50"; none for a file."""
    asked = parse_prime(prime) if prime else Path()
    if isinstance(asked, Path):
        return 0
    if isinstance(asked, Fraction) and clip.rate is None:
        raise InputError(
            f"{clip.name} has no frame rate, so prime cannot be {prime}; give a number of frames or a file"
        )
    return frames_of(asked, clip.rate or 0)


def empty_scene(prime: str | None, leading: Sequence[Frame], long_side_px: int | None) -> Tensor | None:
    """The frames to learn, uint8 (K,H,W,3), or None where nothing was asked for.

    Raises InputError where the file is missing, none of the leading frames could be read or their sizes differ.
    """
    if prime is None:
        return None
    if not leading:
        asked = parse_prime(prime)
        assert isinstance(asked, Path)
        return read_scene(asked, partial(shrink_picture, long_side_px=long_side_px))
    pictures = [frame.picture for frame in leading if frame.picture is not None]
    if not pictures:
        raise InputError(f"none of the first {len(leading)} frames can be read; let prime be a file")
    sizes = dict.fromkeys(f"{picture.shape[2]}x{picture.shape[1]}" for picture in pictures)
    if len(sizes) > 1:
        raise InputError(f"the first {len(leading)} frames are of {', '.join(sizes)} px; let prime be a file")
    return torch.cat(pictures)
