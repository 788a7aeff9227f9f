"""Picture files that are written hold what they were given, and nothing half-written is left."""

from __future__ import annotations

import sys
from io import BytesIO, FileIO
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from bgdl.errors import InputError
from bgdl.media import image
from bgdl.media.image import OPAQUE_FORMATS, format_of, read, supports_alpha, write
from tests.pictures import MAKER, corners, encoded
from tests.profiles import exchanged_profile
from tests.small_pictures import noise


def test_icc_profile_survives_the_round_trip(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = read(encoded(Image.fromarray(corners()), "JPEG", icc_profile=profile))
    assert picture.icc_profile == profile
    for ending in (".png", ".webp", ".tiff", ".avif", ".jpg"):
        write(picture.frames[0], tmp_path / f"a{ending}", icc_profile=picture.icc_profile)
        assert read(tmp_path / f"a{ending}").icc_profile == profile, ending
    write(picture.frames[0, ..., :1], tmp_path / "matte.png", icc_profile=picture.icc_profile)
    assert read(tmp_path / "matte.png").icc_profile is None


@pytest.mark.parametrize("ending", [".png", ".tif", ".tiff", ".webp", ".avif"])
def test_straight_rgba_survives_each_format_with_transparency(ending: str, tmp_path: Path) -> None:
    picture = torch.zeros(16, 16, 4, dtype=torch.uint8)
    picture[:8] = torch.tensor([200, 100, 50, 128], dtype=torch.uint8)
    write(picture, tmp_path / f"a{ending}", quality=100)
    back = read(tmp_path / f"a{ending}")
    assert back.alpha is not None
    assert (back.alpha[0, 2, 2, 0] * 255 - 128).abs() <= 1
    tolerance = 3 if ending == ".avif" else 0
    assert (back.frames[0, 2, 2].int() - torch.tensor([200, 100, 50])).abs().max() <= tolerance
    assert back.alpha[0, 12, 12, 0] == 0


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from([1, 3, 4]), st.sampled_from(["PNG", "TIFF", "WEBP"]))
def test_lossless_files_give_back_every_byte(height: int, width: int, channels: int, format: str) -> None:
    picture = torch.randint(0, 256, (height, width, channels), dtype=torch.uint8)
    if channels == 4:
        picture[..., 3] = picture[..., 3].clamp_min(1)
    buffer = BytesIO()
    write(picture, buffer, format=format, quality=100)
    back = read(buffer.getvalue())
    assert torch.equal(back.frames[0], picture[..., :3].expand(height, width, 3))
    if channels == 4 and back.alpha is not None:
        assert torch.equal((back.alpha[0] * 255).round().to(torch.uint8), picture[..., 3:])


@pytest.mark.parametrize("ending", [".jpg", ".jpeg", ".bmp", ".JPG"])
def test_opaque_formats_refuse_transparency_with_the_way_out(ending: str, tmp_path: Path) -> None:
    target = tmp_path / f"out{ending}"
    assert not supports_alpha(target)
    with pytest.raises(InputError, match=r"cannot hold transparency; write \.png, .* for instance white"):
        write(torch.zeros(2, 2, 4, dtype=torch.uint8), target)
    write(torch.zeros(2, 2, 3, dtype=torch.uint8), target)
    assert read(target).frames.shape == (1, 2, 2, 3)


def test_endings_name_formats() -> None:
    assert format_of("a/b.TIF") == "TIFF"
    assert format_of(".png") == "PNG"
    assert {format_of(f"a{ending}") for ending in image.FORMATS if not supports_alpha(f"a{ending}")} == OPAQUE_FORMATS
    with pytest.raises(InputError, match=r"out\.gif ends in '\.gif'; pictures are written as \.png, \.webp"):
        format_of("out.gif")
    with pytest.raises(InputError, match=r"out has no ending; pictures are written as \.png"):
        format_of("out")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.webp"
    target.write_bytes(b"old")
    with pytest.raises(InputError, match=r"cannot write a picture of 20000×2 as WEBP .*; try \.png"):
        write(torch.zeros(2, 20000, 3, dtype=torch.uint8), target)
    with pytest.raises(InputError, match=r"cannot write .*: No such file or directory"):
        write(torch.zeros(2, 2, 3, dtype=torch.uint8), tmp_path / "no" / "a.png")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.webp"]


@pytest.mark.skipif(sys.platform == "win32", reason="paths are short there")
def test_names_as_long_as_the_system_allows(tmp_path: Path) -> None:
    target = tmp_path / ("a" * 251 + ".png")
    write(torch.zeros(2, 2, 3, dtype=torch.uint8), target)
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    with pytest.raises(InputError, match=r"cannot write .*: File name too long"):
        write(torch.zeros(2, 2, 3, dtype=torch.uint8), target.with_name("a" + target.name))
    with pytest.raises(InputError, match=r"cannot write .*: Not a directory"):
        write(torch.zeros(2, 2, 3, dtype=torch.uint8), target / "b.png")


def test_colours_are_in_srgb_where_a_format_holds_no_profile(tmp_path: Path) -> None:
    red = torch.tensor([250, 0, 0], dtype=torch.uint8).expand(4, 4, 3)
    write(red, tmp_path / "a.bmp", icc_profile=exchanged_profile())
    assert (read(tmp_path / "a.bmp").frames[0, 0, 0].int() - torch.tensor([0, 0, 250])).abs().max() <= 2
    write(red[..., :1], tmp_path / "matte.bmp", icc_profile=exchanged_profile())
    assert read(tmp_path / "matte.bmp").frames.unique().tolist() == [250]


def test_jpeg_keeps_exif_and_obeys_quality(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[MAKER] = "Maker"
    noise = torch.randint(0, 256, (64, 64, 3), dtype=torch.uint8)
    write(noise, tmp_path / "good.jpg", exif=exif.tobytes(), quality=95)
    write(noise, tmp_path / "poor.jpg", quality=10)
    assert (tmp_path / "poor.jpg").stat().st_size < (tmp_path / "good.jpg").stat().st_size / 2
    with Image.open(tmp_path / "good.jpg") as back:
        assert back.getexif()[MAKER] == "Maker"


def test_an_unbuffered_file_gets_all_of_a_picture(tmp_path: Path) -> None:
    """Which stdout is with PYTHONUNBUFFERED, and which takes a part at a time."""

    class Narrow(FileIO):
        def write(self, data: Any) -> int:
            return super().write(bytes(data)[:1000])

    picture = noise(40, 50)[0]
    with Narrow(tmp_path / "a.png", "w") as file:
        write(picture, file)
    assert torch.equal(read(tmp_path / "a.png").frames[0], picture)
