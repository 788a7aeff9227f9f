"""Chroma key: what has the colour of the screen is background; and its colour taken off the subject."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ImageColor
from torch import Tensor

from bgdl.errors import InputError
from bgdl.matters import checks
from bgdl.matters.classical import CPU, Classical, Frame
from bgdl.matters.cleanup import Alpha, Cleanup, CleanupName, Mask
from bgdl.opencv import cv2

SCREENS = {"green": "#00b140", "blue": "#0047bb"}
_NEUTRAL_SHARE = math.tan(math.radians(35))


class ChromaKey(Classical):
    """Alpha grows with the distance of a pixel's colour from the screen's in the a, b plane of CIE Lab.

    Lightness is left out, so that folds and shadows of the screen go with it.

    colour: of the screen: "green", "blue" (the studio paints), a CSS name or #rrggbb; "auto" takes the commonest
        saturated colour along the frame's border, for each frame.
    inner, outer: distances (ΔE in the a, b plane; the whole gamut spans some 200) up to which alpha is 0 and from
        which it is 1.
    cleanup: other than "none", works on the mask above 0.5.
    Its `foreground` goes into a look, to take the screen's light off the subject.
    Source: the colour-difference key of Vlahos 1964 to 1978, with the distance in CIE Lab.
    """

    name = "chroma_key"

    def __init__(
        self,
        *,
        device: torch.device = CPU,
        colour: str = "green",
        inner: float = 28.0,
        outer: float = 55.0,
        cleanup: Cleanup | CleanupName = "none",
    ) -> None:
        super().__init__(device=device, cleanup=cleanup)
        self.outer = checks.within("outer", outer, 1, 300)
        self.inner = checks.within("inner", inner, 0, outer)
        self.colour = colour
        self._key = None if colour == "auto" else parse_colour(colour)

    def foreground(self, frames: Tensor, alpha: Tensor) -> Tensor:
        """The subject without the screen's light: uint8 (N,H,W,3), float32 (N,H,W,1) -> uint8 (N,H,W,3)."""
        parts = [_despilled(frame, self._key_of(frame)) for frame in frames.cpu().numpy()]
        return torch.from_numpy(np.stack(parts)).to(frames.device) if parts else frames

    def _matte(self, frame: Frame) -> Alpha:
        return self._soft(frame) if self.cleanup == Cleanup() else super()._matte(frame)

    def _mask(self, frame: Frame) -> Mask:
        return (self._soft(frame) > 0.5).astype(np.uint8)

    def _soft(self, frame: Frame) -> Alpha:
        distance = np.linalg.norm(_lab(frame)[..., 1:] - self._key_of(frame), axis=-1)
        share = np.clip((distance - self.inner) / max(self.outer - self.inner, 1e-6), 0, 1)
        return np.asarray(share * share * (3 - 2 * share), dtype=np.float32)

    def _key_of(self, frame: Frame) -> NDArray[np.float32]:
        """The a and b of the screen."""
        rgb = border_colour(frame) if self._key is None else self._key
        return _lab(np.array([[rgb]], dtype=np.uint8))[0, 0, 1:]


def parse_colour(colour: str) -> tuple[int, int, int]:
    """0..255 RGB of "green" and "blue" screens, of a CSS name or of #rrggbb; a grey is refused."""
    try:
        red, green, blue = ImageColor.getrgb(SCREENS.get(colour, colour))[:3]
    except ValueError:
        raise InputError(f"unknown colour {colour!r}; use auto, green, blue, a CSS name or #rrggbb") from None
    if max(red, green, blue) - min(red, green, blue) < 40:
        raise InputError(f"the colour {colour!r} has no hue to tell a screen by; a chroma key needs a saturated one")
    return red, green, blue


def border_colour(frame: Frame) -> tuple[int, int, int]:
    """The commonest saturated colour along the border (5 % of the sides), 0..255 RGB; green where there is none."""
    edge_y, edge_x = max(1, frame.shape[0] // 20), max(1, frame.shape[1] // 20)
    inside = np.zeros(frame.shape[:2], dtype=bool)
    inside[edge_y : frame.shape[0] - edge_y, edge_x : frame.shape[1] - edge_x] = True
    pixels = frame[~inside].astype(np.int64)
    pixels = pixels[pixels.max(axis=1) - pixels.min(axis=1) >= 40]
    if not len(pixels):
        return parse_colour("green")
    bins = (pixels // 32) @ np.array([64, 8, 1])
    common = pixels[bins == np.bincount(bins).argmax()]
    red, green, blue = np.median(common, axis=0).astype(int).tolist()
    return red, green, blue


def _despilled(frame: Frame, key: NDArray[np.float32]) -> Frame:
    """Limit each pixel's chroma along the key's hue to a share of its chroma across it; lightness stays."""
    lab = _lab(frame)
    along = key / max(float(np.linalg.norm(key)), 1e-6)
    amount = lab[..., 1:] @ along
    across = np.linalg.norm(lab[..., 1:] - amount[..., None] * along, axis=-1)
    lab[..., 1:] -= np.maximum(amount - _NEUTRAL_SHARE * across, 0)[..., None] * along
    rgb = np.asarray(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), dtype=np.float32)
    return np.clip(rgb * 255 + 0.5, 0, 255).astype(np.uint8)


def _lab(frame: Frame) -> NDArray[np.float32]:
    """uint8 RGB -> float32 CIE Lab, L 0..100."""
    return np.asarray(cv2.cvtColor(frame.astype(np.float32) / 255, cv2.COLOR_RGB2Lab), dtype=np.float32)
