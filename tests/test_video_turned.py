"""Display matrices: every quarter turn and mirror is applied, other angles are left and said."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from tests.video_clips import Picture, Whole, convert, decoded, write_clip

ONE = 1 << 16
COLOURS = {"R": (200, 0, 0), "G": (0, 200, 0), "B": (0, 0, 200), "Y": (200, 200, 0)}


def quarters(*_: object) -> Picture:
    """RG over BY."""
    rows = [np.hstack([np.full((24, 32, 3), COLOURS[name], np.uint8) for name in row]) for row in ("RG", "BY")]
    return np.vstack(rows)


def turned(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """A clip whose track header holds the matrix (a b, c d)."""
    write_clip(path, frames=2, picture=quarters, pix_fmt="yuv444p", options={"crf": "1"})
    a, b, c, d = matrix
    data = bytearray(path.read_bytes())
    begin = data.find(b"tkhd") + 4 + 40
    data[begin : begin + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def corners(picture: Picture) -> str:
    near = {name: np.array(colour) for name, colour in COLOURS.items()}
    spots = [picture[row, column].astype(int) for row in (4, -5) for column in (4, -5)]
    return "".join(min(near, key=lambda name: int(np.abs(near[name] - spot).sum())) for spot in spots)


@pytest.mark.parametrize(
    ("matrix", "shown", "note"),
    [
        ((0, ONE, -ONE, 0), "BRYG", "is turned clockwise by 90 degrees"),
        ((-ONE, 0, 0, -ONE), "YBGR", "is turned by 180 degrees"),
        ((0, -ONE, ONE, 0), "GYRB", "is turned clockwise by 270 degrees"),
        ((-ONE, 0, 0, ONE), "GRYB", "is mirrored left to right"),
        ((ONE, 0, 0, -ONE), "BYRG", "is mirrored top to bottom"),
        ((0, ONE, ONE, 0), "RBGY", "is mirrored left to right and turned clockwise by 270 degrees"),
        ((0, -ONE, -ONE, 0), "YGBR", "is mirrored left to right and turned clockwise by 90 degrees"),
        ((46341, 46341, -46341, 46341), "RGBY", "asks to be shown at an angle that is not a quarter turn"),
    ],
)
def test_a_display_matrix_is_applied(tmp_path: Path, matrix: tuple[int, int, int, int], shown: str, note: str) -> None:
    source = turned(tmp_path / "in.mp4", matrix)
    report = convert(source, tmp_path / "out.mkv", model=Whole(), format="ffv1")
    picture = decoded(tmp_path / "out.mkv")[1][0]
    assert picture.shape[:2] == report.size_hw == ((64, 48) if matrix[0] == 0 else (48, 64))
    assert corners(picture) == shown
    assert note in report.notes[0]
