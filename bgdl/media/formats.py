"""Which video formats can be written: one visible table, and the choice by file extension."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bgdl.choices import FormatName
from bgdl.errors import InputError
from bgdl.media.opening import CLIP_SUFFIXES


@dataclass(frozen=True)
class VideoFormat:
    """One way of writing a clip.

    muxers: file extension -> FFmpeg muxer. codec: FFmpeg encoder.
    pix_fmts: picture channels (1 grey, 3 RGB, 4 RGBA) -> pixel format; without 4 it holds no transparency.
    even: sizes must be even. lossy: colours beside transparent pixels leak and must be filled.
    crf: default of `crf` where the encoder has one, most_crf: its end; preset: default of `preset`.
    ticks: the format's own clock in ticks a second; None takes the source's time base. least_ticks: between frames.
    sound: the container takes audio and subtitles.
    """

    name: str
    muxers: Mapping[str, str]
    codec: str
    pix_fmts: Mapping[int, str]
    even: bool = False
    lossy: bool = True
    crf: int | None = None
    most_crf: int = 51
    preset: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    muxer_options: Mapping[str, str] = field(default_factory=dict)
    ticks: int | None = None
    least_ticks: int = 1
    sound: bool = True

    @property
    def sequence(self) -> bool:
        """Whether it is a folder of numbered pictures."""
        return "image2" in self.muxers.values()

    @property
    def most_fps(self) -> float:
        """Frames a second that it can show; infinite where it has no clock of its own."""
        return self.ticks / self.least_ticks if self.ticks else math.inf

    def tells_aspect(self, muxer: str) -> bool:
        """Whether players learn the shape of its pixels: from the container, or from H.264's and H.265's own stream.

        Matroska and WebM could tell it too, but FFmpeg's muxer has to be told in a way that PyAV does not offer.
        """
        return muxer in ("mp4", "mov", "image2") or self.name in ("h264", "h265")


_MP4 = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
_YUV = {1: "yuv420p", 3: "yuv420p"}
_RGB = {1: "gray", 3: "rgb24", 4: "rgba"}

FORMATS: dict[str, VideoFormat] = {
    row.name: row
    for row in (
        VideoFormat("h264", _MP4, "libx264", _YUV, even=True, crf=18, preset="veryfast"),
        VideoFormat(
            "h265",
            _MP4,
            "libx265",
            _YUV,
            even=True,
            crf=22,
            preset="veryfast",
            options={"x265-params": "log-level=error"},
        ),
        VideoFormat(
            "vp9",
            {".webm": "webm", ".mkv": "matroska"},
            "libvpx-vp9",
            {**_YUV, 4: "yuva420p"},
            crf=24,
            most_crf=63,
            preset="5",
            options={"deadline": "good", "row-mt": "1", "auto-alt-ref": "0"},
        ),
        VideoFormat(
            "prores",
            {".mov": "mov", ".mkv": "matroska"},
            "prores_ks",
            {1: "yuv444p10le", 3: "yuv444p10le", 4: "yuva444p10le"},
            options={"profile": "4444", "vendor": "apl0", "alpha_bits": "16"},
        ),
        VideoFormat("qtrle", {".mov": "mov"}, "qtrle", {1: "rgb24", 3: "rgb24", 4: "argb"}, lossy=False),
        VideoFormat(
            "ffv1",
            {".mkv": "matroska"},
            "ffv1",
            {1: "gray", 3: "bgr0", 4: "bgra"},
            lossy=False,
            options={"level": "3", "slices": "4", "slicecrc": "1"},
        ),
        VideoFormat("png", {".png": "image2"}, "png", _RGB, lossy=False, sound=False),
        VideoFormat(
            "webp",
            {".webp": "webp"},
            "libwebp_anim",
            {1: "bgra", 3: "bgra", 4: "bgra"},
            options={"quality": "85"},
            muxer_options={"loop": "0"},
            ticks=1000,
            sound=False,
        ),
        VideoFormat(
            "gif",
            {".gif": "gif"},
            "gif",
            {1: "pal8", 3: "pal8", 4: "pal8"},
            lossy=False,
            ticks=100,
            least_ticks=2,  # browsers show frames of one tick for ten
            sound=False,
        ),
        VideoFormat(
            "apng",
            {".apng": "apng"},
            "apng",
            _RGB,
            lossy=False,
            muxer_options={"plays": "0"},
            ticks=1000,
            sound=False,
        ),
    )
}

_DEFAULTS: dict[str, tuple[str, str]] = {  # extension -> (without, with transparency)
    ".mp4": ("h264", "h264"),
    ".m4v": ("h264", "h264"),
    ".mkv": ("h264", "ffv1"),
    ".mov": ("h264", "prores"),
    ".webm": ("vp9", "vp9"),
    ".webp": ("webp", "webp"),
    ".gif": ("gif", "gif"),
    ".apng": ("apng", "apng"),
    ".png": ("png", "png"),
    "": ("png", "png"),
}


def pick(target: Path, name: FormatName = "auto", *, channels: int, flatten: bool = False) -> VideoFormat:
    """The format for `target` by its extension (a folder means a PNG sequence), or the one asked for by name.

    channels: 1 grey, 3 RGB or 4 RGBA. flatten: a format that holds no transparency will do all the same.
    Raises InputError for an extension that is not known, alone or does not go with the format, and for transparency
    in a format that has none, with the ways out.
    """
    suffix = target.suffix.lower()
    if target.name.lower() in (*_DEFAULTS, *CLIP_SUFFIXES, ".jpg", ".jpeg") and not target.is_dir():
        example = target.name if target.name.lower() in _DEFAULTS else ".mp4"
        raise InputError(f"{str(target)!r} has no name before its ending; give one, for instance clip{example}")
    if name == "auto":
        if suffix not in _DEFAULTS:
            raise InputError(f"cannot tell the format of {target.name!r}; known are {_known_suffixes()}, or a folder")
        name = _DEFAULTS[suffix][channels == 4]  # type: ignore[assignment]
    chosen = FORMATS.get(name)
    if chosen is None:
        raise InputError(f"unknown format {name!r}; known are auto, {', '.join(FORMATS)}")
    if suffix not in chosen.muxers and not (chosen.name == "png" and not suffix):
        place = f"{suffix} file" if suffix else "folder"
        raise InputError(f"{name} does not go into a {place}; use {', '.join(chosen.muxers)}")
    if channels not in chosen.pix_fmts and not flatten:
        raise InputError(no_transparency(target, chosen))
    return chosen


def check_crf(chosen: VideoFormat, crf: int | None) -> None:
    """Raises InputError for a `crf` that the format's encoders do not take."""
    if crf is not None and chosen.crf is not None and not 0 <= crf <= chosen.most_crf:
        raise InputError(f"crf is {crf}; {chosen.name} takes 0 to {chosen.most_crf} (default {chosen.crf})")


def no_transparency(target: Path, chosen: VideoFormat) -> str:
    """Why a transparent clip cannot be written there, and the three ways out."""
    return (
        f"{target.name}: {chosen.name} in {target.suffix} holds no transparency; write {target.stem}.webm (VP9), "
        f"{target.stem}.mov (ProRes 4444) or {target.stem}.mkv (FFV1, lossless), or give an opaque background, "
        "or add an alpha sidecar, the matte as a second file"
    )


def _known_suffixes() -> str:
    return ", ".join(suffix for suffix in _DEFAULTS if suffix)
