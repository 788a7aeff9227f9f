"""Options behind a name, as they come from a command line: what is no value is one sentence."""

from __future__ import annotations

import pytest
import torch

import bgdl
from bgdl.errors import InputError
from bgdl.registry import split_options
from bgdl.types import is_primed


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("mog2:history=many", "history is 'many'; it must be a number"),
        ("otsu:median_px=null", "median_px is None; it must be a number"),
        ("static_difference:channel_threshold=x", "channel_threshold is 'x'; it must be a number"),
        ("canny:median_px=true", "median_px is True; it must be a number"),
        ("mog2:history=[", r"'mog2:history=\[' has a value that cannot be read; write NAME:option=value"),
        ("chroma_key:colour=3", "unknown colour 3; use auto, green, blue"),
        ("grabcut:prior=3", "prior is 3; it must be a Matter, or the name of a method"),
        ("portrait:size=abc", "size is 'abc'; it must be a whole number of px, 1 or more"),
        ("portrait:size=0", "size is 0; it must be a whole number of px, 1 or more"),
        ("portrait:shape=rect", "shape is 'rect'; it must be one of square, area, aspect"),
        ("portrait:batch=-1", "batch is -1; it must be a whole number of frames, 1 or more"),
        ("roi_average:rectangle=5", "rectangle is 5; it must be 4 numbers, for instance"),
        ("roi_average:rectangle=[1,2,3]", r"rectangle is \[1, 2, 3\]; it must be 4 numbers"),
        ("roi_average:rectangle=[1,2,c,4]", "rectangle is 'c'; it must be a number"),
        ("mog2:history=nan", "history is nan; it must be a number"),
        ("portrait:batch=0", "batch is 0; it must be a whole number of frames, 1 or more"),
    ],
)
def test_what_is_no_value_is_a_sentence(model: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        bgdl.load(model, device="cpu", engine="torch")


def test_words_stay_words() -> None:
    """To YAML #00b140 is a comment and off is false."""
    text = "x:colour=#00b140:shadows=off:rate=1e3:n=-2:flag=true:none=null:box=[1,2]:name=a b:quoted='7'"
    assert split_options(text) == (
        "x",
        {
            "colour": "#00b140", "shadows": "off", "rate": 1000.0, "n": -2, "flag": True, "none": None, "box": [1, 2],
            "name": "a b", "quoted": "7",
        },
    )  # fmt: skip
    assert bgdl.load("chroma_key:colour=#00b140").name and bgdl.load("mog2:shadows=off").name


def test_a_prior_learns_the_empty_scene() -> None:
    cut = bgdl.load("grabcut:prior=static_difference")
    assert is_primed(cut) and not is_primed(bgdl.load("grabcut")) and not is_primed(bgdl.load("grabcut:prior=otsu"))
    scene = torch.full((1, 40, 60, 3), 90, dtype=torch.uint8)
    frames = scene.clone()
    frames[:, 10:35, 20:40] = torch.tensor([220, 40, 40], dtype=torch.uint8)
    cut.prime(scene)
    alpha = cut.alpha(frames)
    assert alpha[0, 15:30, 25:35].min() == 1 and alpha[0, :5].max() == 0
