"""Masks as labelling tools write them: one coverage, 255 the person, whatever the file's mode."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bgdl.data.masks import holds_01, holds_void, read_mask
from bgdl.errors import InputError

PERSON = np.zeros((8, 6), np.uint8)
PERSON[2:7, 1:5] = 255


def colours(classes: np.ndarray) -> Image.Image:
    """A palette picture in Pascal VOC's colours."""
    picture = Image.fromarray(classes, "P")
    picture.putpalette(([0, 0, 0, 128, 0, 0, 0, 128, 0] + [100] * 756 + [224, 224, 192])[:768])
    return picture


def outlined(person: np.ndarray, label: int, width_px: int = 1) -> np.ndarray:
    """Class numbers: `label` for the person, void (255) along its outline."""
    square = np.ones((2 * width_px + 1,) * 2, np.uint8)
    line = cv2.dilate(person, square) != cv2.erode(person, square)
    return np.where(line, 255, person // 255 * label).astype(np.uint8)


def greys(values: np.ndarray) -> Image.Image:
    """A palette picture whose palette is a grey ramp."""
    picture = Image.fromarray(values, "P")
    picture.putpalette([level for level in range(256) for _ in range(3)])
    return picture


def in_alpha(mask: np.ndarray, colour: int) -> Image.Image:
    return Image.fromarray(np.dstack([np.full((*mask.shape, 3), colour, np.uint8), mask]))


def painted(colour: tuple[int, int, int]) -> Image.Image:
    """A colour on black, without a palette."""
    return Image.fromarray(np.where(PERSON[..., None] > 0, colour, 0).astype(np.uint8))


def clear_around(colour: tuple[int, int, int]) -> Image.Image:
    picture = painted(colour).convert("RGBA")
    picture.putalpha(Image.fromarray(PERSON))
    return picture


FORMS: dict[str, Callable[[], Image.Image]] = {
    "grey": lambda: Image.fromarray(PERSON),
    "zeros and ones": lambda: Image.fromarray(PERSON // 255),
    "black and white": lambda: Image.fromarray(PERSON).convert("1"),
    "rgb": lambda: Image.fromarray(np.dstack([PERSON] * 3)),
    "opaque rgba": lambda: Image.fromarray(np.dstack([PERSON] * 3 + [np.full_like(PERSON, 255)])),
    "white, mask in alpha": lambda: in_alpha(PERSON, 255),
    "black, mask in alpha": lambda: in_alpha(PERSON, 0),
    "16 bits": lambda: Image.fromarray(PERSON.astype(np.uint16) * 257),
    "16 bits of 8": lambda: Image.fromarray(PERSON.astype(np.uint16)),
    "16 bits of one": lambda: Image.fromarray(PERSON.astype(np.uint16) // 255),
    "palette of classes": lambda: colours(PERSON // 255),
    "palette of another class": lambda: colours(PERSON // 255 * 2),
    "palette of void alone": lambda: colours(PERSON),
    "green": lambda: painted((0, 255, 0)),
    "dark red": lambda: painted((64, 0, 0)),
    "pink": lambda: painted((192, 128, 128)),
    "green on transparent": lambda: clear_around((0, 255, 0)),
    "palette of greys": lambda: greys(PERSON),
    "palette of greys, 0 and 1": lambda: greys(PERSON // 255),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_person(form: str, tmp_path: Path) -> None:
    FORMS[form]().save(tmp_path / "mask.png")
    mask = read_mask(tmp_path / "mask.png")
    assert mask.dtype == np.uint8 and np.array_equal(mask, PERSON)


def test_grey_that_jpeg_has_tinged_stays_coverage(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (32, 1))
    Image.fromarray(ramp).convert("RGB").save(tmp_path / "mask.jpg", quality=30)
    assert np.abs(read_mask(tmp_path / "mask.jpg").astype(int) - ramp).mean() < 6


def test_a_stray_coloured_pixel_changes_no_coverage(tmp_path: Path) -> None:
    soft = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (32, 1))
    rgb = np.dstack([soft] * 3)
    rgb[3, 3] = (200, 0, 0)
    Image.fromarray(rgb).save(tmp_path / "mask.png")
    assert (read_mask(tmp_path / "mask.png") != soft).sum() == 1


def test_colours_without_black_are_refused(tmp_path: Path) -> None:
    colours = np.full((8, 6, 3), (90, 160, 240), np.uint8)
    colours[2:7, 1:5] = (250, 200, 170)
    Image.fromarray(colours).save(tmp_path / "photo.png")
    with pytest.raises(InputError, match=r"photo\.png: it has colours but no black; black is the background"):
        read_mask(tmp_path / "photo.png")


def test_float_masks_are_shares(tmp_path: Path) -> None:
    Image.fromarray((PERSON / 510).astype(np.float32)).save(tmp_path / "mask.tiff")
    assert set(np.unique(read_mask(tmp_path / "mask.tiff"))) == {0, 128}


def test_float_masks_below_zero_show_nobody(tmp_path: Path) -> None:
    Image.fromarray(np.array([[-0.5, 0, 1]], np.float32)).save(tmp_path / "mask.tiff")
    assert read_mask(tmp_path / "mask.tiff").tolist() == [[0, 0, 255]]


@given(st.integers(0, 65535))
def test_sixteen_bits_are_rounded(tmp_path_factory: pytest.TempPathFactory, level: int) -> None:
    file = tmp_path_factory.getbasetemp() / f"mask-{level}.png"
    Image.fromarray(np.array([[65535, level]], np.uint16)).save(file)
    assert read_mask(file)[0, 1] == round(level / 257)


def test_zeros_and_ones_are_told(tmp_path: Path) -> None:
    Image.fromarray(PERSON // 255).save(tmp_path / "ones.png")
    Image.fromarray(PERSON).save(tmp_path / "full.png")
    assert holds_01(tmp_path / "ones.png") and not holds_01(tmp_path / "full.png")


def test_void_of_a_palette_is_background(tmp_path: Path) -> None:
    """As in Pascal VOC, whose objects have an outline of void."""
    disk = cv2.circle(np.zeros((40, 40), np.uint8), (20, 20), 12, 255, -1)
    colours(outlined(disk, 2, 2)).save(tmp_path / "void.png")
    colours(disk // 255 * 2).save(tmp_path / "classes.png")
    assert np.array_equal(read_mask(tmp_path / "void.png"), cv2.erode(disk, np.ones((5, 5), np.uint8)))
    assert holds_void(tmp_path / "void.png") and not holds_void(tmp_path / "classes.png")


@pytest.mark.parametrize(("label", "width_px"), [(1, 1), (1, 5), (15, 3), (33, 3)])
def test_grey_classes_with_void_are_refused(tmp_path: Path, label: int, width_px: int) -> None:
    disk = cv2.ellipse(np.zeros((120, 90), np.uint8), (45, 60), (20, 50), 0, 0, 360, 255, -1)
    Image.fromarray(outlined(disk, label, width_px)).save(tmp_path / "mask.png")
    with pytest.raises(InputError, match=rf"below 255 is {label}; white is the person \(is this a map of class num"):
        read_mask(tmp_path / "mask.png")


def test_grey_classes_without_a_zero_are_refused(tmp_path: Path) -> None:
    """As Cityscapes' training numbers of a picture without road."""
    classes = np.repeat(np.array([8, 10, 11, 255], np.uint8), 20)[None].repeat(30, axis=0)
    Image.fromarray(classes).save(tmp_path / "mask.png")
    with pytest.raises(InputError, match="below 255 is 11; white is the person"):
        read_mask(tmp_path / "mask.png")


@given(
    st.lists(st.tuples(st.integers(0, 320), st.integers(0, 256)), min_size=2, max_size=6),
    st.sampled_from([1, 2, 4, 8, 16]),
    st.sampled_from([0.0, 0.6, 4.0]),
    st.integers(0, 60),
)
def test_coverage_is_never_taken_for_classes(
    tmp_path_factory: pytest.TempPathFactory, corners: list[tuple[int, int]], finer: int, soft: float, dark: int
) -> None:
    """Hard, anti-aliased and blurred outlines of any size, hair lines and specks too, on a ground that is not black."""
    large = np.zeros((256, 320), np.uint8)
    cv2.fillPoly(large, [np.array(corners, np.int32)], 255)
    mask = cv2.resize(large, (320 // finer, 256 // finer), interpolation=cv2.INTER_AREA)
    mask = np.maximum(cv2.GaussianBlur(mask, (0, 0), soft) if soft else mask, dark).astype(np.uint8)
    file = tmp_path_factory.getbasetemp() / "coverage.png"
    Image.fromarray(mask).save(file)
    expected = mask * 255 if mask.max() == 1 else mask
    assert np.array_equal(read_mask(file), expected)


def test_haze_and_stray_values_are_coverage(tmp_path: Path) -> None:
    """Glass beside a hard subject, a trimap, and a stray stroke."""
    for values, share in (((0, 100, 255), 3), ((0, 127, 255), 3), ((0, 3, 255), 12)):
        mask = np.full((40, 60), values[0], np.uint8)
        mask[5:35, 5:35] = values[2]
        mask[5:35, 40 : 40 + 36 // share] = values[1]
        Image.fromarray(mask).save(tmp_path / "mask.png")
        assert np.array_equal(read_mask(tmp_path / "mask.png"), mask)


def test_a_mask_that_claims_a_huge_size_is_an_error(tmp_path: Path) -> None:
    Image.fromarray(PERSON).save(tmp_path / "mask.png")
    data = bytearray((tmp_path / "mask.png").read_bytes())
    data[16:24] = (60000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    (tmp_path / "mask.png").write_bytes(data)
    with pytest.raises(InputError, match=r"cannot read the mask .*mask.png: Image size \(3600000000 pixels\) exceeds"):
        read_mask(tmp_path / "mask.png")


def test_a_damaged_mask_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"^(?!cannot).*mask\.png is not a picture that bgdl reads \(PNG, JPEG"):
        read_mask(tmp_path / "mask.png")
