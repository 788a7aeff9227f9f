"""Picture files of every kind are read on purpose."""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from bgdl.errors import InputError, MissingExtra
from bgdl.media import image
from bgdl.media.image import read, write
from tests.pictures import MAKER, ORIENTATION, STORED_AS, corners, encoded

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
    holes = read(encoded(Image.fromarray(np.array([[np.nan, np.inf, 1]], np.float32)), "TIFF"))
    assert holes.frames[0, 0, :, 0].tolist() == [0, 0, 255]


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
    assert picture.notes == ("holds 2 pictures (animation or pages): only the first is used",)


def test_one_pixel_and_48_million() -> None:
    assert read(encoded(Image.new("RGB", (1, 1), "red"), "PNG")).frames.tolist() == [[[[255, 0, 0]]]]
    assert read(encoded(Image.new("L", (8000, 6000)), "BMP")).frames.shape == (1, 6000, 8000, 3)


def test_bombs_are_refused_with_the_limit_and_the_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    bomb += b"\0\0\0\0IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    limit = Image.MAX_IMAGE_PIXELS
    with pytest.raises(InputError, match=r"20000×20000, more than the limit of 100000000 pixels; set max-pixels to"):
        read(bomb)
    assert limit == Image.MAX_IMAGE_PIXELS
    small = encoded(Image.new("L", (30, 20)), "PNG")
    with pytest.raises(InputError, match="set max-pixels to 600"):
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
