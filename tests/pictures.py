"""Pictures in memory, stored in the ways that cameras and scanners store them."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ORIENTATION, MAKER = 0x0112, 0x010F
STORED_AS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def encoded(picture: Image.Image, format: str, **options: Any) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def corners() -> NDArray[np.uint8]:
    """Four different quarters, wider than high."""
    array = np.zeros((40, 64, 3), np.uint8)
    array[:20, :32], array[:20, 32:], array[20:, :32] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    return array


def deep_tiff(pixels: NDArray[np.uint16], orientation: int, order: str) -> bytes:
    """A 16-bit colour TIFF as scanners write it: uncompressed, one strip, pixels (H,W,3)."""
    height, width = pixels.shape[:2]
    data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    bits = 8 + 2 + 10 * 12 + 4
    short, long = 3, 4
    tags = [
        (256, short, 1, width), (257, short, 1, height), (258, short, 3, bits), (259, short, 1, 1), (262, short, 1, 2),
        (273, long, 1, bits + 6), (ORIENTATION, short, 1, orientation), (277, short, 1, 3), (278, short, 1, height),
        (279, long, 1, len(data)),
    ]  # fmt: skip
    entries = b""
    for tag, kind, count, value in tags:
        within = (kind, count) == (short, 1)  # left in its four bytes
        entries += struct.pack(order + "HHI" + ("HH" if within else "I"), tag, kind, count, value, *[0] * within)
    header = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    return header + struct.pack(order + "H", 10) + entries + bytes(4) + struct.pack(order + "3H", 16, 16, 16) + data
