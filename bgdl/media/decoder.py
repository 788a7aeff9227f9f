"""The picture of a file or URL, decoded: seeks that land early enough, and damage that costs no good frame."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from typing import Any, cast

import av
from av.codec.codec import Capabilities
from av.format import Flags

from bgdl.errors import InputError
from bgdl.media.clock import FALL_S
from bgdl.media.image import MAX_PIXELS
from bgdl.media.opening import at_end, broken, is_url, open_input, picture_of

_GUESSED_S = {"mpeg": Fraction(2)}
"""Seconds after a seek in which a container's timestamps may be FFmpeg's guesses: it packs frames without their own."""


class Decoder:
    """Frames in the order in which they are shown, with the timestamps that the source gives them.

    broken: packets that could not be decoded. ended: the last frame was given.
    Raises InputError for a source that does not open, has no video stream or one of more than `MAX_PIXELS`, or whose
    connection breaks.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.broken = 0
        self.ended = False
        self._counts_from: int | None = None
        self._reading = threading.Lock()
        self._closed = self._single = False
        self._open()

    def close(self) -> None:
        """Close the source, but not under a thread that waits for the network inside: that one ends by itself."""
        self._closed = True
        if self._reading.acquire(blocking=False):
            self._shut()
            self._reading.release()

    def frames(self) -> Iterator[av.VideoFrame]:
        """Every frame from here to the end."""
        self.ended = False
        shown: int | None = None
        newest: int | None = None
        sent: int | None = None
        broken, joined = self.broken, False
        for packet in self._packets():
            if packet is not None and packet.pts is not None and packet.dts is not None:
                joined = joined or (sent is not None and packet.dts < sent - FALL_S / self.time_base)
                sent, newest = packet.dts, packet.pts if newest is None else max(packet.pts, newest)
            for frame in self._decode(packet):
                shown, broken = frame.pts, self.broken
                yield frame
        if self._threaded and not joined and newest is not None and (shown is None or shown < newest):
            self.broken = broken
            yield from self._hidden(shown)
        self.ended = True

    def frames_from(self, time_s: Fraction) -> Iterator[av.VideoFrame]:
        """Frames from one at or before `time_s` (on the source's clock) to the end.

        A seek may land where the first frame that can be decoded lies later (transport streams, open groups of
        pictures); then it is tried from further back, at last from the beginning.
        """
        self._counts_from = int(time_s / self.time_base)
        broken, back_s = self.broken, _GUESSED_S.get(self.container.format.name, Fraction(0))
        while time_s - back_s > self.origin_s:
            try:
                self.container.seek(int((time_s - back_s) / self.time_base), stream=self.stream, backward=True)
            except av.error.FFmpegError:  # no index
                break
            frames = self.frames()
            try:
                first = next(frames, None)
            except InputError:  # a server that cannot go back; if it is the network, opening anew says so
                break
            if first is not None and first.pts is not None and first.pts * self.time_base <= time_s:
                return chain([first], frames)
            self.broken, back_s = broken, max(Fraction(1), 2 * back_s)
        self._reopen()
        self.broken = broken
        return self.frames()

    @property
    def _threaded(self) -> bool:
        """Whether several packets are decoded at once, so that a packet's error comes up later."""
        context = self.stream.codec_context
        return context.thread_count > 1 and bool(context.codec.capabilities & Capabilities.frame_threads)

    def _hidden(self, shown: int | None) -> Iterator[av.VideoFrame]:
        """What lies behind an error at the end: PyAV drops what threads still hold, so one thread does it again."""
        if is_url(self.source):
            self.broken += 1
            return
        self._single = True
        self._reopen()
        if shown is None:
            yield from self.frames()
            return
        frames = self.frames_from(shown * self.time_base)
        self._counts_from = shown + 1
        yield from (frame for frame in frames if frame.pts is not None and frame.pts > shown)

    def _packets(self) -> Iterator[Any]:
        """Packets and, at the end, None."""
        packets = self.container.demux(self.stream)
        while True:
            with self._reading:
                if self._closed:
                    return
                try:
                    packet = next(packets, None)
                except av.error.FFmpegError as error:
                    if not is_url(self.source):
                        self.broken += 1  # a damaged end: what is inside the decoder is still good
                    elif not at_end(self.source, self.container, error):
                        raise broken(self.source, error) from error
                    packet = None
            yield packet
            if packet is None:
                return

    def _decode(self, packet: Any) -> list[av.VideoFrame]:
        with self._reading:
            if self._closed:
                return []
            try:
                return list(self.stream.decode(packet))
            except av.error.EOFError:
                return []
            except av.error.FFmpegError:
                pts = packet.pts if packet is not None else None
                self.broken += pts is None or self._counts_from is None or pts >= self._counts_from
                return []

    def _reopen(self) -> None:
        with self._reading:
            self._shut()
            self._open()

    def _shut(self) -> None:
        """Close the container once the decoder's threads rest.

        They may be about to tell of an error, which takes Python's lock where messages go to Python (older versions of
        torchvision see to that): whoever frees a working decoder holds the lock and waits for them for ever.
        """
        self.stream.codec_context.flush_buffers()
        self.container.close()

    def _open(self) -> None:
        self.container = open_input(self.source)
        picture = picture_of(self.container)
        if picture is None or picture.width * picture.height > MAX_PIXELS:
            refusal = self._refusal(picture)
            self.container.close()
            raise refusal
        self.stream = cast(Any, picture)  # PyAV's stubs differ from version to version
        self.stream.thread_type = "AUTO"
        if self._single:
            self.stream.codec_context.thread_count = 1
        self.time_base: Fraction = self.stream.time_base or Fraction(1, 90000)
        self.origin_s = Fraction(self.stream.start_time or 0) * self.time_base
        begins_anywhere = Flags.ts_discont in Flags(self.container.format.flags)
        ticks = round(Fraction(self.container.start_time or 0, 1_000_000) / self.time_base) if begins_anywhere else 0
        self.zero_s = ticks * self.time_base

    def _refusal(self, picture: av.VideoStream | None) -> InputError:
        if picture is None:
            kinds = ", ".join(sorted({stream.type for stream in self.container.streams})) or "nothing"
            return InputError(f"{self.source}: has no video stream (it holds {kinds})")
        return InputError(
            f"{self.source} is {picture.width}×{picture.height}, more than the limit of {MAX_PIXELS} pixels; "
            "make the clip smaller"
        )
