"""Sound and subtitles in a codec that the new container takes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Protocol, cast

import av

AUDIO = ("aac", "libopus", "flac", "pcm_s16le")
TEXT = {"mov_text", "subrip", "srt", "webvtt", "ass", "ssa", "text"}


class Transcoder(Protocol):
    """Packets of one codec in, packets of another out."""

    codec: str

    def packets(self, packet: Any) -> list[Any]: ...

    def rest(self) -> list[Any]: ...


class AudioTranscoder:
    """Decodes and encodes again; timestamps moved by `shift_s`."""

    def __init__(self, output: av.container.OutputContainer, stream: Any, codec: str, shift_s: Fraction) -> None:
        context = stream.codec_context
        rate = 48000 if codec == "libopus" else context.sample_rate
        self.codec = codec
        self._input = stream
        self._encoder = cast(Any, output.add_stream(codec, rate=rate))
        layout = context.layout.name
        self._encoder.layout = layout if context.layout.nb_channels <= 2 or codec == "aac" else "stereo"
        self._encoder.metadata.update(stream.metadata)
        self._resampler = av.AudioResampler(self._encoder.format, self._encoder.layout, rate)
        self._shift = round(shift_s * rate)

    def packets(self, packet: Any) -> list[Any]:
        try:
            frames = self._input.decode(packet)
        except av.error.FFmpegError:
            return []
        return [out for frame in frames for out in self._encode(frame)]

    def rest(self) -> list[Any]:
        last = [out for frame in self._input.decode(None) for out in self._encode(frame)]
        return [*last, *self._encode(None)]

    def _encode(self, frame: Any) -> list[Any]:
        packets = []
        for piece in self._resampler.resample(frame):
            if piece.pts is not None:
                piece.pts -= self._shift
            packets += self._encoder.encode(piece)
        return packets if frame is not None else [*packets, *self._encoder.encode(None)]


class TextTranscoder:
    """Text subtitles packed anew: the words stay, styles do not."""

    def __init__(self, output: av.container.OutputContainer, stream: Any, codec: str, shift_s: Fraction) -> None:
        self.codec = codec
        self._input = stream
        self._stream = output.add_mux_stream(codec, time_base=Fraction(1, 1000))
        self._stream.metadata.update(stream.metadata)
        self._shift_ms = round(shift_s * 1000)

    def packets(self, packet: Any) -> list[Any]:
        words = _words(bytes(packet), self._input.codec_context.name)
        if not words:
            return []
        made = av.Packet(_pack(words, self.codec))
        made.time_base = Fraction(1, 1000)
        made.pts = made.dts = round(packet.pts * packet.time_base * 1000) - self._shift_ms
        made.duration = round((packet.duration or 0) * packet.time_base * 1000)
        made.stream = self._stream
        return [made]

    def rest(self) -> list[Any]:
        return []


def transcoder(output: av.container.OutputContainer, stream: Any, shift_s: Fraction) -> Transcoder | None:
    """A transcoder for the first codec that the container takes, or None."""
    text = stream.type == "subtitle"
    if text and stream.codec_context.name not in TEXT:
        return None
    make = TextTranscoder if text else AudioTranscoder
    for codec in ("mov_text", "subrip", "webvtt") if text else AUDIO:
        try:
            return make(output, stream, codec, shift_s)
        except (ValueError, AttributeError, av.error.FFmpegError):
            continue
    return None


def _words(data: bytes, codec: str) -> str:
    """The text of one subtitle packet."""
    if codec == "mov_text":
        data = data[2 : 2 + int.from_bytes(data[:2], "big")]
    text = data.decode("utf-8", "replace").strip("\0\r\n")
    if codec in ("ass", "ssa"):
        text = text.split(",", 8)[-1].replace("\\N", "\n")
    return text


def _pack(words: str, codec: str) -> bytes:
    data = words.encode()
    return len(data).to_bytes(2, "big") + data if codec == "mov_text" else data
