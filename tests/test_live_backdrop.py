"""A clip as live background: it stands while it is not shown, and a jump ahead decodes no round twice."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch
from torch import Tensor

from bgdl.media.decoder import Decoder
from bgdl.media.reader import VideoReader
from bgdl.pipeline import backdrop
from bgdl.pipeline.backdrop import VideoBackground
from bgdl.pipeline.live import Live
from bgdl.pipeline.live_job import LiveJob
from bgdl.pipeline.live_stage import ShownTime
from tests.video_clips import BrightSubject, greys, write_clip

SIZE_HW = (24, 32)


@pytest.fixture
def uneven_clip(tmp_path: Path) -> Path:
    """Five frames at uneven times."""
    return write_clip(
        tmp_path / "bg.mkv", pts=[0, 40, 50, 200, 210], time_base=Fraction(1, 1000), rate=25, codec="ffv1",
        pix_fmt="bgr0", picture=greys(10), size_hw=SIZE_HW,
    )  # fmt: skip


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The clips that are opened, each time."""
    found: list[Path] = []

    class Counted(backdrop.VideoReader):
        def __init__(self, source: Path) -> None:
            found.append(source)
            super().__init__(source)

    monkeypatch.setattr(backdrop, "VideoReader", Counted)
    return found


def test_a_jump_shows_what_playing_on_would_and_leaves_rounds_out(uneven_clip: Path, opened: list[Path]) -> None:
    times_s = [Fraction(number, 97) for number in range(800)]
    played = VideoBackground(uneven_clip)
    every = played.at(times_s, SIZE_HW)
    played.close()
    assert len(opened) > 20
    for first in (0, 5, 60, 431):
        opened.clear()
        jumping = VideoBackground(uneven_clip)
        jumps = jumping.at([times_s[first], times_s[700], times_s[799]], SIZE_HW)
        assert torch.equal(jumps, every[[first, 700, 799]])
        rounds = len(opened)
        jumping.at([Fraction(500)], SIZE_HW)
        jumping.close()
        assert rounds <= 6
        assert len(opened) <= rounds + 2


def test_a_frame_that_stands_is_made_anew_for_another_size(uneven_clip: Path) -> None:
    background = VideoBackground(uneven_clip)
    for size_hw in (SIZE_HW, (12, 16), SIZE_HW):
        assert background.at([Fraction(0)], size_hw).shape == (1, *size_hw, 3)
    background.close()


def kept() -> Counter[type]:
    return Counter(type(thing) for thing in gc.get_objects() if type(thing) in (VideoReader, Decoder, av.VideoFrame))


@pytest.fixture
def no_cycles_sought() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_cycles_sought")
def test_a_jump_from_the_last_frame_on_shows_what_playing_on_would(uneven_clip: Path) -> None:
    played, jumping = VideoBackground(uneven_clip), VideoBackground(uneven_clip)
    every = played.at([Fraction(ms, 1000) for ms in range(0, 2400, 5)], SIZE_HW)
    jumping.at([Fraction(455, 1000)], SIZE_HW)  # of the second round, only the last frame is to come
    later = [Fraction(ms, 1000) for ms in range(1600, 2400, 5)]
    assert torch.equal(jumping.at(later, SIZE_HW), every[-len(later) :])
    for background in (played, jumping):
        background.close()


def test_rounds_leave_nothing_behind(tmp_path: Path) -> None:
    played = VideoBackground(write_clip(tmp_path / "bg.mp4", frames=3, rate=25))
    played.at([Fraction(frame, 25) for frame in range(9)], SIZE_HW)
    before = kept()
    played.at([Fraction(frame, 25) for frame in range(9, 60)], SIZE_HW)
    assert kept() == before
    played.close()


@pytest.mark.usefixtures("no_cycles_sought")
def test_a_clip_closed_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    before, clip = kept(), write_clip(tmp_path / "bg.mp4", frames=3, rate=25)
    for _ in range(2):
        VideoBackground(clip).close()
    assert kept() == before


def test_a_clip_stands_while_it_is_not_shown() -> None:
    shown = ShownTime()
    assert shown.at("a.mp4", 0.5) == Fraction("0.5")
    assert shown.at("a.mp4", 3.5) == Fraction("3.5")  # a slow method
    assert shown.at("blur", 3.75) == shown.at("blur", 4.0) / 2 == Fraction("0.25")
    assert shown.at("a.mp4", 4.25) == Fraction("3.75")


def test_a_round_of_the_key_b_does_not_move_the_clip(tmp_path: Path, uneven_clip: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=40, rate=25)
    job = LiveJob(str(source), (str(uneven_clip), "red"), window=False, record=tmp_path / "out.mkv", smooth="off")
    run = Live(job, BrightSubject())
    treat, times_s = run.stage.treat, []

    def watched(frames: Tensor, time_s: Fraction) -> Tensor:
        times_s.append((run.stage.background, time_s))
        if len(times_s) in (2, 5):
            run.stage.press("b")
        if len(times_s) == 3:
            time.sleep(0.4)
        return treat(frames, time_s)

    run.stage.treat = watched  # type: ignore[method-assign]
    report = run.run()
    assert [name for name, _ in times_s[:6]] == [str(uneven_clip)] * 2 + ["red"] * 3 + [str(uneven_clip)]
    assert times_s[-1][1] < report.seconds - 0.4
