"""Small clips made with real encoders, and a Matter that costs nothing, for the tests of video and live."""

from __future__ import annotations

import _thread
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

import bgdl
from bgdl.pipeline.video_records import VideoReport

Picture = NDArray[np.uint8]


class BrightSubject:
    """Alpha is 1 where a frame is bright, soft between 100 and 150."""

    name = "bright"
    device = torch.device("cpu")
    stateful = False

    def __init__(self) -> None:
        self.seen = 0

    def alpha(self, frames: Tensor) -> Tensor:
        self.seen += len(frames)
        return ((frames.float().mean(-1, keepdim=True) - 100) / 50).clamp(0, 1)

    def reset(self) -> None:
        self.seen = 0


class Whole(BrightSubject):
    """Everything is the subject."""

    def alpha(self, frames: Tensor) -> Tensor:
        return torch.ones(*frames.shape[:3], 1)


class Interrupted(BrightSubject):
    """Ctrl-C at the twentieth frame."""

    def alpha(self, frames: Tensor) -> Tensor:
        if self.seen == 20:
            _thread.interrupt_main()
        return super().alpha(frames)


GREEN = "#00ff00"


def convert(source: Path | str, target: Path, **options: object) -> VideoReport:
    """`bgdl.convert_video` of the bright subject over green, unless said otherwise."""
    options = {"model": BrightSubject(), "background": GREEN, "edge": "none", **options}
    return bgdl.convert_video(source, target, **options)  # type: ignore[arg-type]


def disc(index: int, size_hw: tuple[int, int] = (48, 64)) -> Picture:
    """A bright disc that wanders over a dark ground; its grey level tells the frame's number."""
    height, width = size_hw
    rows, columns = np.mgrid[:height, :width]
    inside = (rows - height / 2) ** 2 + (columns - width / 4 - index % 24) ** 2 < (height / 4) ** 2
    return np.where(inside[..., None], (230, 210, 190), (20, 40, 60)).astype(np.uint8)


def noise(index: int, size_hw: tuple[int, int]) -> Picture:
    return np.random.default_rng(index).integers(0, 256, (*size_hw, 3), np.uint8)


def greys(step: int, first: int = 0) -> Callable[[int, tuple[int, int]], Picture]:
    """Grey pictures, each `step` levels brighter than the one before."""
    return lambda index, size_hw: np.full((*size_hw, 3), first + step * index, np.uint8)


@contextmanager
def room_for(size_bytes: int) -> Iterator[None]:
    """No file may grow beyond that, as on a full disk."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def write_clip(
    path: Path,
    *,
    frames: int = 12,
    size_hw: tuple[int, int] = (48, 64),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rate: Fraction | int = Fraction(24000, 1001),
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    picture: Callable[[int, tuple[int, int]], Picture] = disc,
    audio: str | None = None,
    layout: str = "stereo",
    tone_from_s: float = 0,
    tone_to_s: float | None = None,
    subtitles: str | None = None,
    words: Sequence[tuple[int, int, bytes]] = ((0, 150, b"one"), (200, 150, b"two")),
    set_up: Callable[[Any], None] = lambda stream: None,
    options: dict[str, str] | None = None,
) -> Path:
    """A clip at `path`; `audio` names an encoder for a 440 Hz tone in channels of `layout`, from `tone_from_s` to the
    `tone_to_s` or the picture's end. `subtitles` names a codec for `words`: begin and length in ms, payload."""
    rate = Fraction(rate)
    time_base = time_base or 1 / rate
    stamps = list(pts) if pts is not None else list(range(frames))
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = size_hw
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = time_base
        set_up(stream)
        sound: Any = output.add_stream(audio, rate=48000, layout=layout, bit_rate=128000) if audio else None
        text: Any = output.add_mux_stream(subtitles, time_base=Fraction(1, 1000)) if subtitles else None
        if text:
            text.metadata["language"] = "swe"
        for index, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(picture(index, size_hw), format="rgb24")
            frame.pts, frame.time_base = stamp, time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound:
            ends_s = float(stamps[-1] * time_base + 1 / rate) if tone_to_s is None else tone_to_s
            _write_tone(output, sound, ends_s - tone_from_s, tone_from_s)
        for begins_ms, lasts_ms, payload in words if text else ():
            packet = av.Packet(payload)
            packet.time_base, packet.stream = Fraction(1, 1000), text
            packet.pts = packet.dts = begins_ms
            packet.duration = lasts_ms
            output.mux(packet)
    return path


def packets(path: Path, kind: str) -> list[tuple[int | None, bytes]]:
    """Timestamp and payload of every packet of the first stream of a kind."""
    with av.open(str(path)) as clip:
        stream = next(stream for stream in clip.streams if stream.type == kind)
        return [(packet.pts, bytes(packet)) for packet in clip.demux(stream) if packet.size]


def decoded(path: Path, format: str = "rgb24", decoder: str | None = None) -> tuple[list[Fraction], list[Picture]]:
    """Time and picture of every frame; `decoder` names one that keeps alpha (libvpx-vp9)."""
    times, pictures = [], []
    with av.open(str(path)) as clip:
        stream = clip.streams.video[0]
        context: Any = av.CodecContext.create(decoder, "r") if decoder else stream.codec_context
        for packet in clip.demux(stream):
            for frame in context.decode(packet if packet.size else None):
                times.append(Fraction(frame.pts) * stream.time_base)
                pictures.append(frame.to_ndarray(format=format))
    return times, pictures


def _write_tone(output: Any, stream: Any, seconds: float, from_s: float) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(int(48000 * seconds)) / 48000)
    samples = np.repeat(tone.astype(np.float32)[None], 2, axis=0)
    for start in range(0, samples.shape[1], 960):
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[:, start : start + 960]), "fltp", "stereo")
        frame.sample_rate, frame.time_base = 48000, Fraction(1, 48000)
        frame.pts = start + round(48000 * from_s)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))
