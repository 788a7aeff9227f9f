"""Audio and subtitles of a clip, brought beside a new picture: packets copied, else transcoded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import av

from bgdl.media.joins import Joins, time_of
from bgdl.media.opening import at_end, broken, is_url, open_input, picture_of
from bgdl.media.transcode import Transcoder, transcoders

RARE = {"mp4": "pcm_"}
"""Codecs, by the beginning of their names, that a muxer writes but that are rare in its files."""


_PRIMING = 4096
"""Samples; no encoder puts more before the first."""

_LONG_S = 30
"""Words may be shown for so long, so that those at the start are looked for from there on."""

EDIT_LISTS = ("mp4", "mov")
"""Muxers that can say that a track begins before 0 and is heard from there; others would move all tracks instead."""


class Copier:
    """Hands packets on as they are, moved in time; for muxers without edit lists those from 0 on alone."""

    codec: str | None = None

    def __init__(self, output: av.container.OutputContainer, stream: Any, shift_s: Fraction) -> None:
        known_delay = stream.codec_context and stream.codec_context.name == "opus"  # Matroska keeps it beside the times
        from_matroska = stream.type == "audio" and stream.container.format.name.startswith("matroska")
        self._from_zero = not (output.format.name in EDIT_LISTS or known_delay or from_matroska)
        if self._from_zero and stream.type == "audio" and stream.codec_context.delay > _PRIMING:
            raise ValueError("a cut by an edit list, which would be copied as an encoder's delay and be cut twice")
        self._stream = output.add_stream_from_template(stream)
        self._stream.metadata.update(stream.metadata)
        self._stream.disposition = stream.disposition
        self._shift = round(shift_s / stream.time_base)

    def packets(self, packet: Any) -> list[Any]:
        for name in ("pts", "dts"):
            stamp = getattr(packet, name)
            if stamp is not None:
                setattr(packet, name, stamp - self._shift)
        if self._from_zero and (packet.is_discard or time_of(packet) < 0):
            return []
        packet.stream = self._stream
        return [packet]

    def rest(self) -> list[Any]:
        return []


Route = Copier | Transcoder


class Tracks:
    """The audio and subtitle streams of `source`, read beside the picture and muxed in step with it.

    start_s, end_s: on the clock of `source`; packets outside are dropped. shift_s: what is taken off that clock to
    give the output's. subtitles: take those too. `notes` says what was transcoded or left out.
    """

    def __init__(
        self,
        source: str | Path,
        *,
        start_s: Fraction | None = None,
        end_s: Fraction | None = None,
        shift_s: Fraction = Fraction(0),
        subtitles: bool = True,
    ) -> None:
        self.notes: list[str] = []
        self._start_s, self._end_s, self._shift_s = start_s, end_s, shift_s
        self._wanted = ("audio", "subtitle") if subtitles else ("audio",)
        self._routes: dict[int, Route] = {}
        self._output: av.container.OutputContainer | None = None
        self._source = str(source)
        self._input = open_input(self._source, "for its sound")
        self._pending: Any = None
        self._packets: Iterator[Any] = iter(())

    def attach(self, output: av.container.OutputContainer) -> None:
        """Add one output stream for each track; to be called after the video stream was added."""
        self._output = output
        for stream in self._input.streams:
            if stream.type in self._wanted:
                route = self._route(stream)
                if route is not None:
                    self._routes[stream.index] = route
        chosen = [self._input.streams[index] for index in self._routes]
        if chosen:
            self._seek()
            picture = picture_of(self._input)
            read = self._input.demux([*chosen, picture] if picture else chosen)
            self._packets = Joins(picture).moved(read)
            self._pending = self._next()

    def advance(self, time_s: Fraction) -> None:
        """Mux every packet that plays up to `time_s` on the output's clock."""
        while self._pending is not None and self._time(self._pending) <= time_s:
            self._mux(self._routes[self._pending.stream.index].packets(self._pending))
            self._pending = self._next()

    def finish(self, until_s: Fraction | None = None) -> None:
        """Mux what is left, up to `until_s` on the output's clock, and close the source."""
        while self._pending is not None and (until_s is None or self._time(self._pending) < until_s):
            self.advance(self._time(self._pending))
        for route in self._routes.values():
            self._mux(route.rest())
        self.close()

    def close(self) -> None:
        self._input.close()

    def _time(self, packet: Any) -> Fraction:
        return time_of(packet) - self._shift_s

    def _route(self, stream: Any) -> Route | None:
        """The first way for a stream that the container takes; what is not copied is said."""
        assert self._output is not None
        muxer = self._output.format.name
        name = stream.codec_context.name if stream.codec_context else "unknown"
        track = f"{stream.type} track {stream.index}"
        rare = name.startswith(RARE.get(muxer, "-"))
        why = f"{name} is rare in {muxer}" if rare else f"{muxer} does not take {name}"
        ways: list[Callable[..., Route]] = [Copier, *transcoders(stream)]
        for way in ways[1:] if rare else ways:
            add = partial(way, stream=stream, shift_s=self._shift_s)
            if _takes(muxer, add):
                route = add(self._output)
                if route.codec:
                    self.notes.append(f"{track} is transcoded from {name} to {route.codec}: {why}")
                return route
        self.notes.append(f"{track} ({name}) is left out: {why}")
        return None

    def _seek(self) -> None:
        if self._start_s:
            try:
                early_s = _LONG_S if any(one.type == "subtitle" for one in self._input.streams) else 0
                self._input.seek(int(max(Fraction(0), self._start_s - early_s) * 1_000_000), backward=True)
            except av.error.FFmpegError:
                return  # no index: packets before the start are dropped one by one

    def _next(self) -> Any:
        """The next packet inside the asked range, or None at its end."""
        while (packet := self._read()) is not None:
            if packet.size == 0 or (packet.pts is None and packet.dts is None):
                continue
            if packet.stream.type == "subtitle":
                self._shorten(packet)
            time_s = time_of(packet)
            if (self._start_s is None or time_s >= self._start_s) and (self._end_s is None or time_s < self._end_s):
                return packet
        return None

    def _read(self) -> Any:
        try:
            return next(self._packets, None)
        except av.error.FFmpegError as error:
            if not is_url(self._source):
                self.notes.append(f"sound and subtitles of {self._source} end early: the file is damaged")
            elif not at_end(self._source, self._input, error):
                raise broken(self._source, error) from error
            return None

    def _shorten(self, packet: Any) -> None:
        """What is read before the start and after the end of the range is shown inside it alone."""
        begins_s, lasts_s = time_of(packet), (packet.duration or 0) * packet.time_base
        starts_s = max(begins_s, min(self._start_s or begins_s, begins_s + lasts_s))
        ends_s = begins_s + lasts_s if self._end_s is None else min(begins_s + lasts_s, self._end_s)
        if starts_s > begins_s and ends_s > starts_s:
            packet.pts = packet.dts = round(starts_s / packet.time_base)
        packet.duration = max(0, round((ends_s - starts_s) / packet.time_base))

    def _mux(self, packets: list[Any]) -> None:
        assert self._output is not None
        for packet in packets:
            self._output.mux(packet)


def _takes(muxer: str, add: Callable[[av.container.OutputContainer], Route]) -> bool:
    """Whether a muxer takes the stream that `add` adds, by writing a header into memory: nothing else tells."""
    trial = av.open(BytesIO(), "w", format=muxer)
    try:
        add(trial)
        trial.start_encoding()
    except (ValueError, av.error.FFmpegError):
        return False
    finally:
        with contextlib.suppress(av.error.FFmpegError):  # some want packets for their end
            trial.close()
    return True
