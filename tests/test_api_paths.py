"""Paths that `bgdl.remove` reads and writes: backgrounds, targets, and what is never replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import bgdl
import bgdl.pipeline.image
from bgdl.errors import InputError
from tests.small_pictures import PHOTO, png


def test_quality_and_the_file_that_is_there(tmp_path: Path) -> None:
    Image.fromarray(np.kron(PHOTO, np.ones((4, 4, 1), np.uint8))).save(tmp_path / "p.png")
    sizes = [
        bgdl.remove(tmp_path / "p.png", "red", "otsu", target=tmp_path / "out.jpg", quality=quality).stat().st_size
        for quality in (90, 10)
    ]
    assert sizes[1] < sizes[0] / 2


@pytest.mark.parametrize("name", ["", "."])
def test_an_empty_name_is_a_sentence(name: str) -> None:
    with pytest.raises(InputError, match="unknown model"):
        bgdl.matte(PHOTO, name)


def test_a_background_may_be_a_path(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9), (1, 2, 3)).save(tmp_path / "room.png")
    beside = bgdl.remove(PHOTO, tmp_path / "room.png", model="otsu")
    np.testing.assert_array_equal(beside, bgdl.remove(PHOTO, str(tmp_path / "room.png"), model="otsu"))
    with pytest.raises(InputError, match=r"background '.*red' is neither a colour nor a file that exists"):
        bgdl.remove(PHOTO, Path("red"), model="otsu")
    with pytest.raises(InputError, match=r"background is a NoneType; use transparent, blur\[:SIGMA\], a colour"):
        bgdl.remove(PHOTO, None, model="otsu")  # type: ignore[call-overload]


def test_a_background_may_be_numbers_or_a_picture(tmp_path: Path) -> None:
    for colour, name in (((255, 0, 0), "red"), ([255, 0, 0], "#f00"), ((0, 128, 0, 64), "#00800040")):
        expected = bgdl.remove(PHOTO, name, model="otsu")
        np.testing.assert_array_equal(bgdl.remove(PHOTO, colour, model="otsu"), expected)
    room = np.full((9, 9, 3), (1, 2, 3), np.uint8)
    Image.fromarray(room).save(tmp_path / "room.png")
    for picture in (room, Image.fromarray(room), png(room), tmp_path / "room.png"):
        expected = bgdl.remove(PHOTO, "#010203", model="otsu")
        np.testing.assert_array_equal(bgdl.remove(PHOTO, picture, model="otsu"), expected)
    for colour in ((300, 0, 0), (1, 2), (0.5, 0, 0), (1, 2, 3, 4, 5)):
        with pytest.raises(InputError, match="a colour is \\(r,g,b\\) or \\(r,g,b,a\\), whole numbers of 0 to 255"):
            bgdl.remove(PHOTO, colour, model="otsu")  # type: ignore[type-var]


def test_targets(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(png(PHOTO))
    target = tmp_path / "new" / "folder" / "p.png"
    assert bgdl.remove(tmp_path / "p.png", model="otsu", target=target) == target and target.is_file()
    with pytest.raises(InputError, match="target is for a picture given as a path; save the ndarray that comes back"):
        bgdl.remove(PHOTO, model="otsu", target=target)


def test_what_is_read_is_never_replaced(tmp_path: Path) -> None:
    for name in ("p.png", "room.png", "empty.png"):
        (tmp_path / name).write_bytes(png(PHOTO))
    (tmp_path / "link.png").symlink_to("p.png")
    options: dict[str, Any] = {"background": str(tmp_path / "room.png"), "prime": tmp_path / "empty.png"}
    replaced = (("p.png", "p"), ("link.png", "p"), ("new/../p.png", "p"), ("room.png", "room"), ("empty.png", "empty"))
    for name, read in replaced:
        with pytest.raises(InputError, match=rf"{read}\.png is an input and would be replaced by the result"):
            bgdl.remove(tmp_path / "p.png", model="nowhere.pth", target=tmp_path / name, **options)
        assert (tmp_path / f"{read}.png").read_bytes() == png(PHOTO)


def test_a_path_that_is_none_is_a_sentence_before_anything_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(png(PHOTO))
    for target, sentence in (
        ("", "target is empty; give a path"),
        ("a\0b.png", r"target is 'a\\x00b.png', which no file is called: it has a NUL"),
        (b"x.png", "target is a path, not bytes"),
        ("x.pdf", "x.pdf ends in '.pdf'; pictures are written as"),
        (tmp_path / "p.png" / "x.png", r"p\.png is not a folder; give a folder"),
    ):
        with pytest.raises(InputError, match=sentence):
            bgdl.remove(tmp_path / "p.png", model="nowhere.pth", target=target)  # type: ignore[arg-type]
    for function in (bgdl.remove, bgdl.matte):
        with pytest.raises(InputError, match="the picture is empty; give a path"):
            function("")  # type: ignore[operator]
        with pytest.raises(InputError, match=r"the picture is .*, which no file is called"):
            function("a\0b.png")  # type: ignore[operator]
        with pytest.raises(InputError, match=r"cannot read x+: "):
            function("x" * 300)  # type: ignore[operator]
    with pytest.raises(InputError, match=r"background 'x+' is neither a colour nor a file that exists"):
        bgdl.remove(PHOTO, "x" * 300)
    with pytest.raises(InputError, match=r"unknown model 'x+'"):
        bgdl.matte(PHOTO, "x" * 300)
