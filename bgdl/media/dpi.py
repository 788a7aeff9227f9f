"""The resolution that a picture's file states: how large its pixels are on paper."""

from __future__ import annotations

from PIL import Image

from bgdl.media.modes import DAMAGED, ORIENTATION

EXIF_STATES = frozenset({282, 296})
"""EXIF tags of the dots per unit, and of the unit."""


def stated_dpi(image: Image.Image) -> tuple[float, float] | None:
    """Dots per inch, across and down the upright picture, or None where none are stated; ask before `image.load()`.

    Pillow says 72 of a JPEG file whose EXIF states nothing, and 1 of such a TIFF file.
    """
    try:
        exif, (x, y) = image.getexif(), map(float, image.info["dpi"])
        if (x, y) == (72, 72) and image.info.get("jfif_unit") not in (1, 2) and not set(exif) >= EXIF_STATES:
            return None
        turned = exif.get(ORIENTATION, 1) in (5, 6, 7, 8)
    except DAMAGED:
        return None
    if not (1 < x < 65536 and 1 < y < 65536):  # more than JPEG can hold is no resolution
        return None
    return (y, x) if turned else (x, y)
