"""A palette for each frame of a GIF, one entry kept for transparency."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

OPAQUE = 128
"""Alpha from which a pixel is shown."""


class Palette:
    """FFmpeg's palettegen and paletteuse, frame by frame: rgb24, rgba or gray frames in, pal8 frames out."""

    def __init__(self, size_hw: tuple[int, int], time_base: Fraction) -> None:
        graph = av.filter.Graph()
        source = graph.add_buffer(
            width=size_hw[1], height=size_hw[0], format=av.VideoFormat("rgba"), time_base=time_base
        )
        split = graph.add("split")
        make = graph.add("palettegen", "stats_mode=single:reserve_transparent=1")
        use = graph.add("paletteuse", f"new=1:dither=sierra2_4a:alpha_threshold={OPAQUE}")
        sink = graph.add("buffersink")
        source.link_to(split)
        split.link_to(use, 0, 0)
        split.link_to(make, 1, 0)
        make.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()
        self._graph = graph

    def frames(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """The pal8 frames that are ready after `frame` came in."""
        rgba = frame.reformat(format="rgba")
        rgba.pts, rgba.time_base = frame.pts, frame.time_base
        self._graph.push(rgba)
        yield from self._ready()

    def rest(self) -> Iterator[av.VideoFrame]:
        """What was held back, at the end."""
        self._graph.push(None)
        yield from self._ready()

    def _ready(self) -> Iterator[av.VideoFrame]:
        while True:
            try:
                frame = self._graph.pull()
            except (BlockingIOError, EOFError):
                return
            assert isinstance(frame, av.VideoFrame)
            yield frame


def clearable(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (H,W,4), with one pixel transparent at least: FFmpeg clears only such frames away before the next."""
    if (picture[..., 3] < OPAQUE).any():
        return picture
    picture = picture.copy()
    picture[-1, -1] = 0
    return picture
