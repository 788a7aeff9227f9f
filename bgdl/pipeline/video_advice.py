"""What a user is told about a clip before and after the work."""

from __future__ import annotations

from bgdl.media.formats import VideoFormat
from bgdl.media.reader import VideoInfo, VideoReader


def on_source(info: VideoInfo) -> list[str]:
    """What is special in a source and what becomes of it."""
    notes = []
    if info.color.hdr:
        notes.append(
            f"the source is HDR ({info.color.hdr}): it is processed and written with 8 bits per channel; "
            "smooth gradients may show bands, and named colours are interpreted on its curve"
        )
    elif info.bits > 8:
        notes.append(f"the source has {info.bits} bits per channel; it is processed and written with 8")
    if info.has_alpha:
        notes.append("the source's own alpha channel is not used: colours hidden under it count as picture")
    if info.interlaced:
        notes.append(
            "the source is interlaced and is treated as whole frames; for clean edges deinterlace it first, "
            "for instance with ffmpeg -i IN -vf bwdif OUT"
        )
    if str(info.orientation):
        notes.append(f"the source is {info.orientation} when shown; the output is upright as it is")
    if info.orientation.askew:
        notes.append("the source asks to be shown at an angle that is not a quarter turn; its picture is left unturned")
    return notes


def on_format(info: VideoInfo, chosen: VideoFormat, *, padded: bool, silent: bool) -> list[str]:
    """What the output cannot hold as it came."""
    notes = []
    if padded:
        notes.append(
            f"{chosen.name} needs even sizes: the last row or column is repeated; "
            "vp9, prores, qtrle and ffv1 keep odd sizes"
        )
    if silent and info.sound:
        notes.append(f"{chosen.name} holds no sound: it is left out")
    return notes


def on_damage(reader: VideoReader) -> list[str]:
    """What was wrong inside the source."""
    notes = []
    if reader.broken:
        notes.append(f"the source has damaged packets: {reader.broken} skipped")
    if reader.repaired:
        notes.append(f"timestamps were missing or went back: {reader.repaired} filled in")
    if reader.joins:
        times = "once" if reader.joins == 1 else f"{reader.joins} times"
        notes.append(
            f"the source's timestamps start again {times}, as in joined files; "
            "what follows was moved behind what came before"
        )
    if reader.cut:
        notes.append(f"the source's picture ends at {reader.cut}: the file is cut off or its end is damaged")
    return notes
