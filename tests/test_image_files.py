"""Picture files: every kind is read on purpose, nothing half-written is left."""

from __future__ import annotations

import struct
import sys
import zlib
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from bgdl.errors import InputError, MissingExtra
from bgdl.media import image
from bgdl.media.image import OPAQUE_FORMATS, format_of, read, supports_alpha, write
from tests.pictures import MAKER, ORIENTATION, STORED_AS, corners, encoded
from tests.profiles import exchanged_profile

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_and_its_tag_dropped(format: str, orientation: int) -> None:
    if format == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    stored = Image.fromarray(corners())
    if orientation > 1:
        stored = stored.transpose(STORED_AS[orientation])
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKER] = orientation, "Maker"
    picture = read(encoded(stored, format, exif=exif.tobytes()))
    assert picture.format == format
    assert picture.frames.shape == (1, 40, 64, 3)
    difference = picture.frames[0, ::39, ::63].int() - torch.from_numpy(corners())[::39, ::63].int()
    assert difference.abs().max() < 30
    kept = Image.Exif()
    kept.load(picture.exif)
    assert dict(kept) == {MAKER: "Maker"}


def test_exif_keeps_its_sub_blocks_and_loses_the_thumbnail() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2026:01:02 03:04:05"  # DateTimeOriginal
    exif.get_ifd(0x8825)[1] = "N"  # GPSLatitudeRef
    picture = read(encoded(Image.fromarray(corners()), "JPEG", exif=exif.tobytes()))
    kept = Image.Exif()
    kept.load(picture.exif)
    assert kept.get_ifd(0x8769)[0x9003] == "2026:01:02 03:04:05"
    assert kept.get_ifd(0x8825)[1] == "N"
    assert not kept.get_ifd(1)


@pytest.mark.parametrize("ending", [".png", ".webp", ".tiff", ".avif", ".jpg"])
def test_every_format_with_exif_keeps_date_and_place(ending: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[MAKER], exif[0x100], exif[0x101] = "Maker", 64, 40  # the width and height of the photograph
    exif.get_ifd(0x8769)[0x9003] = "2026:01:02 03:04:05"  # DateTimeOriginal
    exif.get_ifd(0x8825)[1] = "N"  # GPSLatitudeRef
    picture = read(encoded(Image.fromarray(corners()), "JPEG", exif=exif.tobytes()))
    write(picture.frames[0, :20], tmp_path / f"a{ending}", exif=picture.exif)
    with Image.open(tmp_path / f"a{ending}") as back:
        assert back.size == (64, 20)
        kept = back.getexif()
        assert kept[MAKER] == "Maker" and kept.get_ifd(0x8825)[1] == "N"
        assert kept.get_ifd(0x8769)[0x9003] == "2026:01:02 03:04:05"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_counts_as_none() -> None:
    picture = read(encoded(Image.fromarray(corners()), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"))
    assert picture.frames.shape == (1, 40, 64, 3)
    assert picture.exif is None


@pytest.mark.parametrize("ending", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_is_divided_by_257_and_rounded(ending: str, channels: int) -> None:
    deep = RNG.integers(0, 65536, (6, 9, channels)).astype(np.uint16)
    picture = read(cv2.imencode(ending, deep)[1].tobytes())
    expected = np.round(deep / 257).astype(int)
    colours = np.repeat(expected, 3, 2) if channels == 1 else expected[..., 2::-1]
    assert np.array_equal(picture.frames[0].numpy(), colours)
    if channels == 4:
        assert picture.alpha is not None
        assert np.allclose(picture.alpha[0].numpy() * 255, expected[..., 3:], atol=1e-3)


def test_integer_and_float_tiff_are_not_clipped() -> None:
    whole = Image.fromarray(np.array([[0, 257, 65535]], np.int32))
    assert read(encoded(whole, "TIFF")).frames[0, 0, :, 0].tolist() == [0, 1, 255]
    unit = Image.fromarray(np.array([[0, 0.5, 1]], np.float32))
    assert read(encoded(unit, "TIFF")).frames[0, 0, :, 0].tolist() == [0, 128, 255]
    wide = read(encoded(Image.fromarray(np.array([[-100, 0, 300]], np.float32)), "TIFF"))
    assert wide.frames[0, 0, :, 0].tolist() == [0, 64, 255]
    assert wide.notes == ("grey values -100 to 300 were stretched to black and white",)


def test_cmyk_without_a_profile_is_read_with_a_note() -> None:
    picture = read(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    red, green, blue = picture.frames[0, 0, 0].tolist()
    assert red > 200
    assert max(green, blue) < 60
    assert picture.notes == ("CMYK without a usable colour profile: colours are approximate",)


def test_a_grey_profile_is_not_kept_beside_rgb_pixels() -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[16:20] = b"GRAY"
    picture = read(encoded(Image.new("L", (8, 8), 77), "PNG", icc_profile=bytes(profile)))
    assert picture.icc_profile is None
    assert picture.frames.unique().tolist() == [77]


def test_lab_becomes_srgb() -> None:
    white = Image.new("LAB", (4, 4), (255, 128, 128))
    assert read(encoded(white, "TIFF")).frames.min() >= 250


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P", "PA"])
def test_existing_alpha_is_told(mode: str) -> None:
    source = Image.fromarray(np.dstack([corners(), np.full((40, 64), 255, np.uint8)]))
    source.paste((0, 0, 0, 0), (0, 0, 10, 10))
    source = source.convert("LA") if mode == "LA" else source.quantize() if mode in ("P", "PA") else source
    picture = read(encoded(source, "PNG"))
    assert picture.alpha is not None
    assert picture.alpha.shape == (1, 40, 64, 1)
    assert picture.alpha[0, 0, 0, 0] == 0
    assert picture.alpha[0, 30, 30, 0] == 1


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "YCbCr", "HSV", "CMYK", "I", "F", "LAB", "RGBX", "La", "RGBa"])
def test_every_mode_that_pillow_holds_becomes_frames(mode: str) -> None:
    picture = image.from_pil(Image.new(mode, (5, 4)))
    assert (picture.frames.shape, picture.frames.dtype) == ((1, 4, 5, 3), torch.uint8)


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_animations_give_their_first_frame_and_say_so(format: str) -> None:
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    picture = read(encoded(first, format, save_all=True, append_images=[second]))
    assert picture.frames[0, 0, 0].tolist()[0] > 240
    assert picture.notes == ("holds 2 pictures (animated or pages): the first is taken",)


def test_icc_profile_survives_the_round_trip(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = read(encoded(Image.fromarray(corners()), "JPEG", icc_profile=profile))
    assert picture.icc_profile == profile
    for ending in (".png", ".webp", ".tiff", ".avif", ".jpg"):
        write(picture.frames[0], tmp_path / f"a{ending}", icc_profile=picture.icc_profile)
        assert read(tmp_path / f"a{ending}").icc_profile == profile, ending
    write(picture.frames[0, ..., :1], tmp_path / "matte.png", icc_profile=picture.icc_profile)
    assert read(tmp_path / "matte.png").icc_profile is None


def test_one_pixel_and_48_million() -> None:
    assert read(encoded(Image.new("RGB", (1, 1), "red"), "PNG")).frames.tolist() == [[[[255, 0, 0]]]]
    assert read(encoded(Image.new("L", (8000, 6000)), "BMP")).frames.shape == (1, 6000, 8000, 3)


def test_bombs_are_refused_with_the_limit_and_the_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    bomb += b"\0\0\0\0IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    limit = Image.MAX_IMAGE_PIXELS
    with pytest.raises(InputError, match=r"20000×20000, more than the limit of 100000000 pixels; lift it with --max-"):
        read(bomb)
    assert limit == Image.MAX_IMAGE_PIXELS
    small = encoded(Image.new("L", (30, 20)), "PNG")
    with pytest.raises(InputError, match="--max-pixels 600"):
        read(small, max_pixels=599)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert read(small, max_pixels=600).frames.shape == (1, 20, 30, 3)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF", "GIF"])
def test_cut_files_are_a_sentence(format: str) -> None:
    noise = Image.fromarray(RNG.integers(0, 256, (64, 64, 3)).astype(np.uint8))
    data = encoded(noise, format)
    with pytest.raises(InputError, match=r"^the picture is (damaged or cut short|not a picture)"):
        read(data[: len(data) // 2])


@pytest.mark.parametrize("data", [b"<html>not found</html>", b"%PDF-1.7", b"\0" * 50, b"\x89PNG\r\n\x1a\n"])
def test_other_files_are_a_sentence(data: bytes) -> None:
    with pytest.raises(InputError, match=r"the picture is (not a picture that bgdl reads|damaged or cut short)"):
        read(data)


def test_empty_missing_and_folders_are_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the picture is empty"):
        read(b"")
    with pytest.raises(InputError, match=r"cannot read .*nothing\.png: No such file"):
        read(tmp_path / "nothing.png")
    with pytest.raises(InputError, match=r"cannot read .*directory"):
        read(tmp_path)


def test_heic_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(MissingExtra, match=r'HEIC needs an optional package: pip install "bgdl\[heif\]"'):
        read(b"\0\0\0\x18ftypheic" + b"\0" * 40)


def test_reads_from_open_files(tmp_path: Path) -> None:
    (tmp_path / "a b [1].png").write_bytes(encoded(Image.new("RGB", (3, 2), "red"), "PNG"))
    with open(tmp_path / "a b [1].png", "rb") as file:
        assert read(file).frames.shape == (1, 2, 3, 3)


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
    with pytest.raises(InputError, match=r"cannot hold transparency; write \.png, .* --background white"):
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
