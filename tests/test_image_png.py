"""PNG files: pixels, profile and EXIF come back as they went in."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from bgdl.media import png

MAKER = 0x010F
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_png_holds_pixels_profile_and_exif(channels: int) -> None:
    picture = RNG.integers(0, 256, (33, 47, channels), dtype=np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[MAKER] = "Maker"
    opened = Image.open(BytesIO(png.encode(picture, profile, exif.tobytes())))
    assert (np.asarray(opened).reshape(picture.shape) == picture).all()
    assert opened.info["icc_profile"] == profile and opened.getexif()[MAKER] == "Maker"
