"""Pixel modes of picture files, each turned into 8-bit RGB and its alpha on purpose."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from bgdl.opencv import cv2

Bytes = NDArray[np.uint8]
Decoded = tuple[Bytes, Bytes | None, bytes | None, list[str]]
ORIENTATION = 0x0112
TIFF_DESCRIBES = frozenset({270, 271, 272, 282, 283, 296, 305, 306, 315, 33432, 34665, 34853})
"""TIFF tags that tell of the photograph (maker, date, author, EXIF, GPS); the others tell of the old file's layout."""
IFDS = frozenset({34665, 34853})
"""Of these, EXIF and GPS, which are directories of their own."""
DAMAGED = (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error)
WITH_ALPHA = frozenset({"LA", "PA", "RGBA", "RGBa"})


def to_rgb(image: Image.Image, data: bytes, profile: bytes | None) -> Decoded:
    """A loaded picture -> uint8 (H,W,3), uint8 (H,W) alpha or None, the RGB profile of the result, notes.

    16-bit values are divided by 257 and rounded. A profile that is not RGB (CMYK, grey, Lab) is applied, so the
    result is sRGB; an RGB profile is kept as it is.
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image)
        grey, said = _deep_grey(values)
        if _tags(image).get(262) == 0:  # white is zero
            grey = 255 - grey
        clear = image.info.get("transparency")
        alpha = np.where(values == clear, 0, 255).astype(np.uint8) if isinstance(clear, int) else None
        return np.repeat(grey[..., None], 3, axis=2), alpha, None, said
    if _is_deep_colour(image, data):
        deep = _to_bytes(_planes(image, data)) if _tags(image).get(284) == 2 else _decode_deep(data)
        if deep is not None:
            return deep[..., :3], deep[..., 3] if deep.shape[2] == 4 else None, _rgb_only(profile), []
    if image.mode in ("CMYK", "LAB") or (image.mode == "L" and profile and not _rgb_only(profile)):
        return _managed(image, profile)
    if image.mode == "La":  # which Pillow converts to nothing else
        image = image.convert("LA")
    if image.mode in WITH_ALPHA or "transparency" in image.info:
        pixels = np.array(image.convert("RGBA"))
        return np.ascontiguousarray(pixels[..., :3]), pixels[..., 3].copy(), _rgb_only(profile), []
    return np.array(image if image.mode == "RGB" else image.convert("RGB")), None, _rgb_only(profile), []


def turn_needed(image: Image.Image, data: bytes) -> int:
    """The EXIF orientation 1 to 8 that is still to be undone after `image.load()`; ask before."""
    if image.format == "TIFF" and not _is_deep_colour(image, data):
        return 1  # Pillow turns these itself
    try:
        orientation = image.getexif().get(ORIENTATION, 1)
    except DAMAGED:
        return 1
    return orientation if orientation in range(1, 9) else 1


def kept_exif(image: Image.Image) -> bytes | None:
    """A loaded picture's EXIF block without its orientation tag, or None where nothing is left.

    The embedded thumbnail is left out: it would still show the old background. Damaged EXIF counts as none.
    """
    try:
        exif = image.getexif()
        for tag in set(exif) - TIFF_DESCRIBES if image.format == "TIFF" else {ORIENTATION} & set(exif):
            del exif[tag]
        return exif.tobytes() if len(exif) else None
    except DAMAGED:
        return None


def tiff_exif(block: bytes) -> Image.Exif:
    """An EXIF block without what a TIFF file says in the same tags about its own layout, such as its width."""
    exif = Image.Exif()
    exif.load(block)
    for tag in set(exif) - TIFF_DESCRIBES:
        del exif[tag]
    return exif


def upright(pixels: Bytes, orientation: int) -> Bytes:
    """Undo EXIF orientation 1 to 8 on (H,W) or (H,W,C)."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _deep_grey(values: NDArray[np.generic]) -> tuple[Bytes, list[str]]:
    """16-bit, 32-bit or float grey -> uint8; 0..65535 (integers) and 0..1 (floats) are taken at their word."""
    numbers = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    top = 1.0 if np.issubdtype(values.dtype, np.floating) else 65535.0
    low, high, said = 0.0, top, list[str]()
    if numbers.min() < 0 or numbers.max() > top:
        low, high = min(0.0, float(numbers.min())), float(numbers.max())
        said.append(f"grey values {low:g} to {high:g} were stretched to black and white")
    return np.round((numbers - low) * (255 / (high - low))).astype(np.uint8), said


def _is_deep_colour(image: Image.Image, data: bytes) -> bool:
    """Whether this is a 16-bit colour file, of which Pillow would keep the high bytes only."""
    if image.format == "PNG":
        return data[24:25] == b"\x10" and image.mode in ("RGB", "RGBA", "LA")
    tags = _tags(image)
    return (
        bool(data)
        and image.mode in ("RGB", "RGBA")
        and 16 in tags.get(258, ())
        and tags.get(338) in (None, (2,))  # straight alpha: OpenCV takes every fourth channel for that
    )


def _tags(image: Image.Image) -> Mapping[int, Any]:
    """A TIFF file's tags by number; other files have none."""
    return getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}


def _decode_deep(data: bytes) -> Bytes | None:
    """16-bit colour read whole, not turned -> uint8 (H,W,3|4) RGB(A), or None where OpenCV cannot."""
    pixels = cv2.imdecode(np.frombuffer(_unturned(data), np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        return None
    return _to_bytes(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])


def _planes(image: Image.Image, data: bytes) -> NDArray[np.uint16]:
    """The uncompressed planes of a 16-bit TIFF file, one after the other -> (H,W,3|4); Pillow opens no other kind."""
    tags = _tags(image)
    strips = (data[start : start + size] for start, size in zip(tags[273], tags[279], strict=True))
    planes = np.frombuffer(b"".join(strips), "<u2" if data[:2] == b"II" else ">u2")
    return planes.reshape(-1, tags[257], tags[256]).transpose(1, 2, 0)


def _to_bytes(deep: NDArray[Any]) -> Bytes:
    """0..65535 -> 0..255, rounded."""
    return np.ascontiguousarray(((deep.astype(np.uint32) * 2 + 257) // 514).astype(np.uint8))


def _unturned(data: bytes) -> bytes:
    """A TIFF file whose orientation tag says 1, since some versions of OpenCV turn the picture by it; others as is."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        return data
    big = struct.unpack_from(order + "H", data, 2)[0] == 43  # BigTIFF
    start, size = struct.unpack_from(order + ("8xQ" if big else "4xI"), data)[0], 20 if big else 12
    count = struct.unpack_from(order + ("Q" if big else "H"), data, start)[0]
    turned = bytearray(data)
    for place in range(start + (8 if big else 2), start + (8 if big else 2) + count * size, size):
        if struct.unpack_from(order + "H", data, place)[0] == ORIENTATION:
            struct.pack_into(order + "H", turned, place + size - (8 if big else 4), 1)
    return bytes(turned)


def _managed(image: Image.Image, profile: bytes | None) -> Decoded:
    """To sRGB through the picture's own profile; without one, by Pillow's plain formula and a note."""
    try:
        if not profile and image.mode != "LAB":
            raise TypeError(f"{image.mode} has no profile")
        source = ImageCms.ImageCmsProfile(BytesIO(profile)) if profile else ImageCms.createProfile("LAB")
        rgb = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        return np.array(rgb), None, None, []
    except (ImageCms.PyCMSError, OSError, TypeError):
        note = f"{image.mode} without a usable colour profile: colours are approximate"
        return np.array(image.convert("RGB")), None, None, [note] if image.mode == "CMYK" else []


def to_srgb(rgb: Bytes, profile: bytes) -> Bytes:
    """uint8 (H,W,3) whose colours an RGB profile describes -> the same in sRGB; unchanged where it is unusable."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        return np.array(ImageCms.profileToProfile(Image.fromarray(rgb), source, ImageCms.createProfile("sRGB")))
    except (ImageCms.PyCMSError, OSError, TypeError):
        return rgb


def _rgb_only(profile: bytes | None) -> bytes | None:
    """The profile if it describes RGB: another kind beside RGB pixels makes files that viewers refuse."""
    return profile if profile and profile[16:20] == b"RGB " else None
