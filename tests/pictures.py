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


def deep_tiff(
    pixels: NDArray[np.uint16],
    orientation: int = 1,
    order: str = "<",
    *,
    photometric: int = 2,
    planar: bool = False,
    extra: int | None = None,
) -> bytes:
    """A 16-bit TIFF as scanners write it: uncompressed, one strip (or a plane each), pixels (H,W,C).

    photometric: 2 RGB, 0 grey with white as zero. extra: what the fourth channel is, 0 to 2 (straight alpha).
    """
    height, width, channels = pixels.shape
    planes = [pixels[..., n] for n in range(channels)] if planar else [pixels]
    strips = [plane.astype(pixels.dtype.newbyteorder(order)).tobytes() for plane in planes]
    starts = [8 + sum(map(len, strips[:n])) for n in range(len(strips))]
    tags = [
        (256, [width]), (257, [height]), (258, [16] * channels), (259, [1]), (262, [photometric]), (273, starts),
        (ORIENTATION, [orientation]), (277, [channels]), (278, [height]), (279, list(map(len, strips))),
        (284, [1 + planar]), *([(338, [extra])] if extra is not None else []),
    ]  # fmt: skip
    place = 8 + sum(map(len, strips))
    entries, after = b"", b""
    for tag, values in tags:
        content = struct.pack(f"{order}{len(values)}I", *values)
        if len(values) > 1:  # else left in its four bytes
            after, content = after + content, struct.pack(order + "I", place + 6 + 12 * len(tags) + len(after))
        entries += struct.pack(order + "HHI", tag, 4, len(values)) + content
    header = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, place)
    return header + b"".join(strips) + struct.pack(order + "H", len(tags)) + entries + bytes(4) + after
