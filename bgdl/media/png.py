"""PNG through OpenCV with one filter for all rows: two thirds of the time of Pillow, which tries five on each row."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from bgdl.opencv import cv2

OPTIONS = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
"""Run lengths: several times faster than zlib's default, some 6 % larger."""
if hasattr(cv2, "IMWRITE_PNG_FILTER"):
    OPTIONS += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_PAETH]
FROM_RGB = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
HEADER_BYTES = 8 + 25
"""The signature and IHDR, which other chunks follow."""
INCH_M = 0.0254


def encode(
    picture: NDArray[np.uint8],
    icc_profile: bytes | None = None,
    exif: bytes | None = None,
    dpi: tuple[float, float] | None = None,
) -> bytes:
    """uint8 (H,W,1|3|4), RGB first -> the bytes of a file with its colour profile, EXIF and resolution."""
    channels = picture.shape[2]
    ordered = picture if channels == 1 else cv2.cvtColor(picture, FROM_RGB[channels])
    data = cv2.imencode(".png", ordered, OPTIONS)[1].tobytes()
    extra = b""
    if icc_profile:
        extra += _chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc_profile))
    if dpi:
        extra += _chunk(b"pHYs", struct.pack(">IIB", *(round(dots / INCH_M) for dots in dpi), 1))
    if exif:
        extra += _chunk(b"eXIf", exif.removeprefix(b"Exif\0\0"))
    return data[:HEADER_BYTES] + extra + data[HEADER_BYTES:]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
