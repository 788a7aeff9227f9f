"""Options as they come from a command line: those behind a name, choices, and what the verbs before a camera share."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bgdl import load
from bgdl.cli import video
from bgdl.errors import InputError
from bgdl.pipeline import live
from bgdl.pipeline.live_job import LiveJob
from bgdl.pipeline.video_job import VideoJob
from bgdl.refine.smooth import MOST_STRENGTH, STRENGTH
from bgdl.registry import split_options
from bgdl.types import is_primed
from tests.conftest import Bgdl


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("mog2:history=many", "history is 'many'; it must be a whole number, 1 or more"),
        ("otsu:median_px=null", "median_px is None; it must be an odd number of px: 1, 3, 5, … up to 255"),
        ("static_difference:channel_threshold=x", "channel_threshold is 'x'; it must be a number"),
        ("canny:median_px=true", "median_px is True; it must be an odd number of px"),
        ("mog2:history=[", r"'mog2:history=\[' has a value that cannot be read; write NAME:option=value"),
        ("chroma_key:colour=3", "unknown colour 3; use auto, green, blue"),
        ("otsu:device=cpu", "otsu has no option 'device'; it takes median_px, kernel_px, dilate"),
        ("grabcut:prior=3", "prior is 3; it must be a Matter, or the name of a method"),
        ("portrait:size=abc", "size is 'abc'; it must be a whole number, 32 or more"),
        ("portrait:size=31", "size is 31; it must be a whole number, 32 or more"),
        ("portrait:shape=rect", "shape is 'rect'; it must be one of square, area, aspect"),
        ("portrait:batch=-1", "batch is -1; it must be a whole number, 1 or more"),
        ("roi_average:rectangle=5", "rectangle is 5; it must be 4 numbers, for instance"),
        ("roi_average:rectangle=[1,2,3]", r"rectangle is \[1, 2, 3\]; it must be 4 numbers"),
        ("roi_average:rectangle=[1,2,c,4]", "rectangle is 'c'; it must be a number"),
        ("mog2:history=nan", "history is nan; it must be a whole number"),
        ("portrait:batch=0", "batch is 0; it must be a whole number, 1 or more"),
        ("portrait:tta=yes", "tta is 'yes'; it must be true or false"),
    ],
)
def test_what_is_no_value_is_a_sentence(model: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(model, device="cpu", engine="torch")


@pytest.mark.parametrize("size", [np.int64(320), 320.0])
def test_numbers_of_numpy_are_numbers(size: Any) -> None:
    """And Python's own afterwards: what is written as JSON takes no others."""
    net: Any = load("portrait", device="cpu", engine="torch", size=size, batch=np.int64(2))
    assert json.dumps(net.spec.to_dict()) and net.spec == load("portrait", device="cpu", engine="torch").spec
    assert net.batch == 2
    assert load("mog2", history=np.int64(200)).alpha(torch.zeros(1, 8, 8, 3, dtype=torch.uint8)).shape == (1, 8, 8, 1)
    assert load("frame_difference", threshold=np.float32(12.5)).threshold == 12.5
    job = VideoJob("clip.mp4", Path("cut.mp4"), frames=np.int64(5), every=np.uint8(2), crf=np.int32(18))
    assert {type(value) for value in (job.frames, job.every, job.crf)} == {int}


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
    assert load("chroma_key:colour=#00b140").name and load("mog2:shadows=off").name


def test_a_prior_learns_the_empty_scene() -> None:
    cut = load("grabcut:prior=static_difference")
    assert is_primed(cut) and not is_primed(load("grabcut")) and not is_primed(load("grabcut:prior=otsu"))
    scene = torch.full((1, 40, 60, 3), 90, dtype=torch.uint8)
    frames = scene.clone()
    frames[:, 10:35, 20:40] = torch.tensor([220, 40, 40], dtype=torch.uint8)
    cut.prime(scene)
    alpha = cut.alpha(frames)
    assert alpha[0, 15:30, 25:35].min() == 1 and alpha[0, :5].max() == 0


def test_the_strengths_of_smoothing_are_the_smoother_s() -> None:
    assert inspect.signature(video.video).parameters["smooth_strength"].default == STRENGTH
    assert video.Strength.__metadata__[0].max == MOST_STRENGTH


@pytest.mark.parametrize(("verb", "first"), [("live", "transparent"), ("virtual-background", "blur")])
def test_verbs_before_a_camera_differ_in_their_first_background_alone(
    bgdl: Bgdl, monkeypatch: pytest.MonkeyPatch, verb: str, first: str
) -> None:
    jobs: list[LiveJob] = []
    monkeypatch.setattr(live.Live, "run", lambda self: jobs.append(self.job) or live.LiveReport(0, 0, 0, 0))
    words = ("-m", "otsu", "--no-window", "--record", "out.mkv", "--resolution", "64x48", "--fps", 5, "--no-mirror")
    assert bgdl(verb, *words).status == bgdl(verb, *words, "-b", "red", "-b", "blue").status == 0
    plain, given = jobs
    assert plain.backgrounds[0] == first and set(plain.backgrounds) == {"transparent", "blur", "#00b140"}
    assert given.backgrounds == ("red", "blue", "transparent", "blur", "#00b140")
    assert (plain.size_wh, plain.fps, plain.mirror, plain.window) == ((64, 48), 5, False, False)
