"""Masks as labelling tools write them: one coverage, 255 the person, whatever the file's mode."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bgdl.data.masks import holds_01, read_mask
from bgdl.errors import InputError

PERSON = np.zeros((8, 6), np.uint8)
PERSON[2:7, 1:5] = 255


def colours(classes: np.ndarray) -> Image.Image:
    """A palette picture in Pascal VOC's colours."""
    picture = Image.fromarray(classes, "P")
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    return picture


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


@given(st.integers(0, 65535))
def test_sixteen_bits_are_rounded(tmp_path_factory: pytest.TempPathFactory, level: int) -> None:
    file = tmp_path_factory.getbasetemp() / f"mask-{level}.png"
    Image.fromarray(np.array([[65535, level]], np.uint16)).save(file)
    assert read_mask(file)[0, 1] == round(level / 257)


def test_zeros_and_ones_are_told(tmp_path: Path) -> None:
    Image.fromarray(PERSON // 255).save(tmp_path / "ones.png")
    Image.fromarray(PERSON).save(tmp_path / "full.png")
    assert holds_01(tmp_path / "ones.png") and not holds_01(tmp_path / "full.png")


def test_a_damaged_mask_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"cannot read the mask .*mask.png: cannot identify"):
        read_mask(tmp_path / "mask.png")
