"""The resolution of a picture goes into its result, and none is made up."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import bgdl
from bgdl.media.image import read, write
from tests.conftest import Bgdl
from tests.pictures import MAKER, ORIENTATION, corners, encoded

X, Y, UNIT = 282, 283, 296
GREY = Image.fromarray(corners())


def _exif(**tags: object) -> Image.Exif:
    exif = Image.Exif()
    exif[MAKER] = "Maker"
    for name, value in tags.items():
        exif[{"x": X, "y": Y, "unit": UNIT, "orientation": ORIENTATION}[name]] = value
    return exif


@pytest.mark.parametrize("ending", [".png", ".tiff", ".jpg", ".bmp"])
@pytest.mark.parametrize("source", ["PNG", "TIFF", "JPEG", "BMP"])
def test_every_format_that_holds_a_resolution_keeps_it(source: str, ending: str, tmp_path: Path) -> None:
    picture = read(encoded(GREY, source, dpi=(300, 200)))
    assert picture.dpi == pytest.approx((300, 200), abs=0.01)
    write(picture.frames[0, :20], tmp_path / f"a{ending}", dpi=picture.dpi)
    assert read(tmp_path / f"a{ending}").dpi == pytest.approx((300, 200), abs=0.01)


def test_a_camera_s_resolution_is_that_of_its_exif() -> None:
    assert read(encoded(GREY, "JPEG", exif=_exif(x=240.0, y=240.0, unit=2))).dpi == (240, 240)
    assert read(encoded(GREY, "JPEG", exif=_exif(x=100.0, y=100.0, unit=3))).dpi == (254, 254)
    assert read(encoded(GREY, "JPEG", exif=_exif(x=72.0, y=72.0, unit=2))).dpi == (72, 72)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF"])
def test_no_resolution_is_made_up(format: str, tmp_path: Path) -> None:
    for options in ({}, {"exif": _exif()}, {"exif": _exif(x=0.0, y=0.0, unit=2)}):
        picture = read(encoded(GREY, format, **options))
        assert picture.dpi is None
    for ending in (".png", ".tiff", ".jpg", ".bmp"):
        write(picture.frames[0], tmp_path / f"a{ending}", exif=_exif().tobytes(), dpi=None)
        assert read(tmp_path / f"a{ending}").dpi is None


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF"])
def test_a_turned_picture_s_resolution_is_turned_with_it(format: str) -> None:
    assert read(encoded(GREY, format, dpi=(300, 200), exif=_exif(orientation=6))).dpi == pytest.approx((200, 300), 1e-4)
    assert read(encoded(GREY, format, dpi=(300, 200), exif=_exif(orientation=3))).dpi == pytest.approx((300, 200), 1e-4)


def test_cutouts_keep_their_picture_s_resolution(bgdl: Bgdl, tmp_path: Path) -> None:
    GREY.save(tmp_path / "a.jpg", dpi=(300, 300))
    for target, options in {"a.png": (), "b.png": ("--crop", "0"), "c.jpg": ("-b", "white")}.items():
        assert bgdl("image", tmp_path / "a.jpg", "-m", "otsu", "-o", tmp_path / "out" / target, *options).status == 0
        assert Image.open(tmp_path / "out" / target).info["dpi"] == pytest.approx((300, 300), abs=0.01)


def test_cutouts_in_memory_keep_it_too() -> None:
    data = encoded(GREY, "JPEG", dpi=(300, 300))
    cutout = bgdl.remove(data, model="otsu")
    assert Image.open(BytesIO(cutout)).info["dpi"] == pytest.approx((300, 300), abs=0.01)
    assert bgdl.remove(Image.open(BytesIO(data)), model="otsu").info["dpi"] == (300, 300)
    assert "dpi" not in bgdl.remove(Image.fromarray(np.zeros((9, 9, 3), np.uint8)), model="otsu").info
