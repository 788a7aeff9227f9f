"""The encoder of a format: software, or NVIDIA's hardware where it is there."""

from __future__ import annotations

from fractions import Fraction

import av

from bgdl.errors import InputError
from bgdl.media.formats import VideoFormat

_X26 = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")
_NVENC = tuple(f"p{number}" for number in range(1, 8))
PRESETS = {
    "libx264": _X26,
    "libx265": _X26,
    "libvpx-vp9": tuple("012345678"),
    "h264_nvenc": _NVENC,
    "hevc_nvenc": _NVENC,
}
"""What a preset may be."""
HARDWARE = {"h264": "h264_nvenc", "h265": "hevc_nvenc"}
PROBED_HW = (256, 256)
"""A size that every encoder takes."""


def pick_encoder(
    chosen: VideoFormat,
    name: str = "auto",
    *,
    cuda: bool = False,
    size_hw: tuple[int, int] = PROBED_HW,
    preset: str | None = None,
) -> str:
    """The FFmpeg encoder for a format: "auto" takes NVENC beside a CUDA device where it opens, else software.

    name: "auto", or an encoder that writes this format. size_hw: of the pictures; NVENC's H.264 takes 145 to 4096 px.
    preset: one of software's own keeps "auto" from NVENC.
    Raises InputError for one that cannot be used.
    """
    hardware = HARDWARE.get(chosen.name)
    if name == "auto":
        wanted = cuda and preset in (None, *_NVENC)
        return hardware if wanted and hardware and why_not(hardware, size_hw) is None else chosen.codec
    allowed = [chosen.codec, hardware] if hardware else [chosen.codec]
    if name not in allowed:
        raise InputError(f"encoder {name!r} does not write {chosen.name}; use {' or '.join(filter(None, allowed))}")
    reason = why_not(name, size_hw)
    if reason:
        raise InputError(f"encoder {name} cannot be used here ({reason}); use encoder {chosen.codec}")
    return name


def why_not(name: str, size_hw: tuple[int, int] = PROBED_HW) -> str | None:
    """Why an encoder does not open on this machine for pictures of a size, or None where it does."""
    try:
        context = av.CodecContext.create(name, "w")
    except (ValueError, av.error.FFmpegError):
        return "this build of FFmpeg does not have it"
    if not name.endswith("_nvenc"):
        return None
    height, width = (-(-side // 2) * 2 for side in size_hw)
    context.width, context.height, context.pix_fmt, context.time_base = width, height, "yuv420p", Fraction(1, 25)  # type: ignore[attr-defined]
    try:
        context.open()
    except av.error.FFmpegError as error:
        return f"no NVIDIA encoder or driver for {width}×{height} px: {error.strerror}"
    return None


def encoder_options(chosen: VideoFormat, encoder: str, crf: int | None, preset: str | None) -> dict[str, str]:
    """Options for the encoder; raises InputError for crf or preset where it has none, or no such."""
    options = dict(chosen.options) if encoder == chosen.codec else {}
    if chosen.crf is None:
        if crf is not None or preset is not None:
            raise InputError(f"crf and preset are for h264, h265 and vp9, not for {chosen.name}")
        return options
    allowed = PRESETS.get(encoder)
    if preset is not None and allowed and preset not in allowed:
        raise InputError(f"preset {preset!r} is unknown to {encoder}; use {', '.join(allowed)}")
    quality = str(chosen.crf if crf is None else crf)
    if encoder.endswith("_nvenc"):
        rate = {"rc": "vbr", "cq": quality} if crf != 0 else {"rc": "constqp", "qp": "0"}  # a cq of 0 means none
        return {**options, **rate, "preset": preset or "p4"}
    speed = "cpu-used" if encoder == "libvpx-vp9" else "preset"
    return {**options, "crf": quality, speed: preset or chosen.preset or ""}
