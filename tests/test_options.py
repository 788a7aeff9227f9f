"""Options behind a name, as they come from a command line: what is no value is one sentence."""

from __future__ import annotations

import pytest

import bgdl
from bgdl.errors import InputError


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
        ("portrait:batch=0", "batch is 0; it must be a whole number of frames, 1 or more"),
    ],
)
def test_what_is_no_value_is_a_sentence(model: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        bgdl.load(model, device="cpu", engine="torch")
