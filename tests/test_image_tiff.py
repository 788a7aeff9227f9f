"""TIFF files are deflated whatever they hold beside the picture, and others read them."""

from __future__ import annotations

from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from bgdl.media import tiff
from tests.pictures import MAKER

EXIF, GPS, INTEROP = 0x8769, 0x8825, 0xA005
RNG = np.random.default_rng(0)


def _camera() -> bytes:
    """EXIF as cameras write it: with GPS, and with the directory of interoperability under that of EXIF."""
    exif = Image.Exif()
    exif[MAKER] = "Maker"
    exif.get_ifd(EXIF).update({0x9003: "2026:01:02 03:04:05", 0x829A: 0.004, INTEROP: {1: "R98"}})
    exif.get_ifd(GPS).update({1: "N", 2: (52.0, 31.0, 12.5)})
    return exif.tobytes()


@pytest.mark.parametrize("exif", [None, _camera()])
@pytest.mark.parametrize("size_hw", [(1, 1), (33, 47), (300, 500), (2, 70000)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_tiff_gives_every_byte_back(channels: int, size_hw: tuple[int, int], exif: bytes | None) -> None:
    picture = RNG.integers(0, 256, (*size_hw, channels), dtype=np.uint8)
    data = tiff.encode(picture, exif=exif)
    opened = Image.open(BytesIO(data))
    assert opened.mode == {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    assert (np.asarray(opened).reshape(picture.shape) == picture).all()
    if channels < 4:  # which OpenCV multiplies by alpha
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        assert (decoded.reshape(picture.shape)[..., ::-1] == picture).all()


def test_a_tiff_holds_profile_and_exif_with_all_that_is_under_it() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    opened = Image.open(BytesIO(tiff.encode(np.zeros((4, 5, 3), np.uint8), profile, _camera(), (300.0, 200.0))))
    assert opened.info["icc_profile"] == profile and opened.info["dpi"] == (300, 200)
    exif = opened.getexif()
    assert exif[MAKER] == "Maker"
    assert exif.get_ifd(EXIF)[0x9003] == "2026:01:02 03:04:05" and exif.get_ifd(EXIF)[0x829A] == pytest.approx(0.004)
    assert exif.get_ifd(GPS)[1] == "N" and exif.get_ifd(GPS)[2] == (52, 31, 12.5)
    assert exif.get_ifd(INTEROP)[1] == "R98"


def test_a_tiff_with_exif_is_as_small_as_one_without() -> None:
    smooth = np.repeat(np.arange(400, dtype=np.uint8)[None, :, None], 300, axis=0).repeat(3, axis=2)
    with_exif = tiff.encode(smooth, exif=_camera())
    assert len(with_exif) < len(tiff.encode(smooth)) + 1000 < smooth.nbytes / 20
