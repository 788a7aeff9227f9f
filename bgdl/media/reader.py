"""A clip as a stream of frame batches: timestamps kept, rotation applied, flat in memory."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
import torch
from numpy.typing import NDArray

from bgdl import convert
from bgdl.errors import InputError
from bgdl.media import color
from bgdl.media.color import ColorTags
from bgdl.types import FrameBatch

_ATTACHED_PICTURE = 0x400


@dataclass(frozen=True)
class VideoInfo:
    """What is known of a clip after its first frame.

    size_hw: as shown, rotation applied. rate: average frames a second, or None. frames: an estimate for progress
    bars, or None; never used to stop. duration_s: of the part that is read, or None. bits: of a colour sample.
    sound: the file has an audio track.
    """

    size_hw: tuple[int, int]
    time_base: Fraction
    rate: Fraction | None
    frames: int | None
    duration_s: float | None
    color: ColorTags
    pixel_aspect: Fraction | None
    rotation: int
    bits: int
    interlaced: bool
    codec: str
    sound: bool


class VideoReader:
    """Reads the video stream of a file or URL, frame by frame.

    start_s, end_s: seconds after the clip's first timestamp; frames with start <= time < end are read.
    limit: at most so many frames. Packets that cannot be decoded are skipped and counted in `broken`;
    timestamps that are missing or do not grow are repaired and counted in `repaired`.
    origin_s, first_s: the clip's first timestamp and that of the first frame read, on the file's clock.
    Raises InputError for a file that does not open, has no video stream or no frame in the range.
    """

    def __init__(
        self,
        source: str | Path,
        *,
        start_s: Fraction | None = None,
        end_s: Fraction | None = None,
        limit: int | None = None,
    ) -> None:
        self.source = str(source)
        self.broken = 0
        self.repaired = 0
        self._start_s, self._end_s, self._limit = start_s, end_s, limit
        self._last_pts: int | None = None
        self._container = _open(self.source)
        self._stream = _video_stream(self._container, self.source)
        self._stream.thread_type = "AUTO"
        self._time_base = self._stream.time_base or Fraction(1, 90000)
        self.origin_s = Fraction(self._stream.start_time or 0) * self._time_base
        self._frames = self._decoded()
        self._first = next(self._frames, None)
        if self._first is None:
            self.close()
            raise InputError(self._why_empty())
        self.first_s = self._first[1] * self._time_base
        self.info = self._describe(self._first[0])

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._container.close()

    def batches(self, size: int) -> Iterator[FrameBatch]:
        """Batches of `size` frames (the last may be smaller), in order, each frame once; call it once."""
        frames: list[torch.Tensor] = []
        pts: list[int] = []
        for frame, stamp in self._all():
            frames.append(convert.frame_to_tensor(self._to_rgb(frame)))
            pts.append(stamp)
            if len(frames) == size:
                yield FrameBatch(_join(frames), tuple(pts), self.info.time_base)
                frames, pts = [], []
        if frames:
            yield FrameBatch(_join(frames), tuple(pts), self.info.time_base)

    def _all(self) -> Iterator[tuple[av.VideoFrame, int]]:
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        yield from self._frames

    def _decoded(self) -> Iterator[tuple[av.VideoFrame, int]]:
        """Frames of the asked range with timestamps that grow."""
        self._seek()
        count = 0
        for frame in self._every_frame():
            pts = self._stamp(frame)
            time_s = pts * self._time_base - self.origin_s
            if self._end_s is not None and time_s >= self._end_s:
                return
            if self._start_s is not None and time_s < self._start_s:
                continue
            yield frame, pts
            count += 1
            if count == self._limit:
                return

    def _every_frame(self) -> Iterator[av.VideoFrame]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:  # a damaged end: what is inside the decoder is still good
                self.broken += 1
                packet = None
            try:
                yield from self._stream.decode(packet)
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                self.broken += 1
            if packet is None:
                return

    def _seek(self) -> None:
        if self._start_s:
            target = self.origin_s + self._start_s
            try:
                self._container.seek(int(target / self._time_base), stream=self._stream, backward=True)
            except av.error.FFmpegError:  # no index: decode from the beginning instead
                self._container.close()
                self._container = _open(self.source)
                self._stream = _video_stream(self._container, self.source)

    def _stamp(self, frame: av.VideoFrame) -> int:
        """The frame's timestamp; one that is missing or does not grow becomes the last one plus a frame."""
        pts = frame.pts
        if self._last_pts is None:
            pts = pts if pts is not None else 0
        elif pts is None or pts <= self._last_pts:
            rate = self._stream.average_rate or Fraction(25)
            pts = self._last_pts + (max(1, round(1 / rate / self._time_base)) if frame.pts is None else 1)
            self.repaired += 1
        self._last_pts = pts
        return pts

    def _describe(self, frame: av.VideoFrame) -> VideoInfo:
        rotation = int(getattr(frame, "rotation", 0)) % 360
        turned = rotation in (90, 270)
        size_hw = (frame.width, frame.height) if turned else (frame.height, frame.width)
        aspect = self._stream.sample_aspect_ratio or None
        duration_s = self._duration_s()
        rate = self._stream.average_rate or None
        return VideoInfo(
            size_hw=size_hw,
            time_base=self._time_base,
            rate=rate,
            frames=self._count(duration_s, rate),
            duration_s=duration_s,
            color=color.tags_of(frame, self._stream.codec_context),
            pixel_aspect=1 / aspect if aspect and turned else aspect,
            rotation=rotation,
            bits=max(component.bits for component in frame.format.components),
            interlaced=bool(frame.interlaced_frame),
            codec=self._stream.codec_context.name,
            sound=bool(self._container.streams.audio),
        )

    def _duration_s(self) -> float | None:
        stream, container = self._stream, self._container
        if stream.duration is not None:
            whole = float(stream.duration * self._time_base)
        elif container.duration is not None:
            whole = container.duration / 1_000_000
        else:
            return None
        end_s = min(whole, float(self._end_s)) if self._end_s is not None else whole
        return max(0.0, end_s - float(self._start_s or 0))

    def _count(self, duration_s: float | None, rate: Fraction | None) -> int | None:
        whole = self._start_s is None and self._end_s is None
        count = self._stream.frames if whole and self._stream.frames else None
        if count is None and duration_s is not None and rate:
            count = max(1, round(duration_s * float(rate)))
        if self._limit is not None:
            count = min(count, self._limit) if count else self._limit
        return count

    def _to_rgb(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        height, width = self.info.size_hw
        if self.info.rotation in (90, 270):
            height, width = width, height
        array = color.to_rgb(frame, self.info.color, (width, height)).to_ndarray()
        return np.rot90(array, self.info.rotation // 90)

    def _why_empty(self) -> str:
        if self._start_s is not None or self._end_s is not None:
            return f"{self.source}: no frame between --start and --end"
        return f"{self.source}: no frame can be decoded ({self.broken} damaged packets)"


def address(source: str) -> str:
    """What FFmpeg is given to read: a URL as it is, a file by its whole path.

    A file called 12:30.mkv would else be taken for a URL of the protocol "12".
    """
    url = re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", source) and not os.path.exists(source)
    return source if url else os.path.abspath(source)


def _open(source: str) -> av.container.InputContainer:
    try:
        return av.open(address(source))
    except av.error.FFmpegError as error:
        raise InputError(f"{source}: cannot be opened as a video ({error.strerror})") from error


def _video_stream(container: av.container.InputContainer, source: str) -> av.VideoStream:
    for stream in container.streams.video:
        if not int(stream.disposition) & _ATTACHED_PICTURE:
            return stream
    kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
    container.close()
    raise InputError(f"{source}: has no video stream (it holds {kinds})")


def _join(frames: list[torch.Tensor]) -> torch.Tensor:
    return frames[0] if len(frames) == 1 else torch.cat(frames)
