"""What walks through a synthetic clip: drawn people, or cutouts from files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bgdl.errors import InputError
from bgdl.media import image
from bgdl.opencv import cv2
from bgdl.synth.figure import draw_looks, draw_person

Rgba = NDArray[np.float32]  # (H,W,4): colours of 0..255 times coverage, then coverage in [0,1]

_WALK_POSES = 16
_CYCLE_SHARE = 0.47  # of the height: how far two steps of a drawn person go


@dataclass(frozen=True)
class Subject:
    """Pictures of one subject, all of one size, facing right.

    standing: when it rests. walking: the poses of one cycle; a cutout has one. cycle_px: how far a cycle goes.
    grounded: it stands on the floor; else it is cut off below and sits on the frame's lower edge.
    """

    standing: Rgba
    walking: tuple[Rgba, ...]
    cycle_px: float
    grounded: bool

    @property
    def size_hw(self) -> tuple[int, int]:
        return self.standing.shape[0], self.standing.shape[1]

    def pose(self, distance_px: float, *, moving: bool) -> Rgba:
        """The picture after `distance_px` of the way."""
        if not moving:
            return self.standing
        return self.walking[int(distance_px / self.cycle_px * len(self.walking)) % len(self.walking)]


def draw_subject(height_px: int, *, seed: int) -> Subject:
    """A drawn person of `height_px`; the same seed gives the same person."""
    person = draw_looks(seed)
    poses = [draw_person(person, height_px=height_px, phase=step / _WALK_POSES) for step in range(_WALK_POSES)]
    standing = draw_person(person, height_px=height_px)
    return Subject(
        premultiplied(standing), tuple(map(premultiplied, poses)), max(1.0, _CYCLE_SHARE * height_px), grounded=True
    )


def read_subject(path: str | Path, height_px: int) -> Subject:
    """A cutout with transparency from a file, cropped to what is visible and scaled to `height_px`.

    Raises InputError for a picture without alpha, and for one that shows nothing.
    """
    picture = image.read(path)
    if picture.alpha is None:
        raise InputError(f"{path} has no transparency; cut it out first: bgdl image {path} -o cutout.png")
    cover = picture.alpha[0].numpy()
    visible = cv2.findNonZero((cover[..., 0] > 0).astype(np.uint8))
    if visible is None:
        raise InputError(f"{path} is entirely transparent; give a cutout with something visible")
    x, y, width, height = cv2.boundingRect(visible)
    colours = picture.frames[0].numpy().astype(np.float32) * cover
    whole = np.concatenate((colours, cover), axis=-1)[y : y + height, x : x + width]
    size_wh = (max(1, round(width * height_px / height)), height_px)
    way = cv2.INTER_AREA if height_px < height else cv2.INTER_LINEAR
    scaled = np.asarray(cv2.resize(whole, size_wh, interpolation=way), dtype=np.float32)
    stands = bool(cover[-1].mean() < 0.02 or y + height < len(cover))
    return Subject(scaled, (scaled,), max(1.0, float(height_px)), grounded=stands)


def premultiplied(rgba: NDArray[np.uint8]) -> Rgba:
    """Straight uint8 RGBA -> colours times coverage, and coverage in [0,1]."""
    values = rgba.astype(np.float32)
    cover = values[..., 3:] / 255
    return np.concatenate((values[..., :3] * cover, cover), axis=-1)
