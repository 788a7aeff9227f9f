"""What a clip behind a live picture costs: frames that nobody sees are not made, and none is waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bgdl.errors import InputError
from bgdl.media.reader import VideoReader
from bgdl.pipeline.backdrop import OverClip, VideoBackground
from bgdl.pipeline.live_clip import LiveClip
from bgdl.pipeline.live_stage import LiveStage
from tests.video_clips import BrightSubject, write_clip

SIZE_HW = (24, 32)


def test_only_frames_that_are_shown_are_made_into_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Tensor] = []
    picture = VideoReader.picture
    monkeypatch.setattr(VideoReader, "picture", lambda *given: made.append(picture(*given)) or made[-1])
    background = VideoBackground(write_clip(tmp_path / "bg.mp4", frames=10, rate=25))
    shown = background.at([Fraction(text) for text in ("0", "0.01", "0.2", "0.21", "9.9", "9.9")], SIZE_HW)
    background.close()
    assert len(made) == 3
    assert torch.equal(shown[0], shown[1]) and not torch.equal(shown[1], shown[2])


class HeldClip:
    """Stands where a clip stands; makes a frame when it is let, whose pixels tell the hundredths of seconds."""

    def __init__(self) -> None:
        self.let = threading.Semaphore(0)
        self.asked: list[Fraction] = []
        self.closed = self.busy = False

    def at(self, times_s: Sequence[Fraction], size_hw: tuple[int, int]) -> Tensor:
        self.busy = True
        self.asked += times_s
        assert self.let.acquire(timeout=30)
        self.busy = False
        if times_s[0] > 2:
            raise InputError("the clip is damaged")
        return torch.full((1, *size_hw, 3), int(100 * times_s[0]), dtype=torch.uint8)

    def close(self) -> None:
        assert not self.busy
        self.closed = True


def shown_at(clip: LiveClip, time_s: float, size_hw: tuple[int, int] = SIZE_HW) -> int:
    """The hundredth of a second that is shown."""
    frames = clip.at([Fraction(time_s)], size_hw)
    assert frames.shape == (1, *size_hw, 3)
    return int(frames[0, 0, 0, 0])


def asked(held: HeldClip, count: int) -> list[float]:
    """What was asked of a clip, once so much was."""
    until = time.monotonic() + 30
    while len(held.asked) < count and time.monotonic() < until:
        time.sleep(0.001)
    return [float(time_s) for time_s in held.asked]


def test_a_live_run_does_not_wait_for_its_background_and_a_slow_clip_plays_slower() -> None:
    held = HeldClip()
    clip = LiveClip(held)
    held.let.release()
    assert shown_at(clip, 0) == 0
    assert [shown_at(clip, 0.125), *asked(held, 2)] == [0, 0, 0.125]
    assert [shown_at(clip, moment) for moment in (0.5, 1, 1.125)] == [0, 0, 0]
    held.let.release()
    assert asked(held, 3) == [0, 0.125, 0.375]  # no more than a quarter of a second later
    assert shown_at(clip, 1.25) == 12
    held.let.release()
    assert asked(held, 4)[-1] == 0.5  # none was missed, as since then
    held.let.release(9)
    clip.at([Fraction(2)], SIZE_HW)
    assert asked(held, 5)[-1] == 1.25
    clip.close()
    assert held.closed


def test_a_live_background_has_the_size_of_the_frame_before_it() -> None:
    held = HeldClip()
    clip = LiveClip(held)
    held.let.release(9)
    assert shown_at(clip, 0) == shown_at(clip, 0, (12, 16)) == 0
    clip.close()


def test_a_background_that_breaks_ends_a_live_run() -> None:
    held = HeldClip()
    clip = LiveClip(held)
    held.let.release(99)
    with pytest.raises(InputError, match="the clip is damaged"):
        [(shown_at(clip, quarter / 4), asked(held, quarter + 1)) for quarter in range(99)]
    clip.close()
    assert held.closed


def test_a_clip_is_not_closed_while_it_makes_a_frame() -> None:
    held = HeldClip()
    clip = LiveClip(held)
    held.let.release()
    clip.at([Fraction(0)], SIZE_HW)
    clip.at([Fraction(1)], SIZE_HW)
    asked(held, 2)
    threading.Timer(0.05, held.let.release).start()
    clip.close()
    assert held.closed


def test_a_live_background_that_was_never_shown_is_closed_at_once() -> None:
    held = HeldClip()
    LiveClip(held).close()
    assert held.closed and not held.asked


def test_a_clip_behind_a_live_picture_is_a_live_one(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "bg.mp4", frames=3)
    stage = LiveStage(BrightSubject(), [str(source)])
    (look,) = stage._looks
    assert isinstance(look, OverClip) and isinstance(look._clip, LiveClip)
    stage.close()


def test_a_clip_behind_a_slow_method_keeps_time() -> None:
    held = HeldClip()
    clip = LiveClip(held)
    held.let.release(9)
    for number in range(4):
        clip.at([Fraction(number, 2)], SIZE_HW)
        assert asked(held, number + 1)[-1] == number / 2
    clip.close()
