"""Words for looks: colours, blurs and files, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bgdl.compose import Alpha, Blur, Cutout
from bgdl.errors import InputError
from bgdl.media import image
from bgdl.pipeline.looks import make_look, parse_colour
from tests.small_pictures import matte, plain


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("white", (255, 255, 255, 255)),
        ("RebeccaPurple", (102, 51, 153, 255)),
        ("#f00", (255, 0, 0, 255)),
        ("#00ff0080", (0, 255, 0, 128)),
        ("rgb(1, 2, 3)", (1, 2, 3, 255)),
        ("rgb(300, 0, 0)", (255, 0, 0, 255)),
        ("rgba(1, 2, 999, 300)", (1, 2, 255, 255)),
        ("whiteish", None),
        ("#12", None),
    ],
)
def test_colours_are_css(text: str, colour: tuple[int, ...] | None) -> None:
    assert parse_colour(text) == colour


def test_words_become_looks(tmp_path: Path) -> None:
    image.write(torch.full((4, 4, 3), 90, dtype=torch.uint8), tmp_path / "room.png")
    assert isinstance(make_look(), Cutout)
    assert isinstance(make_look(only_matte=True), Alpha)
    blur = make_look("blur:7.5")
    assert isinstance(blur, Blur)
    assert blur.sigma_px == 7.5
    over = make_look(str(tmp_path / "room.png"), edge="none")
    assert over(plain((0, 0, 0)), matte(0)).unique().tolist() == [90]


def test_transparent_background_files_stand_on_white(tmp_path: Path) -> None:
    image.write(torch.zeros((4, 4, 4), dtype=torch.uint8), tmp_path / "logo.png")
    assert make_look(str(tmp_path / "logo.png"))(plain((0, 0, 0)), matte(0)).unique().tolist() == [255]


@pytest.mark.parametrize("text", ["nonsense", "no/such/file.png", "#12345", ""])
def test_nonsense_backgrounds_say_what_is_allowed(text: str) -> None:
    with pytest.raises(InputError, match=r"neither a colour nor a file that exists; use transparent, blur\[:SIGMA\]"):
        make_look(text)


@pytest.mark.parametrize("background", ["red", "no/such/file.png", Path("transparent"), (1, 2, 3), b""])
def test_a_background_that_the_matte_alone_would_not_show_is_refused(background: str | Path) -> None:
    with pytest.raises(InputError, match=r"^only_matte writes the matte alone; leave background out$"):
        make_look(background, only_matte=True)


@pytest.mark.parametrize("text", ["blur:x", "blur:-3", "blur:0", "blur:nan", "blur:5000"])
def test_nonsense_sigmas_say_what_is_allowed(text: str) -> None:
    with pytest.raises(InputError, match="sigma is a number of px between 0 and 1000, for instance blur:20"):
        make_look(text)
