"""Masks in every form that labelling tools write them in, as coverage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from bgdl.errors import InputError
from bgdl.media.image import read
from bgdl.opencv import cv2

Mask = NDArray[np.uint8]
_DEEP = ("I", "F")
COLOURED = 48
"""Difference of a pixel's channels that is a colour, and no grey that JPEG has tinged."""
DARK = 32
"""Below it a coloured mask is black; above it in the brightest channel, a class."""
VOID = 255
"""Where labels are class numbers, the one of pixels that belong to no class: outlines, and what nobody labelled."""
FEW = 64
"""Numbers of classes lie below it."""
CLASSES = "white is the person (is this a map of class numbers?)"


def opened(path: str | Path) -> Image.Image:
    """The file as Pillow has it, its pixels not read yet; HEIC too, which Pillow knows once one has been read.

    Raises InputError for what is no picture, and MissingExtra for HEIC without pillow-heif.
    """
    try:
        return Image.open(path)
    except UnidentifiedImageError:
        read(path)
        return Image.open(path)


def read_mask(path: str | Path) -> Mask:
    """uint8 (H,W) coverage, 255 the person, upright.

    Grey of 8 or 16 bits is coverage; of 0 and 1 alone, 0 and 255. In a coloured palette every class but the first
    and void is the person, in colours without a palette all that is not black. Where the colour is one and the same
    everywhere, transparency is the mask. Raises InputError for a missing or damaged file, for colours without black,
    and for grey numbers of classes among which 255 is void.
    """
    try:
        with opened(path) as file:
            values = _values(ImageOps.exif_transpose(file))
        if _has_classes(values):
            raise ValueError(f"its brightest value below 255 is {values[values < VOID].max()}; {CLASSES}")
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"cannot read the mask {path}: {error}") from error
    return values * 255 if values.max(initial=0) == 1 else values


def holds_01(path: str | Path) -> bool:
    """Whether the file is grey and holds nothing but 0 and 1."""
    with opened(path) as file:
        return (file.mode in ("L", "I") or file.mode.startswith("I;16")) and int(np.array(file).max(initial=0)) == 1


def holds_void(path: str | Path) -> bool:
    """Whether the file has a coloured palette and, beside other classes, void."""
    with opened(path) as file:
        return file.mode == "P" and _classes(file) is not None and bool(_is_void(np.array(file)).any())


def _has_classes(values: Mask) -> bool:
    """Whether grey values (H,W) are numbers of classes and void: 0 and 15, with 255 around.

    Nothing lies between, as on soft edges, and the numbers fill areas, as the edges of small subjects do not.
    """
    if values.max(initial=0) < VOID or ((values >= FEW) & (values < VOID)).any():
        return False
    square = np.ones((3, 3), np.uint8)
    even = cv2.erode(values, square) == cv2.dilate(values, square)
    numbers = even & (values < FEW) & (values > values.min())
    return bool(4 * numbers.sum() > (values == VOID).sum())


def _values(image: Image.Image) -> Mask:
    if image.mode in _DEEP or image.mode.startswith("I;16"):
        return _deep(np.asarray(image).astype(np.float64))
    if image.mode == "P" and (classes := _classes(image)) is not None:
        return classes
    if image.has_transparency_data:
        rgba = np.array(image.convert("RGBA"))
        if (rgba[..., :3] == rgba[0, 0, :3]).all() and (rgba[..., 3] != 255).any():
            return np.ascontiguousarray(rgba[..., 3])
    if image.mode in ("1", "L", "LA"):
        return np.array(image.convert("L"))
    rgb = np.array(image.convert("RGB"))
    brightest = rgb.max(axis=-1)
    coloured = brightest - rgb.min(axis=-1) > COLOURED
    if 2 * coloured.sum() <= (brightest >= DARK).sum():  # a few stray pixels make no colours
        return np.array(image.convert("L"))
    if brightest.min() >= DARK:
        raise ValueError("it has colours but no black; black is the background, white the person")
    return np.where(brightest >= DARK, 255, 0).astype(np.uint8)


def _deep(values: NDArray[np.float64]) -> Mask:
    """16-bit, 32-bit and float grey, whose full scale is the least of 1, 255 and 65535 that holds all values."""
    top = next((top for top in (1.0, 255.0, 65535.0) if values.max(initial=0) <= top), float(values.max(initial=0)))
    return np.round(np.clip(values, 0, None) * (255 / top)).astype(np.uint8)


def _classes(image: Image.Image) -> Mask | None:
    """Of a coloured palette, 255 where the class is neither the first nor void; None where its colours are grey."""
    numbers = np.array(image)
    palette = np.array(image.getpalette("RGB") or [0, 0, 0], np.uint8).reshape(-1, 3)
    used = palette[[number for number in np.unique(numbers) if number < len(palette)]]
    if (used == used[:, :1]).all():
        return None
    return np.where((numbers > 0) & ~_is_void(numbers), 255, 0).astype(np.uint8)


def _is_void(numbers: Mask) -> NDArray[np.bool_]:
    """Where class numbers (H,W) are void; nowhere if that is the only one but the first."""
    void: NDArray[np.bool_] = numbers == VOID
    return void & bool(((numbers > 0) & ~void).any())
