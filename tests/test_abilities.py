"""What a Matter may be able to do besides, asked of the real methods and through a Matter around them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import bgdl
from bgdl.matters.wrapped import Smoothed
from bgdl.pipeline.video_step import default_smooth
from bgdl.registry import METHODS
from bgdl.types import Matter, is_learning, is_primed, is_steady, is_unmixing, learns_a_patch, runner_of
from tests.video_clips import BrightSubject

LIGHT = sorted(METHODS.keys() - {"mediapipe", "portrait"} - {name for name in METHODS if name.startswith("u2net")})


@pytest.mark.parametrize(
    ("asks", "those"),
    [
        (is_primed, {name for name in LIGHT if METHODS[name].primed}),
        (is_learning, {"running_average", "roi_average"}),
        (learns_a_patch, {"roi_average"}),
        (is_unmixing, {"chroma_key"}),
        (is_steady, set(LIGHT)),
        (runner_of, set()),
    ],
    ids=lambda part: getattr(part, "__name__", ""),
)
def test_methods_say_what_they_can_also_from_inside_another(asks: Callable[[Matter], object], those: set[str]) -> None:
    for name in LIGHT:
        matter = bgdl.load(name, device="cpu")
        for each in (matter, Smoothed(matter)):
            assert bool(asks(each)) == (name in those), name


def test_networks_are_smoothed_and_name_what_runs_them(tiny_weights: object) -> None:
    network = bgdl.load(str(tiny_weights), device="cpu", engine="torch")
    runner = runner_of(network)
    assert runner is not None and runner.name == "torch"
    assert runner_of(bgdl.load("grabcut", device="cpu", prior=network)) is runner
    assert default_smooth(network) == default_smooth(BrightSubject()) == "ema"
    assert default_smooth(bgdl.load("otsu", device="cpu")) == "off"
