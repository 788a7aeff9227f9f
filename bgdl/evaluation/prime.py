"""The empty scene that some methods learn before a clip: its first frames, or a picture or clip of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from bgdl.errors import InputError
from bgdl.evaluation.sources import Clip, Frame, shrink_picture
from bgdl.media import image
from bgdl.media.opening import CLIP_SUFFIXES
from bgdl.media.reader import VideoReader

MOST_FRAMES = 300
"""Of a plate clip; more would only fill the memory."""


def leading_frames(prime: str | None, clip: Clip) -> int:
    """How many of the clip's own first frames are the empty scene: "2s" or "50"; none for a file."""
    if prime is None or not (found := re.fullmatch(r"(\d+(?:\.\d+)?)(s?)", prime)):
        return 0
    if not float(found[1]):
        raise InputError(f"--prime {prime} is no empty scene; give more, or leave it out")
    if not found[2]:
        if "." in prime:
            raise InputError(f"--prime {prime} is no number of frames; write {prime}s for seconds, or a whole number")
        return int(prime)
    if clip.rate is None:
        raise InputError(f"{clip.name} has no frame rate for --prime {prime}; give a number of frames or a file")
    return max(1, round(float(found[1]) * float(clip.rate)))


def empty_scene(prime: str | None, leading: Sequence[Frame], long_side_px: int | None) -> Tensor | None:
    """The frames to learn, uint8 (K,H,W,3), or None where nothing was asked for.

    Raises InputError where the file is missing, none of the leading frames could be read or their sizes differ.
    """
    if prime is None:
        return None
    if leading:
        pictures = [frame.picture for frame in leading if frame.picture is not None]
        if not pictures:
            raise InputError(f"none of the first {len(leading)} frames can be read; give --prime a file")
        sizes = dict.fromkeys(f"{picture.shape[2]}x{picture.shape[1]}" for picture in pictures)
        if len(sizes) > 1:
            raise InputError(f"the first {len(leading)} frames are of {', '.join(sizes)} px; give --prime a file")
        return torch.cat(pictures)
    path = Path(prime).expanduser()
    if path.suffix.lower() not in CLIP_SUFFIXES:
        return shrink_picture(image.read(path).frames, long_side_px)
    with VideoReader(path, limit=MOST_FRAMES) as reader:
        return torch.cat([shrink_picture(batch.data, long_side_px) for batch in reader.batches(1)])
