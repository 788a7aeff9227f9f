"""Sound and subtitles in a codec that the new container takes."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any, Protocol, cast

import av

AUDIO = ("aac", "libopus", "flac", "pcm_s16le")
SUBTITLES = ("mov_text", "subrip", "webvtt")
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
        _name_channels(context)
        rate = 48000 if codec == "libopus" else context.sample_rate
        self.codec = codec
        self._input = stream
        self._encoder = cast(Any, output.add_stream(codec, rate=rate))
        layout = context.layout.name
        self._encoder.layout = layout if context.layout.nb_channels <= 2 or codec == "aac" else "stereo"
        self._encoder.metadata.update(stream.metadata)
        self._encoder.disposition = stream.disposition
        self._resampler = av.AudioResampler(self._encoder.format, self._encoder.layout, rate)
        self._shift_s = shift_s
        self._next: int | None = None

    def packets(self, packet: Any) -> list[Any]:
        try:
            frames = self._input.decode(packet)
        except av.error.FFmpegError:
            return []
        return [out for frame in frames for out in self._encode(self._timed(frame))]

    def rest(self) -> list[Any]:
        last = [out for frame in self._input.decode(None) for out in self._encode(self._timed(frame))]
        return [*last, *self._encode(None)]

    def _timed(self, frame: Any) -> Any:
        """The frame on the output's clock, in samples; where timestamps are coarse or fall back, it still goes on."""
        if frame.pts is not None:
            due = round((frame.pts * frame.time_base - self._shift_s) * frame.sample_rate)
            self._next = due if self._next is None else max(due, self._next - frame.samples // 8)
        frame.pts, frame.time_base = self._next or 0, Fraction(1, frame.sample_rate)
        self._next = frame.pts + frame.samples
        return frame

    def _encode(self, frame: Any) -> list[Any]:
        pieces = filter(None, self._resampler.resample(frame))
        packets = [out for piece in pieces for out in self._encoder.encode(piece)]
        return packets if frame is not None else [*packets, *self._encoder.encode(None)]


class TextTranscoder:
    """Text subtitles packed anew: the words stay, styles do not."""

    def __init__(self, output: av.container.OutputContainer, stream: Any, codec: str, shift_s: Fraction) -> None:
        self.codec = codec
        self._input = stream
        self._stream = output.add_mux_stream(codec, time_base=Fraction(1, 1000))
        self._stream.metadata.update(stream.metadata)
        self._stream.disposition = stream.disposition
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


def transcoders(stream: Any) -> list[Callable[..., Transcoder]]:
    """Ways to transcode a stream, best first: each is called with (output, stream=..., shift_s=...).

    They raise ValueError or FFmpegError where the output or the encoder does not take it.
    """
    if stream.codec_context is None:
        return []
    if stream.type == "audio":
        return [partial(AudioTranscoder, codec=codec) for codec in AUDIO]
    return [partial(TextTranscoder, codec=codec) for codec in SUBTITLES if stream.codec_context.name in TEXT]


def _name_channels(context: Any) -> None:
    """Give channels whose places the file does not tell (PCM in AVI or Matroska) the usual ones: mono, stereo, 5.1."""
    count = context.layout.nb_channels
    if context.layout.name == f"{count} channels":
        context.layout = f"{count}c"


def _words(data: bytes, codec: str) -> str:
    """The text of one subtitle packet, without marks of style."""
    if codec == "mov_text":
        data = data[2 : 2 + int.from_bytes(data[:2], "big")]
    text = data.decode("utf-8", "replace").strip("\0\r\n")
    if codec in ("ass", "ssa"):
        text = re.sub(r"\{[^}]*\}", "", text.split(",", 8)[-1])
        return re.sub(r"\\[Nn]", "\n", text).replace("\\h", " ")
    return re.sub(r"</?(i|b|u|s|c|v|font|lang|ruby|rt)\b[^<>]*>", "", text, flags=re.IGNORECASE)


def _pack(words: str, codec: str) -> bytes:
    data = words.encode()
    return len(data).to_bytes(2, "big") + data if codec == "mov_text" else data
