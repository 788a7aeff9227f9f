"""A colour profile that nobody can take for sRGB."""

from __future__ import annotations

import functools

from PIL import ImageCms


@functools.cache  # a profile holds the second it was made in
def exchanged_profile() -> bytes:
    """sRGB with red and blue exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = (slice(profile.index(name) + 4, profile.index(name) + 12) for name in (b"rXYZ", b"bXYZ"))
    profile[red], profile[blue] = profile[blue], profile[red]
    return bytes(profile)
