"""The kinds of picture that Python users hold: a path, bytes, a PIL image or an array in, the same kind out."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from bgdl import convert
from bgdl.errors import InputError
from bgdl.media import image as files
from bgdl.media.image import Picture
from bgdl.pipeline.paths import path_text

ImageKind = str | Path | bytes | Image.Image | NDArray[np.uint8]
"""A path, the bytes of a file, a PIL image, or uint8 (H,W), (H,W,3) RGB or (H,W,4) RGBA."""


def as_picture(image: object, *, max_pixels: int = files.MAX_PIXELS) -> Picture:
    """A Picture of any ImageKind; raises InputError for all else, and for files of more than `max_pixels`."""
    if isinstance(image, (str, Path)):
        return files.read(path_text("the picture", image), max_pixels=max_pixels)
    if isinstance(image, bytes):
        return files.read(image, max_pixels=max_pixels)
    if isinstance(image, Image.Image):
        return files.from_pil(image)
    if isinstance(image, np.ndarray):
        return _from_array(image)
    raise InputError(f"a picture is a path, bytes, a PIL image or a uint8 array, not {type(image).__name__}")


def as_kind(image: object, source: Picture, shown: Tensor, icc_profile: bytes | None = None) -> object:
    """A result, uint8 (H,W,1|3|4), of the picture `source`, as the kind that `image` is; not for paths."""
    if isinstance(image, bytes):
        buffer = BytesIO()
        files.write(shown, buffer, icc_profile=icc_profile, exif=source.exif, dpi=source.dpi)
        return buffer.getvalue()
    if isinstance(image, Image.Image):
        pil = convert.tensor_to_pil(shown)
        pil.info |= {"icc_profile": icc_profile} if icc_profile and shown.shape[2] > 1 else {}  # which Pillow saves
        pil.info |= {"dpi": source.dpi} if source.dpi else {}
        return pil
    array = shown.numpy()
    return array[..., 0] if array.shape[2] == 1 else array


def _from_array(array: NDArray[np.uint8]) -> Picture:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or channels not in (1, 3, 4) or not array.size:
        raise InputError(
            f"an array picture is uint8 (H,W), (H,W,3) RGB or (H,W,4) RGBA, not {array.dtype} {array.shape}"
        )
    pixels = array.reshape(*array.shape[:2], channels)
    frames = convert.frame_to_tensor(np.repeat(pixels, 3, axis=2) if channels == 1 else pixels[..., :3])
    picture = Picture(frames)
    if channels < 4:
        return picture
    return replace(picture, alpha=convert.to_unit(convert.frame_to_tensor(pixels[..., 3:])))
