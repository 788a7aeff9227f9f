"""Colour of a clip: range, matrix, primaries and transfer, kept from the decoder to the encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av

_SWS_BILINEAR, _SWS_FULL_CHR_H_INT, _SWS_ACCURATE_RND = 0x2, 0x2000, 0x40000  # PyAV names them from 18 on
EXACT = _SWS_BILINEAR | _SWS_FULL_CHR_H_INT | _SWS_ACCURATE_RND
"""swscale without its fast paths, which truncate: YUV 4:2:0 to RGB comes out 1 to 1.5 levels too dark there."""

LIMITED, FULL = 1, 2
UNSPECIFIED, BT709, BT601 = 2, 1, 6
_SWS_BT601 = 5
_SWS_MATRIX = {1: 1, 4: 4, 5: _SWS_BT601, 6: _SWS_BT601, 7: 7, 9: 9, 10: 9}  # AVColorSpace -> SWS_CS_*
_HDR_TRANSFERS = {16: "PQ", 18: "HLG"}


@dataclass(frozen=True)
class ColorTags:
    """What a stream says of its colours, as FFmpeg's numbers (AVCOL_RANGE_*, _SPC_*, _PRI_*, _TRC_*)."""

    range: int = LIMITED
    matrix: int = UNSPECIFIED
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED

    @property
    def hdr(self) -> str | None:
        """The name of the HDR transfer curve, or None for standard range."""
        return _HDR_TRANSFERS.get(self.transfer)

    def sws_matrix(self, height: int) -> int:
        """The matrix for swscale; where a clip names none, BT.709 from 720 lines on, else BT.601, as players do."""
        guess = BT709 if height >= 720 else BT601
        return _SWS_MATRIX.get(self.matrix, _SWS_MATRIX[guess])


def tags_of(frame: av.VideoFrame, codec: Any) -> ColorTags:
    """The tags of a decoded frame; what it leaves open is taken from its codec context."""
    if frame.format.is_rgb:
        return ColorTags()
    grey = frame.format.name.startswith("gray") and int(frame.color_range) != LIMITED
    full = grey or frame.format.name.startswith("yuvj") or int(frame.color_range) == FULL
    return ColorTags(
        range=FULL if full else LIMITED,
        matrix=_known(frame.colorspace, codec.colorspace),
        primaries=_known(getattr(frame, "color_primaries", UNSPECIFIED), codec.color_primaries),
        transfer=_known(getattr(frame, "color_trc", UNSPECIFIED), codec.color_trc),
    )


def to_rgb(frame: av.VideoFrame, tags: ColorTags, size_wh: tuple[int, int]) -> av.VideoFrame:
    """Any decoded frame -> an rgb24 frame of `size_wh`."""
    matrix = tags.sws_matrix(frame.height)
    return frame.reformat(
        width=size_wh[0],
        height=size_wh[1],
        format="rgb24",
        src_colorspace=matrix,
        dst_colorspace=matrix,
        src_color_range=tags.range,
        dst_color_range=FULL,
        interpolation=EXACT,
    )


def from_rgb(frame: av.VideoFrame, tags: ColorTags, pix_fmt: str) -> av.VideoFrame:
    """An rgb24, rgba or gray frame -> `pix_fmt`, in the range and matrix of `tags`."""
    if frame.format.name == pix_fmt:
        return frame
    matrix = tags.sws_matrix(frame.height)
    frame.colorspace = matrix  # PyAV 17 goes by this, whatever it is told below
    planar_rgb = av.VideoFormat(pix_fmt).is_rgb
    converted = frame.reformat(
        format=pix_fmt,
        src_colorspace=matrix,
        dst_colorspace=matrix,
        src_color_range=FULL,
        dst_color_range=FULL if planar_rgb else tags.range,
        interpolation=EXACT,
    )
    converted.color_primaries, converted.color_trc = tags.primaries, tags.transfer  # ProRes writes them per frame
    return converted


def label(codec: Any, tags: ColorTags, pix_fmt: str) -> None:
    """Write the tags into an encoder that has not been opened yet."""
    if av.VideoFormat(pix_fmt).is_rgb or pix_fmt == "gray" or pix_fmt == "pal8":
        return
    codec.color_range = tags.range
    codec.colorspace = tags.matrix
    codec.color_primaries = tags.primaries
    codec.color_trc = tags.transfer


def _known(first: int, second: int) -> int:
    """The first of two tags that says something."""
    return int(first) if int(first) not in (0, UNSPECIFIED) else int(second) or UNSPECIFIED
