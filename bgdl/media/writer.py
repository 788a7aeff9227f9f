"""Pictures into a video file: exact timestamps, colour tags, sound beside it, the final name only when whole."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bgdl.errors import InputError
from bgdl.media import color
from bgdl.media.bleed import fill_hidden
from bgdl.media.color import ColorTags
from bgdl.media.encoder import encoder_options
from bgdl.media.formats import VideoFormat
from bgdl.media.interrupt import ctrl_c_after
from bgdl.media.palette import Palette, clearable
from bgdl.media.part import PartFile
from bgdl.media.square import scale, square_size
from bgdl.media.tracks import Tracks

_NAMES = {1: "gray", 3: "rgb24", 4: "rgba"}

_FAST_START = {"movflags": "+faststart"}
_FRAGMENTS = {"movflags": "+hybrid_fragmented", "frag_duration": "1000000", "flush_packets": "1"}
_CLUSTERS = {"cluster_time_limit": "1000", "flush_packets": "1"}
_RECOVERABLE = {"mp4": _FRAGMENTS, "mov": _FRAGMENTS, "matroska": _CLUSTERS, "webm": _CLUSTERS}
"""Each second is on disk and stands for itself; of mp4 and mov until the end makes one of them, its index behind."""

_LEAST_OF_CUTREE_PX = 64
"""Width. libx265 writes behind its row of blocks where a narrower picture has three or fewer, and the process dies."""


class VideoWriter:
    """Writes uint8 pictures of one size with their timestamps; a context manager.

    A clean exit gives the file its final name. After an exception the unfinished file is deleted, after
    KeyboardInterrupt, and however many more, it is closed properly and kept as NAME.part (`part.part`). Of several
    files that belong together each is brought to its end by `finish` before the first exit. keep: what cannot be made
    again: where its end fails it is left as NAME.part, which plays as far as it goes. in_order: pictures are encoded in
    the order in which they are shown, without which mp4 cannot tell the length of a clip of uneven rate.
    channels: of the pictures, 1, 3 or 4 (straight alpha). size_hw: of the pictures. time_base: of the timestamps.
    pixel_aspect: width of a pixel over its height; where the file cannot tell it, pictures are scaled to square ones.
    ends_s, until_s: set before the end, the last picture and the tracks end there. `notes` says what came out other
    than it went in.
    Raises InputError for a target that may not be written, for what the encoder refuses, and where writing fails.
    """

    frames = 0
    ends_s: Fraction | None = None
    until_s: Fraction | None = None
    _held: av.VideoFrame | None = None
    _last_pts = _lasts = _left_out = 0
    _delay: int | None = None  # of the first packet, from decoding to showing
    _flushed = _finished = False

    def __init__(
        self,
        target: Path,
        chosen: VideoFormat,
        *,
        size_hw: tuple[int, int],
        channels: int,
        time_base: Fraction,
        rate: Fraction | None = None,
        tags: ColorTags | None = None,
        pixel_aspect: Fraction | None = None,
        encoder: str | None = None,
        crf: int | None = None,
        preset: str | None = None,
        tracks: Tracks | None = None,
        metadata: dict[str, str] | None = None,
        overwrite: bool = False,
        keep: bool = False,
        in_order: bool = False,
    ) -> None:
        self.format = chosen
        self._keep = keep
        self.encoder = encoder or chosen.codec
        self.time_base = time_base
        self._tags = tags or ColorTags()
        self._grey = channels == 1
        self._pix_fmt = chosen.pix_fmts.get(channels) or chosen.pix_fmts[3]
        self._keeps_alpha = channels in chosen.pix_fmts
        self._ticks = Fraction(1, chosen.ticks) if chosen.ticks else time_base
        muxer = chosen.muxers[target.suffix.lower()] if target.suffix else "image2"
        told = chosen.tells_aspect(muxer)
        self._square_hw = size_hw if told else square_size(size_hw, pixel_aspect)
        self._scaled = self._square_hw != size_hw
        self._palette = Palette(self._square_hw, self._ticks) if chosen.name == "gif" else None
        self._tracks = tracks if chosen.sound else None
        options = encoder_options(chosen, self.encoder, crf, preset)
        self.part = PartFile(target, sequence=chosen.sequence, overwrite=overwrite)
        try:
            self._open(muxer, metadata or {}, rate or Fraction(25), options)
            self._set_up(self._square_hw, pixel_aspect if told else None, muxer)
            if in_order:
                self._stream.codec_context.max_b_frames = 0
            self._start()
            if self._tracks:
                self._tracks.attach(self._container)
        except BaseException:
            self.part.discard()
            raise

    def _open(self, muxer: str, metadata: dict[str, str], rate: Fraction, options: dict[str, str]) -> None:
        extra = _RECOVERABLE.get(muxer, {}) if self._keep else _FAST_START if muxer in ("mp4", "mov") else {}
        wanted = {**extra, **self.format.muxer_options}
        self._container = av.open(str(self.part.path), "w", format=muxer, options=wanted)
        self._container.metadata.update(metadata)
        self._stream: Any = self._container.add_stream(self.encoder, rate=rate, options=options)

    def _set_up(self, size_hw: tuple[int, int], pixel_aspect: Fraction | None, muxer: str) -> None:
        height, width = (-(-side // 2) * 2 for side in size_hw) if self.format.even else size_hw
        self.padded = (height, width) != size_hw
        self.size_hw = (height, width)
        stream = self._stream
        stream.width, stream.height, stream.pix_fmt = width, height, self._pix_fmt
        stream.codec_context.time_base = self._ticks
        stream.codec_context.thread_type = "AUTO"
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if self.format.name == "h265" and muxer != "matroska":
            stream.codec_context.codec_tag = "hvc1"  # what QuickTime asks for
        if self.encoder == "libx265" and width < _LEAST_OF_CUTREE_PX:
            stream.codec_context.options["x265-params"] += ":cutree=0"
        if self._grey:
            self._tags = ColorTags()
        if self.format.name == "prores":  # its stream cannot tell the range, and is read as limited
            self._tags = replace(self._tags, range=color.LIMITED)
        color.label(stream.codec_context, self._tags, self._pix_fmt)

    def _start(self) -> None:
        """Open the encoder before any frame is worked on."""
        height, width = self.size_hw
        what = f"{self.encoder} does not encode pictures of {width}×{height} px with these options"
        with _told(what, "use another format, or leave crf and preset out"):
            self._stream.codec_context.open()

    @property
    def notes(self) -> list[str]:
        name, (height, width) = self.part.final.name, self.size_hw
        notes = []
        if self._scaled:
            notes.append(f"{name} supports square pixels only: the picture is scaled to {width}×{height} px")
        if self._left_out:
            notes.append(
                f"{self.format.name} shows at most {self.format.most_fps:.0f} frames per second: "
                f"{self._left_out} that came faster were left out"
            )
        return [*notes, *(self._tracks.notes if self._tracks else [])]

    def write(self, pictures: Tensor, pts: Sequence[int]) -> None:
        """uint8 (N,H,W,C) on the CPU, N timestamps in `time_base` that grow."""
        with self._writing(), ctrl_c_after():
            for picture, stamp in zip(pictures.numpy(), pts, strict=True):
                if self._tracks:
                    self._tracks.advance(stamp * self.time_base)
                self._hold(self._frame(picture), stamp)
                self.frames += 1

    def _writing(self) -> contextlib.AbstractContextManager[None]:
        instead = ", or try sound none" if self._container.streams.audio else ""
        return _told(f"{self.part.final}: cannot be written", f"make room on the disk{instead}")

    def _hold(self, frame: av.VideoFrame, stamp: int) -> None:
        """Encode the frame before, and keep this one; it is left out where the format cannot show both."""
        pts = stamp if self._ticks == self.time_base else round(stamp * self.time_base / self._ticks)
        frame.pts, frame.time_base = pts, self._ticks
        if self._held is not None and pts - self._last_pts < self.format.least_ticks:
            self._left_out += 1
            return
        self._encode_held()
        self._held, self._last_pts = frame, pts

    def _encode_held(self) -> None:
        held, self._held = self._held, None
        if held is None:
            return
        for ready in self._palette.frames(held) if self._palette else (held,):
            self._mux(self._stream.encode(ready))

    def _mux(self, packets: list[Any], *, last: bool = False) -> None:
        for packet in packets:
            if self.encoder == "libx265" and self.frames <= 2:
                packet.dts = packet.pts  # x265 makes them up where it is flushed before its delay
            if self._delay is None:
                self._delay = packet.pts - packet.dts
            if self._lasts and packet.pts == self._last_pts:
                packet.duration = self._lasts
            elif self._lasts and last and packet is packets[-1]:  # mp4 goes by the last to be decoded
                packet.duration = self._last_pts + self._lasts - packet.dts - self._delay
            self._container.mux(packet)

    def _frame(self, picture: NDArray[np.uint8]) -> av.VideoFrame:
        if self._scaled:
            picture = scale(picture, self._square_hw)
        if picture.shape[-1] == 4 and self.format.lossy:
            picture = fill_hidden(picture)
        if picture.shape[-1] == 4 and not self._keeps_alpha:
            picture = picture[..., :3]
        if picture.shape[-1] == 4 and self._palette:
            picture = clearable(picture)
        picture = picture[..., 0] if picture.shape[-1] == 1 else picture
        if self.padded:
            rest = ((0, self._stream.height - picture.shape[0]), (0, self._stream.width - picture.shape[1]))
            picture = np.pad(picture, (*rest, (0, 0))[: picture.ndim], mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=_NAMES[_channels(picture)])
        return frame if self._palette else color.from_rgb(frame, self._tags, self._pix_fmt)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and not (issubclass(kind, KeyboardInterrupt) and self.frames):
            self._close_quietly()
            self.part.discard()
            return
        try:
            self.finish()
        except BaseException as failure:
            with ctrl_c_after():
                self._close_quietly()
            stopped = isinstance(failure, KeyboardInterrupt)
            if not self._keep and not stopped:
                self.part.discard()
                raise
            self.part.release()
            if isinstance(failure, InputError):
                raise InputError(f"{failure}; what was written is left in {self.part.part}") from failure
            if stopped and kind is not None:
                return  # Ctrl-C once more: sound ends here, and what the first said stands
            raise
        if kind is None:
            self.part.commit()
        else:
            self.part.release()

    def finish(self) -> None:
        """Write what was held back; the exit then only gives the file its name. After Ctrl-C another call goes on."""
        if self._finished:
            return
        with self._writing():
            if not self._flushed:
                with ctrl_c_after():  # what the encoder gives cannot be asked for twice
                    self._flushed = True
                    self._flush()
            if self._tracks:
                self._tracks.finish(self.until_s)
            self._container.close()
        self._finished = True

    def _flush(self) -> None:
        if self.ends_s is not None:
            self._lasts = max(self.format.least_ticks, round(self.ends_s / self._ticks) - self._last_pts)
        self._encode_held()
        for ready in self._palette.rest() if self._palette else ():
            self._mux(self._stream.encode(ready))
        self._mux(self._stream.encode(None), last=True)

    def _close_quietly(self) -> None:
        if self._tracks:
            self._tracks.close()
        with contextlib.suppress(av.error.FFmpegError, ValueError):
            self._container.close()


@contextlib.contextmanager
def _told(what: str, advice: str) -> Iterator[None]:
    """FFmpeg's error in one sentence."""
    try:
        yield
    except av.error.FFmpegError as error:
        raise InputError(f"{what} ({error.strerror}); {advice}") from error


def _channels(picture: NDArray[np.uint8]) -> int:
    return 1 if picture.ndim == 2 else int(picture.shape[-1])
