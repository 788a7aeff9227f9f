"""Chroma key: what has the colour of the screen is background; and its colour taken off the subject."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ImageColor
from torch import Tensor

from bgdl import checks
from bgdl.errors import InputError
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
    edge_px: how far the border between the two is soft: there alpha is solved for from the colours on both sides,
        which keeps hair; 0 leaves the ramp from inner to outer.
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
        inner: float = 20.0,
        outer: float = 60.0,
        edge_px: int = 2,
        cleanup: Cleanup | CleanupName = "none",
    ) -> None:
        super().__init__(device=device, cleanup=cleanup)
        self.outer = checks.within("outer", outer, 1, 300)
        self.inner = checks.within("inner", inner, 0, outer)
        self.edge_px = checks.count("edge_px", edge_px, at_most=500)
        self.colour = colour
        self._key = None if colour == "auto" else parse_colour(colour)

    def foreground(self, frames: Tensor, alpha: Tensor) -> Tensor:
        """The subject without the screen: uint8 (N,H,W,3), float32 (N,H,W,1) -> uint8 (N,H,W,3).

        What shows through half-covered pixels is taken out first, then the screen's light on the subject.
        """
        pairs = zip(frames.cpu().numpy(), alpha.cpu().numpy(), strict=True)
        parts = [_despilled(_unmixed(frame, matte), self._key_of(frame)) for frame, matte in pairs]
        return torch.from_numpy(np.stack(parts)).to(frames.device) if parts else frames

    def _matte(self, frame: Frame) -> Alpha:
        return self._soft(frame) if self.cleanup == Cleanup() else super()._matte(frame)

    def _mask(self, frame: Frame) -> Mask:
        return (self._soft(frame) > 0.5).astype(np.uint8)

    def _soft(self, frame: Frame) -> Alpha:
        distance = np.linalg.norm(_lab(frame)[..., 1:] - self._key_of(frame), axis=-1)
        ramp = np.clip((distance - self.inner) / max(self.outer - self.inner, 1e-6), 0, 1).astype(np.float32)
        return _solved(frame, ramp, self.edge_px) if self.edge_px else ramp

    def _key_of(self, frame: Frame) -> NDArray[np.float32]:
        """The a and b of the screen."""
        rgb = border_colour(frame) if self._key is None else self._key
        return _lab(np.array([[rgb]], dtype=np.uint8))[0, 0, 1:]


def parse_colour(colour: str) -> tuple[int, int, int]:
    """0..255 RGB of "green" and "blue" screens, of a CSS name or of #rrggbb; a grey is refused."""
    try:
        red, green, blue = ImageColor.getrgb(SCREENS.get(str(colour), str(colour)))[:3]
    except ValueError:
        raise InputError(f"unknown colour {colour!r}; use auto, green, blue, a CSS name or #rrggbb") from None
    if max(red, green, blue) - min(red, green, blue) < 40:
        raise InputError(f"the colour {colour!r} has no hue to tell a screen by; a chroma key needs a saturated one")
    return red, green, blue


def border_colour(frame: Frame) -> tuple[int, int, int]:
    """The middle of the commonest hue along the border (5 % of the sides), 0..255 RGB; green where all is grey."""
    edge_y, edge_x = max(1, frame.shape[0] // 20), max(1, frame.shape[1] // 20)
    inside = np.zeros(frame.shape[:2], dtype=bool)
    inside[edge_y : frame.shape[0] - edge_y, edge_x : frame.shape[1] - edge_x] = True
    pixels = frame[~inside]
    pixels = pixels[pixels.max(axis=1).astype(int) - pixels.min(axis=1) >= 40]
    if not len(pixels):
        return parse_colour("green")
    chroma = _lab(pixels[None])[0, :, 1:]
    hues = np.floor(np.arctan2(chroma[:, 1], chroma[:, 0]) / math.radians(15)).astype(int) + 12
    common = pixels[hues == np.bincount(hues).argmax()]
    red, green, blue = np.median(common, axis=0).astype(int).tolist()
    return red, green, blue


def _solved(frame: Frame, ramp: Alpha, edge_px: int) -> Alpha:
    """Near the border, α of C = α·F + (1 - α)·S with the subject's colour F and the screen's S from either side."""
    kernel = np.ones((2 * edge_px + 1, 2 * edge_px + 1), np.uint8)
    inside = cv2.erode((ramp >= 1).astype(np.uint8), kernel).astype(np.float32)
    outside = cv2.erode((ramp <= 0).astype(np.uint8), kernel).astype(np.float32)
    sigma = 2.0 * edge_px
    screen = _spread(frame, outside, sigma)
    across = _spread(frame, inside, sigma) - screen
    share = ((frame - screen) * across).sum(axis=-1) / np.maximum((across**2).sum(axis=-1), 1e-3)
    near = (cv2.dilate(inside, kernel, iterations=3) > 0) & (cv2.dilate(outside, kernel, iterations=2) > 0)
    return np.where(near & (inside + outside == 0), np.clip(share, 0, 1), ramp).astype(np.float32)


def _unmixed(frame: Frame, matte: Alpha) -> Frame:
    """Solve C = α·F + (1 - α)·S for F, with S the screen's colour around; (H,W,3), (H,W,1) -> (H,W,3)."""
    screen = _spread(frame, (matte[..., 0] < 0.01).astype(np.float32), max(1.0, max(frame.shape[:2]) / 40))
    subject = screen + (frame - screen) / np.maximum(matte, 0.1)
    return np.asarray(np.clip(np.where(matte < 0.01, frame, subject) + 0.5, 0, 255), dtype=np.uint8)


def _spread(frame: Frame, where: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """The colours of the pixels `where` is 1, blurred into their surroundings: float32 (H,W,3)."""
    weight = np.maximum(where, 1e-4)
    total = np.asarray(cv2.GaussianBlur(weight, (0, 0), sigma), dtype=np.float32)
    colours = cv2.GaussianBlur(frame.astype(np.float32) * weight[..., None], (0, 0), sigma)
    return np.asarray(colours, dtype=np.float32) / total[..., None]


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
