"""`bgdl.convert_video` as a function: its options, and that a clip is treated as a picture is."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import bgdl
from bgdl.errors import InputError
from bgdl.pipeline.video_job import VideoJob
from tests.video_clips import BrightSubject, decoded, disc, noise, write_clip


def grainy(index: int, size_hw: tuple[int, int]) -> np.ndarray:
    """A disc and many bright specks, so that parts come and go along the edges."""
    return np.maximum(disc(index, size_hw), noise(index, size_hw) // 3 * 2)


@pytest.mark.parametrize("edge", ["none", "guided", "decontaminate"])
@pytest.mark.parametrize(
    "options",
    [
        {}, {"keep": "largest"}, {"keep": 3, "background": "blur:4"}, {"keep": "all", "background": (10, 20, 30)},
        {"only_matte": True, "keep": "largest"}, {"keep": "largest", "crop": "5%"},
        {"background": "beach.png", "crop": 3}, {"threshold": 0.5}, {"threshold": 0.9, "keep": "largest", "crop": "5%"},
        {"invert": True, "background": "red"}, {"threshold": 0.5, "invert": True, "only_matte": True},
    ],
)  # fmt: skip
def test_a_clip_of_one_frame_is_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edge: str, options: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(noise(7, (30, 30))).save("beach.png")
    write_clip(Path("in.mkv"), frames=1, codec="ffv1", pix_fmt="bgr0", picture=grainy)
    _, (picture,) = decoded(Path("in.mkv"))
    np.testing.assert_array_equal(picture, grainy(0, (48, 64)))
    options = {"edge": edge, "model": BrightSubject(), **options}
    expected = bgdl.remove(picture, **options)
    bgdl.convert_video("in.mkv", "out.mkv", format="ffv1", **options)
    kind = "gray" if expected.ndim == 2 else {3: "rgb24", 4: "rgba"}[expected.shape[2]]
    _, (shown,) = decoded(Path("out.mkv"), kind)
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).max() <= ("crop" in options)  # whose first pass keeps mattes in bytes


def test_its_options_are_those_of_the_job() -> None:
    ours = inspect.signature(bgdl.convert_video).parameters
    assert ours.keys() - {"model", "device", "engine", "precision"} == {field.name for field in fields(VideoJob)}
    for field in fields(VideoJob)[2:]:
        assert (ours[field.name].default, ours[field.name].annotation) == (field.default, field.type), field.name


def test_a_typo_is_an_error_of_the_function_itself(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"convert_video\(\) got an unexpected keyword argument 'backgroud_end'"):
        bgdl.convert_video("a.mp4", "b.mp4", backgroud_end="stop")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"crf": "18"}, "crf is '18'; it must be a whole number"),
        ({"frames": True}, "frames is True; it must be a whole number, 1 or more"),
        ({"smooth_strength": "much"}, "smooth_strength is 'much'; it must be a number"),
        ({"smooth_strength": 1}, "smooth_strength is 1; it must lie between 0 and 0.999"),
        ({"crop": "wide"}, "margin 'wide' is not a number of px"),
        ({"edge": "feather"}, "edge is 'feather'; it must be one of none, guided"),
        ({"threshold": "x"}, "threshold is 'x'; it must be a number"),
        ({"start": True}, "time 'True' is neither seconds"),
        ({"prime": b"22"}, r"prime is seconds \(2s\), frames \(60\) or a path, not bytes"),
        ({"prime": "x" * 300}, "prime is 'x+', which is not seconds"),
        ({"background": None}, "background is a NoneType; use transparent"),
        ({"background": (300, 0, 0)}, r"background is \(300, 0, 0\); a colour is"),
    ],
)
def test_what_cannot_be_is_a_sentence_before_anything_is_loaded(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        bgdl.convert_video("a.mp4", "b.mkv", model="nowhere.pth", **options)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("", "is empty; give a path"),
        (b"x" * 5000, "is a path, not bytes"),
        (None, "is a path, not NoneType"),
        ("a\0.mkv", r"is 'a\\x00\.mkv', which no file is called: it has a NUL; give a path without"),
    ],
)
def test_a_path_that_is_none_is_a_sentence(value: Any, sentence: str) -> None:
    for options in ({"source": value, "target": "b.mkv"}, {"source": "a.mp4", "target": value}):
        with pytest.raises(InputError, match=rf"^(source|target) {sentence}$"):
            bgdl.convert_video(**options, model="nowhere.pth")
