"""What is given as `background` and `edge`, made into a Look."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from numbers import Integral
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageColor

from bgdl import checks, compose
from bgdl.choices import EdgeName, Fit
from bgdl.compose import Foreground
from bgdl.errors import InputError
from bgdl.media import image
from bgdl.pipeline.image_kinds import as_picture
from bgdl.refine.edges import EDGES
from bgdl.types import Look, Matter, is_unmixing

ALLOWED = "transparent, blur[:SIGMA], a colour (red, #rgb, #rrggbb, #rrggbbaa, rgb(1,2,3)) or a picture file"


Background = str | Path | Sequence[int] | bytes | Image.Image | NDArray[np.uint8]
"""Words or a path, numbers (r,g,b[,a]) of 0 to 255, or a picture of any ImageKind; a Path is no colour's name."""


def make_look(
    background: Background = "transparent",
    *,
    fit: Fit = "cover",
    pixel_aspect: float = 1,
    only_matte: bool = False,
    edge: EdgeName = "none",
    matter: Matter | None = None,
    max_pixels: int = image.MAX_PIXELS,
) -> Look:
    """A Look from what a user writes.

    background: "transparent", "blur" or "blur:SIGMA" (px), a CSS colour, its numbers, or a picture.
    fit: how a picture fills the frame. pixel_aspect: of the frames, width over height of a pixel.
    only_matte: the grey matte instead of any picture.
    edge: its colour half, see `bgdl.refine.edges`; its matte half is in `bgdl.pipeline.matte_shape`.
    matter: what makes the mattes, for the methods that know their subject's colours themselves. max_pixels: of a
    background picture; larger ones are refused.
    Raises InputError for anything else.
    """
    if only_matte:
        check_alone(background)
        return compose.Alpha()
    checks.one_of("edge", edge, EdgeName)
    checks.one_of("fit", fit, Fit)
    foreground = foreground_of(edge, matter)
    if not brings_colours(background):
        name, _, rest = str(background).partition(":")
        if name == "transparent":
            return compose.Cutout(foreground)
        return compose.Blur(_sigma(rest) if rest else None, foreground=foreground)
    scene = _scene(background, max_pixels)
    return compose.Over(scene, fit=fit, pixel_aspect=pixel_aspect, foreground=foreground)


def foreground_of(edge: EdgeName, matter: Matter | None = None) -> Foreground | None:
    """How colours are freed from the old background: by the method's own `foreground` where it has one."""
    return matter.foreground if edge != "none" and is_unmixing(matter) else EDGES[edge].foreground


def parse_colour(text: str) -> tuple[int, int, int, int] | None:
    """A CSS colour as (r,g,b,a) of 0..255, to which CSS clamps, or None where the text is not a colour."""
    try:
        red, green, blue, alpha = (min(level, 255) for level in (*ImageColor.getrgb(text), 255)[:4])
    except ValueError:
        return None
    return red, green, blue, alpha


def check_alone(background: Background) -> None:
    """Raises InputError for a background where the matte alone is asked for, which is put before none."""
    if not (isinstance(background, str) and background == "transparent"):
        raise InputError("only_matte writes the matte alone; leave background out")


def sees_through(background: str) -> bool:
    """Whether one sees through what a subject is put before: nothing, or a colour that is not opaque."""
    return background == "transparent" or (parse_colour(background) or (0, 0, 0, 255))[3] < 255


def brings_colours(background: Background) -> bool:
    """Whether a background is a colour or a picture, which are in sRGB: neither "transparent" nor a blur."""
    return not isinstance(background, str) or (background != "transparent" and background.partition(":")[0] != "blur")


def _scene(background: Background, max_pixels: int) -> torch.Tensor | tuple[int, ...]:
    """A colour's numbers, or a picture as uint8 (1,H,W,3) sRGB; what is transparent in it becomes white."""
    if isinstance(background, str) and (colour := parse_colour(background)):
        return colour
    if isinstance(background, (tuple, list)):
        return _numbers(background)
    if isinstance(background, (str, Path)) and not os.path.isfile(background):
        raise InputError(f"background {str(background)!r} is neither a colour nor a file that exists; use {ALLOWED}")
    if not isinstance(background, (str, Path, bytes, Image.Image, np.ndarray)):
        raise InputError(f"background is a {type(background).__name__}; use {ALLOWED}, or (r,g,b)")
    picture = image.in_srgb(as_picture(background, max_pixels=max_pixels))
    if picture.alpha is None:
        return picture.frames
    return compose.Over((255, 255, 255))(picture.frames, picture.alpha)


def _numbers(colour: Sequence[int]) -> tuple[int, ...]:
    if len(colour) not in (3, 4) or not all(isinstance(level, Integral) and 0 <= level <= 255 for level in colour):
        raise InputError(f"background is {colour!r}; a colour is (r,g,b) or (r,g,b,a), whole numbers of 0 to 255")
    return tuple(int(level) for level in colour)


def _sigma(text: str) -> float:
    try:
        sigma_px = float(text)
    except ValueError:
        sigma_px = math.nan
    if not 0 < sigma_px <= 1000:
        raise InputError(f"blur:{text}: the blur's sigma is a number of px between 0 and 1000, for instance blur:20")
    return sigma_px
