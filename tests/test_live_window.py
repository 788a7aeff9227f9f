"""The live window, by one that stands for it: mirrored, paused, closed; and displays that are not there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from bgdl.errors import InputError
from bgdl.media import camera, window
from bgdl.pipeline import live
from bgdl.pipeline.live import Live
from bgdl.pipeline.live_job import LiveJob
from tests.conftest import Bgdl
from tests.live_runs import InStep, own_clock
from tests.video_clips import BrightSubject, decoded, disc, write_clip

BELOW_TEXT = np.s_[28:]
"""Rows under the overlay's text; the disc reaches into them."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds of a disc that stands left of the middle."""
    return write_clip(tmp_path_factory.mktemp("live") / "in.mp4", frames=250, rate=25, picture=lambda *_: disc(0))


class FakeWindow:
    """Stands where the OpenCV window stands; presses the keys it is given, one a look. counts: shown at each look."""

    keys: tuple[str | None, ...] = ()

    def __init__(self, title: str) -> None:
        self.shown: list[Tensor] = []
        self.counts: list[int] = []
        self.waiting = list(self.keys)
        FakeWindow.last = self

    def show(self, picture: Tensor) -> None:
        self.shown.append(picture)

    def key(self) -> str | None:
        if not (self.shown and self.waiting):
            return None
        self.counts.append(len(self.shown))
        return self.waiting.pop(0)

    def close(self) -> None:
        self.closed = True

    last: FakeWindow


@pytest.fixture
def pressed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Windows are fakes, which press these keys."""
    monkeypatch.setattr(live, "Window", FakeWindow)
    return lambda *keys: monkeypatch.setattr(FakeWindow, "keys", keys)


@pytest.mark.parametrize("mirror", [True, False])
def test_the_window_is_mirrored_and_what_is_recorded_is_not(
    clip: Path, tmp_path: Path, pressed: Callable[..., None], mirror: bool
) -> None:
    pressed("s", "b", "q")
    notes: list[str] = []
    job = LiveJob(
        str(clip), ("black", "transparent"), record=tmp_path / "out.mkv", snapshots=tmp_path, mirror=mirror,
        on_note=notes.append,
    )  # fmt: skip
    Live(job, BrightSubject()).run()
    (snapshot,) = tmp_path.glob("bgdl-*.png")
    shown, *others = (
        np.asarray(picture)[BELOW_TEXT, :, 0] > 120
        for picture in (FakeWindow.last.shown[0], decoded(tmp_path / "out.mkv")[1][0], Image.open(snapshot))
    )
    expected = disc(0)[BELOW_TEXT, :, 0] > 120
    for kept in others:
        assert (kept == expected).mean() > 0.97
    assert (shown == (expected[:, ::-1] if mirror else expected)).mean() > 0.97
    assert FakeWindow.last.closed
    assert notes == [f"snapshot: {snapshot}"]


def test_a_pause_shows_nothing_and_ends(clip: Path, pressed: Callable[..., None]) -> None:
    pressed(None, " ", *[None] * 6, " ", *[None] * 12, "q")
    report = Live(LiveJob(str(clip), ("black",)), BrightSubject()).run()
    counts = FakeWindow.last.counts
    assert counts[2:9] == [counts[1]] * 7
    assert counts[-1] > counts[8]
    assert report.frames == len(FakeWindow.last.shown)


def test_neither_the_rate_nor_a_clip_behind_the_picture_knows_a_pause(
    tmp_path: Path, pressed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a clock by which the first frame and a pause take ten seconds, and each other frame a tenth of one."""
    now, told, times_s = own_clock(monkeypatch), [], []
    monkeypatch.setattr(camera, "Mailbox", InStep)
    monkeypatch.setattr(live.live_overlay, "write_lines", lambda picture, lines: told.append(lines[0]) or picture)
    source = write_clip(tmp_path / "in.mp4", frames=42, rate=25)  # one of them comes during the pause
    run = Live(LiveJob(str(source), ("black",)), BrightSubject())
    treat = run.stage.treat

    def treated(frames: Tensor, time_s: Fraction) -> Tensor:
        times_s.append(float(time_s))
        now[0] += 10.0 if not told else 0.1
        return treat(frames, time_s)

    def key(_: object) -> str | None:
        now[0] += 10.0 if run.stage.paused else 0.0
        return " " if run.stage.paused or len(told) == 20 else None

    monkeypatch.setattr(FakeWindow, "key", key)
    monkeypatch.setattr(run.stage, "treat", treated)
    report = run.run()
    rates = [line.split()[0] for line in told]
    assert rates[0] == rates[20] == "0.0"
    assert {*rates[1:20], *rates[21:]} == {"10.0"}
    assert times_s == pytest.approx([0, *(10 + number / 10 for number in range(40))])
    assert (report.frames, report.seconds) == (41, pytest.approx(14))


def test_nothing_to_do_is_said_before_the_network_is_loaded(bgdl: Bgdl) -> None:
    done = bgdl("live", "--no-window", "-m", "nowhere.pth")
    assert (done.status, done.out) == (1, "") and "there is nothing to do" in done.err


def test_nowhere_to_show_is_a_sentence(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="without a window there is nothing to do; record to a file or publish"):
        LiveJob(str(clip), window=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(InputError, match="this machine has no display"):
        Live(LiveJob(str(clip)), BrightSubject()).run()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="displays are named so on Linux")
def test_a_display_that_is_not_there_does_not_kill_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":12345")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    reason = window.why_no_display() or ""
    assert "run without a window" in reason


@pytest.mark.parametrize(("platform", "expected"), [("linux", "closed"), ("win32", "closed"), ("darwin", None)])
def test_a_window_that_is_minimised_is_not_closed_on_macos(
    monkeypatch: pytest.MonkeyPatch, platform: str, expected: str | None
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(window, "why_no_display", lambda: None)
    for name, answer in (("namedWindow", None), ("resizeWindow", None), ("imshow", None), ("waitKey", -1)):
        monkeypatch.setattr(window.cv2, name, lambda *_, answer=answer: answer)
    monkeypatch.setattr(window.cv2, "getWindowProperty", lambda *_: 0.0)
    shown = window.Window("test")
    assert shown.key() is None  # nothing was shown yet
    shown.show(torch.zeros(4, 4, 3, dtype=torch.uint8))
    assert shown.key() == expected


def test_red_is_red_in_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[np.ndarray] = []
    monkeypatch.setattr(window, "why_no_display", lambda: None)
    for name in ("namedWindow", "resizeWindow"):
        monkeypatch.setattr(window.cv2, name, lambda *_: None)
    monkeypatch.setattr(window.cv2, "imshow", lambda _, picture: shown.append(picture))
    window.Window("test").show(torch.tensor([[[30, 20, 10]]], dtype=torch.uint8))
    assert shown[0].tolist() == [[[10, 20, 30]]]  # OpenCV's order
