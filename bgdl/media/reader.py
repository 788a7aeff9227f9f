"""A clip as a stream of frame batches: timestamps kept, rotation applied, flat in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import cast

import av
import numpy as np
import torch
from numpy.typing import NDArray

from bgdl import convert
from bgdl.errors import InputError
from bgdl.media import color
from bgdl.media.clock import Clock
from bgdl.media.color import ColorTags
from bgdl.media.decoder import Decoder
from bgdl.media.opening import interruptible, may_stall
from bgdl.media.orientation import Orientation, orientation_of
from bgdl.types import FrameBatch

_CUT_S = 0.5
"""Seconds that the picture of a long clip may end before its source says so."""


@dataclass(frozen=True)
class VideoInfo:
    """What is known of a clip after its first frame.

    size_hw: as shown, orientation applied. rate: average frames a second, or None. frames: an estimate for progress
    bars, or None; never used to stop. duration_s: of the part that is read, or None. bits: of a colour sample.
    sound: the file has an audio track. segments: it comes a few seconds at a time (HLS, DASH).
    """

    size_hw: tuple[int, int]
    time_base: Fraction
    rate: Fraction | None
    frames: int | None
    duration_s: float | None
    color: ColorTags
    pixel_aspect: Fraction | None
    orientation: Orientation
    bits: int
    has_alpha: bool
    interlaced: bool
    codec: str
    sound: bool
    segments: bool
    metadata: dict[str, str]


_KEPT = {"title", "artist", "album", "comment", "copyright", "creation_time", "date", "description", "genre"}
"""What is taken of a file's tags: those that a person wrote or reads, not those of the container."""

_SEGMENTED = ("hls", "dash")  # FFmpeg's names


class VideoReader:
    """Reads the video stream of a file or URL, frame by frame.

    start_s, end_s: seconds after the clip's first timestamp; frames with start <= time < end are read.
    limit: at most so many frames. Packets that cannot be decoded are skipped and counted in `broken`, timestamps that
    are missing or do not grow are repaired and counted in `repaired`; where they begin anew, the rest is moved behind
    what came before and counted in `joins`.
    origin_s, first_s: the clip's first timestamp and that of the first frame read, on the file's clock.
    zero_s: where that clock begins: 0, or the first moment of picture and sound where clocks begin anywhere (MPEG).
    stopped: the end of the range, or the limit, was reached.
    Raises InputError for a file that does not open, has no video stream or no frame in the range, and for a URL whose
    connection breaks or gives nothing for 20 s.
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
        self._start_s, self._end_s, self._limit = start_s, end_s, limit
        interruptible(self._begin) if may_stall(self.source) else self._begin()

    def _begin(self) -> None:
        """Open the source and decode the first frame."""
        self._decoder = Decoder(self.source)
        self._rate = self._decoder.stream.average_rate or None
        self._time_base = self._decoder.time_base
        self._clock = Clock(self._time_base, self._rate)
        self.origin_s = self._decoder.origin_s
        self.zero_s = self._decoder.zero_s
        self.stopped = False
        self._newest = self._lasts = self._count = 0
        self._frames = self._ranged()
        self._first = next(self._frames, None)
        if self._first is None:
            self.close()
            raise InputError(self._why_empty())
        self.first_s = self._first[1] * self._time_base
        self._picture_s = _picture_s(self._decoder)
        self._frames_told = self._decoder.stream.frames
        self.info = self._describe(self._first[0])

    @property
    def broken(self) -> int:
        return self._decoder.broken

    @property
    def repaired(self) -> int:
        return self._clock.repaired

    @property
    def joins(self) -> int:
        return self._clock.joins

    @property
    def newest_s(self) -> Fraction:
        """When the last frame that was read begins, on the file's clock."""
        return self._newest * self._time_base

    @property
    def ends_s(self) -> Fraction:
        """When the last frame that was read is no longer shown, on the file's clock."""
        lasts_s = self._lasts * self._time_base or 1 / (self._rate or Fraction(25))
        ends_s = self.newest_s + lasts_s
        if self._all_read and self._picture_s is not None:  # mp4 knows no frame's length but that of the whole
            ends_s = max(ends_s, self.origin_s + round(self._picture_s / self._time_base) * self._time_base)
        if self._end_s is None or self._count == self._limit:
            return ends_s
        return self.origin_s + self._end_s if self.stopped else min(ends_s, self.origin_s + self._end_s)

    @property
    def _all_read(self) -> bool:
        """Whether every frame was read that the file counts; False where it counts none."""
        return self._decoder.ended and 0 < self._frames_told <= self._count

    @property
    def cut(self) -> str | None:
        """Where the picture ended and where it should have, if that is clearly earlier; None before the end."""
        whole_s, ranged = self._picture_s, self._end_s is not None or self._limit is not None
        if whole_s is None or ranged or self._all_read or not self._decoder.ended:
            return None
        rate = self._rate or Fraction(25)
        ends_s = float(self.ends_s - min(Fraction(0), self.origin_s))
        if whole_s - ends_s <= min(_CUT_S, max(3 / float(rate), whole_s / 20)):
            return None
        counted = f" ({self._count} of {self.info.frames} frames)" if self._start_s is None and self.info.frames else ""
        return f"{ends_s:.2f} of {whole_s:.2f} s{counted}"

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._decoder.close()
        self._frames = iter(())  # the generator holds this reader: the decoder would stay until Python looks for cycles

    def batches(self, size: int) -> Iterator[FrameBatch]:
        """Batches of `size` frames (the last may be smaller), in order, each frame once; call it once."""
        frames: list[torch.Tensor] = []
        pts: list[int] = []
        for frame, stamp in self.frames():
            frames.append(self.picture(frame))
            pts.append(stamp)
            if len(frames) == size:
                yield FrameBatch(_join(frames), tuple(pts), self.info.time_base)
                frames, pts = [], []
        if frames:
            yield FrameBatch(_join(frames), tuple(pts), self.info.time_base)

    def frames(self) -> Iterator[tuple[av.VideoFrame, int]]:
        """Frames as they were decoded, of which `picture` makes pictures, with their timestamps; instead of `batches`.

        Most of a frame's time goes into its picture.
        """
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        yield from self._frames

    def _ranged(self) -> Iterator[tuple[av.VideoFrame, int]]:
        """Frames of the asked range with timestamps that grow."""
        decoder = self._decoder
        for frame in decoder.frames_from(self.origin_s + self._start_s) if self._start_s else decoder.frames():
            pts = self._clock.stamp(frame.pts)
            time_s = pts * self._time_base - self.origin_s
            if self._end_s is not None and time_s >= self._end_s:
                self.stopped = True
                return
            self._newest, self._lasts = pts, frame.duration
            if self._start_s is not None and time_s < self._start_s:
                continue
            self._count += 1
            yield frame, pts
            if self._count == self._limit:
                self.stopped = True
                return

    def _describe(self, frame: av.VideoFrame) -> VideoInfo:
        orientation = orientation_of(frame)
        stream = self._decoder.stream
        aspect = stream.sample_aspect_ratio or None
        duration_s = self._duration_s()
        return VideoInfo(
            size_hw=orientation.size_hw(frame.height, frame.width),
            time_base=self._time_base,
            rate=self._rate,
            frames=self._estimate(duration_s),
            duration_s=duration_s,
            color=color.tags_of(frame, stream.codec_context),
            pixel_aspect=1 / aspect if aspect and orientation.swap else aspect,
            orientation=orientation,
            bits=max(component.bits for component in frame.format.components),
            has_alpha=any(part.is_alpha for part in frame.format.components) and stream.codec_context.name != "gif",
            interlaced=bool(frame.interlaced_frame),
            codec=stream.codec_context.name,
            sound=bool(self._decoder.container.streams.audio),
            segments=self._decoder.container.format.name in _SEGMENTED,
            metadata={key: text for key, text in self._decoder.container.metadata.items() if key.lower() in _KEPT},
        )

    def _duration_s(self) -> float | None:
        whole_s = self._picture_s
        if whole_s is None and self._decoder.container.duration is not None:  # that of the longest track
            whole_s = self._decoder.container.duration / 1_000_000
        if whole_s is None:
            return None
        end_s = min(whole_s, float(self._end_s)) if self._end_s is not None else whole_s
        return max(0.0, end_s - float(self._start_s or 0))

    def _estimate(self, duration_s: float | None) -> int | None:
        whole = self._start_s is None and self._end_s is None
        count = (self._decoder.stream.frames or None) if whole else None
        if count is None and duration_s is not None and self._rate:
            count = max(1, round(duration_s * float(self._rate)))
        if self._limit is not None:
            count = min(count, self._limit) if count else self._limit
        return count

    def picture(self, frame: av.VideoFrame) -> torch.Tensor:
        """uint8 (1,H,W,3): a frame as it is shown; one of another size or turn than the first is brought to its."""
        orientation = self.info.orientation
        height, width = orientation.size_hw(*self.info.size_hw)
        picture = color.to_rgb(frame, self.info.color, (width, height)).to_ndarray()
        return convert.frame_to_tensor(orientation.apply(cast("NDArray[np.uint8]", picture)))

    def _why_empty(self) -> str:
        if self._start_s is not None or self._end_s is not None:
            return f"{self.source}: no frame between start and end"
        if self._decoder.stream.codec_context.name == "webp":
            return f"{self.source}: FFmpeg here cannot read moving WebP; convert it to .gif, .apng or .mp4 first"
        return f"{self.source}: no frame can be decoded (damaged packets: {self.broken})"


def _picture_s(decoder: Decoder) -> float | None:
    """How long the source says that its picture is, in seconds."""
    stream, container = decoder.stream, decoder.container
    if stream.duration is not None:
        return float(stream.duration * decoder.time_base)
    tagged = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))  # Matroska's, of one track
    if tagged:
        return 3600 * int(tagged[1]) + 60 * int(tagged[2]) + float(tagged[3])
    if container.duration is None or len(container.streams) > 1:  # it is that of the longest track
        return None
    return container.duration / 1_000_000


def _join(frames: list[torch.Tensor]) -> torch.Tensor:
    return frames[0] if len(frames) == 1 else torch.cat(frames)
