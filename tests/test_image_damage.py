"""Deep, odd and damaged picture files: read for what they are, or one sentence."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bgdl.errors import InputError
from bgdl.media import image
from bgdl.media.image import read
from tests.pictures import STORED_AS, corners, deep_tiff, encoded
from tests.profiles import exchanged_profile


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_sixteen_bit_tiffs_are_turned_once(orientation: int, order: str) -> None:
    stored = Image.fromarray(corners())
    stored = stored.transpose(STORED_AS[orientation]) if orientation > 1 else stored
    data = deep_tiff(np.asarray(stored).astype(np.uint16) * 257, orientation, order)
    assert np.array_equal(read(data).frames[0].numpy(), corners())


def _deep(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint16) * 257


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bit_planes_are_put_together(channels: int, order: str) -> None:
    deep = _deep(5, 7, channels)
    picture = read(deep_tiff(deep, order=order, planar=True, extra=2 if channels == 4 else None))
    assert np.array_equal(picture.frames[0].numpy(), deep[..., :3] // 257)
    assert (picture.alpha is not None) == (channels == 4)


def test_the_fourth_channel_of_sixteen_bit_tiffs_is_what_the_file_says() -> None:
    deep = np.full((4, 6, 4), (10000, 20000, 30000, 32768), np.uint16)
    straight, premultiplied, unknown = (read(deep_tiff(deep, extra=extra)) for extra in (2, 1, 0))
    assert straight.frames[0, 0, 0].tolist() == [39, 78, 117]
    assert straight.alpha is not None and abs(float(straight.alpha[0, 0, 0, 0]) - 0.5) < 0.01
    assert (premultiplied.frames[0, 0, 0].int() - 2 * straight.frames[0, 0, 0].int()).abs().max() <= 2
    assert premultiplied.alpha is not None
    assert unknown.alpha is None and torch.equal(unknown.frames, straight.frames)


def test_sixteen_bit_grey_whose_zero_is_white() -> None:
    picture = read(deep_tiff(np.array([[[0], [257], [65535]]], np.uint16), photometric=0))
    assert picture.frames[0, 0, :, 0].tolist() == [255, 254, 0]


def test_sixteen_bit_grey_png_keeps_its_transparent_level() -> None:
    data = encoded(Image.fromarray(np.array([[0, 1000, 1001]], np.uint16)), "PNG")
    clear = b"tRNS" + struct.pack(">H", 1000)
    data = data[:33] + struct.pack(">I", 2) + clear + struct.pack(">I", zlib.crc32(clear)) + data[33:]
    picture = read(data)
    assert picture.alpha is not None and picture.alpha.flatten().tolist() == [1, 0, 1]
    assert picture.frames[0, 0, :, 0].tolist() == [0, 4, 4]


SOUND = {
    "AVIF": encoded(Image.fromarray(corners()), "AVIF"),
    "TIFF": encoded(Image.new("F", (6, 4), 0.5), "TIFF"),
    "TIFF, 16 bits": deep_tiff(corners().astype(np.uint16) * 257, 6, "<"),
    "WEBP": encoded(Image.fromarray(corners()), "WEBP"),
    "PNG": encoded(Image.fromarray(corners()), "PNG"),
}


@given(st.sampled_from(sorted(SOUND)), st.floats(0, 1, exclude_max=True), st.integers(0, 255))
@settings(max_examples=400, deadline=None, derandomize=True)
def test_whatever_a_damaged_file_makes_of_a_decoder_is_one_sentence(format: str, place: float, value: int) -> None:
    """Pillow's decoders raise TypeError, RuntimeError and others for it."""
    data = bytearray(SOUND[format])
    data[int(place * len(data))] = value
    with suppress(InputError):
        assert read(bytes(data), max_pixels=100_000).frames.dtype == torch.uint8


def test_float_grey_of_one_level_is_a_picture() -> None:
    picture = read(encoded(Image.new("F", (6, 4), 5.0), "TIFF"))
    assert (picture.frames == 255).all() and picture.notes


def test_a_picture_comes_into_srgb() -> None:
    picture = read(encoded(Image.new("RGB", (4, 4), (250, 0, 0)), "PNG", icc_profile=exchanged_profile()))
    converted = image.in_srgb(picture)
    assert converted.icc_profile is None
    assert (converted.frames[0, 0, 0].int() - torch.tensor([0, 0, 250])).abs().max() <= 2
    assert image.in_srgb(converted) is converted


def test_a_name_that_no_file_has_is_a_sentence() -> None:
    with pytest.raises(InputError, match=r"cannot read 'a\\x00b\.png', which no file is called \("):
        read("a\0b.png")
