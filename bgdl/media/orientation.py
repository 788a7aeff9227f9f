"""How a clip is turned and mirrored when it is shown: FFmpeg's display matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer, Type
from numpy.typing import NDArray

_ALMOST_ZERO = 1e-3  # of the matrix's largest entry

_side_data: Any = SideDataContainer
"""PyAV 18's `frame.side_data` would keep the frame, and with it its decoder, until Python looks for cycles."""

_NAMES = {
    (False, True, True): "turned by 180 degrees",
    (True, True, False): "turned clockwise by 90 degrees",
    (True, False, True): "turned clockwise by 270 degrees",
    (False, True, False): "mirrored left to right",
    (False, False, True): "mirrored top to bottom",
    (True, False, False): "mirrored left to right and turned clockwise by 270 degrees",
    (True, True, True): "mirrored left to right and turned clockwise by 90 degrees",
}


@dataclass(frozen=True)
class Orientation:
    """Rows and columns are swapped first, then columns and rows reversed.

    askew: the matrix says something else than quarter turns and mirrors; the picture is left as it is.
    """

    swap: bool = False
    flip_columns: bool = False
    flip_rows: bool = False
    askew: bool = False

    def __str__(self) -> str:
        """In words, clockwise; empty for a picture that is shown as it is."""
        return _NAMES.get((self.swap, self.flip_columns, self.flip_rows), "")

    def size_hw(self, height: int, width: int) -> tuple[int, int]:
        return (width, height) if self.swap else (height, width)

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H,W,C) as decoded -> as shown; a view."""
        shown = picture.swapaxes(0, 1) if self.swap else picture
        return shown[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """What a decoded frame's display matrix says, by the signs of its entries."""
    data = _side_data(frame).get(Type.DISPLAYMATRIX)
    if data is None:
        return Orientation()
    a, b, _, c, d = (int(entry) for entry in np.frombuffer(bytes(data), np.int32)[:5])
    small = _ALMOST_ZERO * max(abs(a), abs(b), abs(c), abs(d))
    if max(abs(b), abs(c)) <= small < min(abs(a), abs(d)):
        return Orientation(flip_columns=a < 0, flip_rows=d < 0)
    if max(abs(a), abs(d)) <= small < min(abs(b), abs(c)):
        return Orientation(swap=True, flip_columns=c < 0, flip_rows=b < 0)
    return Orientation(askew=True)
