"""The words of `--background` and `--edge`, made into a Look and into a Matter with its edges refined."""

from __future__ import annotations

import math
from pathlib import Path
from typing import get_args

import torch
from PIL import ImageColor

from bgdl import compose
from bgdl.compose import Foreground
from bgdl.errors import InputError
from bgdl.media import image
from bgdl.refine.edges import EDGES, EdgeName
from bgdl.types import Fit, Look, Matter

ALLOWED = "transparent, blur[:SIGMA], a colour (red, #rgb, #rrggbb, #rrggbbaa, rgb(1,2,3)) or a picture file"


def make_look(
    background: str = "transparent",
    *,
    fit: Fit = "cover",
    pixel_aspect: float = 1,
    only_matte: bool = False,
    edge: EdgeName = "none",
    matter: Matter | None = None,
    max_pixels: int = image.MAX_PIXELS,
) -> Look:
    """A Look from what a user writes.

    background: "transparent", a CSS colour, a picture file, "blur" or "blur:SIGMA" (px).
    fit: how a picture fills the frame. pixel_aspect: of the frames, width over height of a pixel.
    only_matte: the grey matte instead of any picture.
    edge: its colour half, see `bgdl.refine.edges`; its matte half is `bgdl.matters.wrapped.Refined`.
    matter: what makes the mattes, for the methods that know their subject's colours themselves. max_pixels: of a
    background picture; larger ones are refused.
    Raises InputError for anything else.
    """
    if only_matte:
        return compose.Alpha()
    for name, word, known in (("edge", edge, tuple(EDGES)), ("fit", fit, get_args(Fit))):
        if word not in known:
            raise InputError(f"unknown {name} {word!r}; choose from {', '.join(known)}")
    foreground = foreground_of(edge, matter)
    if background == "transparent":
        return compose.Cutout(foreground)
    kind, _, rest = background.partition(":")
    if kind == "blur":
        return compose.Blur(_sigma(rest) if rest else None, foreground=foreground)
    scene = parse_colour(background) or load_background(background, max_pixels=max_pixels)
    return compose.Over(scene, fit=fit, pixel_aspect=pixel_aspect, foreground=foreground)


def foreground_of(edge: EdgeName, matter: Matter | None = None) -> Foreground | None:
    """How colours are freed from the old background: by the method's own `foreground` where it has one."""
    own: Foreground | None = getattr(matter, "foreground", None)
    return own if own and edge != "none" else EDGES[edge].foreground


def parse_colour(text: str) -> tuple[int, int, int, int] | None:
    """A CSS colour as (r,g,b,a) of 0..255, to which CSS clamps, or None where the text is not a colour."""
    try:
        red, green, blue, alpha = (min(level, 255) for level in (*ImageColor.getrgb(text), 255)[:4])
    except ValueError:
        return None
    return red, green, blue, alpha


def brings_colours(background: str) -> bool:
    """Whether the words of `--background` name a colour or a picture, which are in sRGB."""
    return background != "transparent" and background.partition(":")[0] != "blur"


def load_background(path: str, *, max_pixels: int = image.MAX_PIXELS) -> torch.Tensor:
    """A picture file as uint8 (1,H,W,3) sRGB; what is transparent in it becomes white."""
    if not Path(path).is_file():
        raise InputError(f"background {path!r} is neither a colour nor a file that exists; use {ALLOWED}")
    picture = image.in_srgb(image.read(path, max_pixels=max_pixels))
    if picture.alpha is None:
        return picture.frames
    return compose.Over((255, 255, 255))(picture.frames, picture.alpha)


def _sigma(text: str) -> float:
    try:
        sigma_px = float(text)
    except ValueError:
        sigma_px = math.nan
    if not 0 < sigma_px <= 1000:
        raise InputError(f"blur:{text}: the blur's sigma is a number of px between 0 and 1000, for instance blur:20")
    return sigma_px
