"""Live without hardware: the mailbox, the camera of a file, the keys, what becomes of mattes, recording, refusals."""

from __future__ import annotations

import sys
import threading
import time
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bgdl import compose, registry
from bgdl.choices import EdgeName, SmoothName
from bgdl.errors import InputError, MissingExtra
from bgdl.matters.wrapped import Smoothed
from bgdl.media import camera, virtualcam
from bgdl.media.camera import Camera
from bgdl.media.mailbox import Mailbox
from bgdl.opencv import cv2
from bgdl.pipeline import live_overlay
from bgdl.pipeline.live import Live
from bgdl.pipeline.live_job import LiveJob
from bgdl.pipeline.live_stage import LiveStage
from bgdl.refine.edges import EDGES
from tests.live_runs import InStep, own_clock, run_of
from tests.video_clips import BrightSubject, decoded, disc, write_clip

FRAME = torch.from_numpy(disc(0))[None]
NOW = Fraction(0)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("live") / "in.mp4", frames=12, rate=25)


def test_the_newest_item_wins() -> None:
    box: Mailbox[int] = Mailbox()
    for number in range(5):
        box.put(number)
    assert (box.take(), box.dropped) == (4, 4)
    assert box.take(timeout_s=0.01) is None
    assert not box.closed
    box.put(7)
    box.close()
    assert not box.closed
    assert box.take() == 7
    assert box.take() is None
    assert box.closed


def test_an_error_behind_the_mailbox_comes_out_in_front() -> None:
    box: Mailbox[int] = Mailbox()
    threading.Timer(0.02, box.close, (ValueError("unplugged"),)).start()
    with pytest.raises(ValueError, match="unplugged"):
        box.take()


def test_an_error_behind_the_last_thing_is_not_lost() -> None:
    box: Mailbox[int] = Mailbox()
    box.put(7)
    box.close(ValueError("unplugged"))
    assert box.take() == 7
    assert not box.closed  # whoever asks before the next take is not told that all is well
    with pytest.raises(ValueError, match="unplugged"):
        box.take()


def test_a_file_plays_at_its_own_pace(clip: Path) -> None:
    began = time.monotonic()
    shots = []
    with Camera(str(clip)) as source:
        while (shot := source.newest()) is not None:
            shots.append(shot)
    assert time.monotonic() - began >= 11 / 25
    assert len(shots) + source.dropped == 12
    assert shots[0].frames.shape == (1, 48, 64, 3)
    assert source.rate == 25


def test_latency_does_not_grow_with_a_slow_taker(clip: Path) -> None:
    began = time.perf_counter()
    with Camera(str(clip)) as source:
        source._thread.join(30)
        shot = source.newest()
        assert shot is not None
        assert shot.taken_s - began >= 11 / 25
        assert source.dropped == 11


def test_a_missing_camera_is_a_sentence() -> None:
    with pytest.raises(InputError, match="camera 97 cannot be opened: it is missing, in use, or not allowed"):
        Camera("97")


def test_keys() -> None:
    stage = LiveStage(BrightSubject(), ["transparent", "blur", "red"])
    assert stage.treat(FRAME, NOW).shape == (48, 64, 4)
    stage.press("b")
    assert (stage.background, stage.treat(FRAME, NOW).shape[-1]) == ("blur", 3)
    stage.press("b")
    red = stage.treat(FRAME, NOW)
    assert red[0, 0].tolist() == [255, 0, 0]
    stage.press("b")
    assert stage.background == "transparent"
    stage.press("m")
    assert (stage.background, stage.treat(FRAME, NOW).shape[-1]) == ("matte", 1)
    stage.press(" ")
    assert stage.paused
    stage.press(" ")
    assert not stage.paused
    stage.press("s")
    assert stage.snapshot
    for key in ("q", "esc", "closed"):
        stage.quit = False
        stage.press(key)
        assert stage.quit
    stage.press(None)
    stage.press("d")  # a method without a plate takes none
    assert stage.countdown == 0


class Flicker(BrightSubject):
    """Mattes that are there and gone in turn, as a network's may be."""

    def alpha(self, frames: Tensor) -> Tensor:
        alpha = super().alpha(frames)
        return alpha if self.seen % 2 else torch.zeros_like(alpha)


@pytest.mark.parametrize(("smooth", "steadied"), [(None, True), ("ema", True), ("flow", True), ("off", False)])
def test_mattes_of_networks_are_steadied_unless_said_otherwise(smooth: SmoothName | None, steadied: bool) -> None:
    stage = Live(LiveJob(backgrounds=("transparent",), smooth=smooth), Flicker()).stage
    first, second = (stage.treat(FRAME, NOW)[..., 3] for _ in range(2))
    assert first.max() == 255
    assert (second.max() > 128) == steadied


def test_mattes_of_classical_methods_are_not_steadied_unless_asked() -> None:
    otsu = registry.load("otsu", device="cpu")
    assert Live(LiveJob(), otsu).stage.matter is otsu
    assert isinstance(Live(LiveJob(smooth="ema"), otsu).stage.matter, Smoothed)


@pytest.mark.parametrize("edge", ["none", "guided", "decontaminate"])
def test_edges_are_treated_as_asked(edge: EdgeName) -> None:
    soft = torch.from_numpy(cv2.blur(disc(0), (9, 9)))[None]
    shown = LiveStage(BrightSubject(), ["transparent"], edge=edge).treat(soft, NOW)
    alpha = BrightSubject().alpha(soft)
    refine, foreground = EDGES[edge].refine, EDGES[edge].foreground
    refined = refine(soft, alpha) if refine else alpha
    assert torch.equal(shown, compose.Cutout(foreground)(soft, refined)[0])
    assert torch.equal(refined, alpha) == (edge == "none")


def test_a_live_run_is_recorded(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, target = own_clock(monkeypatch), tmp_path / "out.mp4"
    monkeypatch.setattr(camera, "Mailbox", InStep)

    def work() -> None:
        now[0] += 0.01

    events = dict.fromkeys(range(1, 13), work)
    run, _ = run_of(target, events, source=str(clip), backgrounds=("#00ff00",), smooth="off")
    report = run.run()
    times, pictures = decoded(target)
    assert (report.frames, report.dropped) == (12, 0)
    assert (report.latency_ms, report.seconds) == (pytest.approx(10), pytest.approx(0.45))
    assert pictures[-1][2, 60].tolist()[1] > 230
    assert times == [Fraction(frame, 25) for frame in range(12)]


def test_a_report_counts_the_frames_that_nobody_took(clip: Path, tmp_path: Path) -> None:
    run, _ = run_of(tmp_path / "out.mkv", {1: lambda: run._camera._thread.join(30)}, source=str(clip))
    report = run.run()
    assert 0 < report.dropped == 12 - report.frames


def test_a_transparent_record_keeps_its_alpha_through_the_keys(clip: Path, tmp_path: Path) -> None:
    job = LiveJob(str(clip), ("transparent", "red"), window=False, record=tmp_path / "out.mkv", frames=3)
    run = Live(job, BrightSubject())
    treat, seen = run.stage.treat, []

    def press_b_once(frames: Tensor, time_s: Fraction) -> Tensor:
        seen.append(treat(frames, time_s))
        run.stage.press("b")
        return seen[-1]

    run.stage.treat = press_b_once  # type: ignore[method-assign]
    run.run()
    pictures = decoded(tmp_path / "out.mkv", "rgba")[1]
    assert (pictures[0] == seen[0].numpy()).all()
    assert (pictures[1][..., :3] == seen[1].numpy()).all()
    assert pictures[1][..., 3].min() == 255


def test_a_virtual_camera_needs_its_extra_and_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(MissingExtra, match=r'pip install "bgdl\[virtualcam\]"'):
        virtualcam.VirtualCamera((48, 64), fps=25)

    def no_device(**_: object) -> None:
        raise RuntimeError("no loopback device")

    monkeypatch.setitem(sys.modules, "pyvirtualcam", SimpleNamespace(Camera=no_device))
    with pytest.raises(InputError, match=r"no virtual camera device \(no loopback device\); "):
        virtualcam.VirtualCamera((48, 64), fps=25)


def test_a_virtual_camera_gets_rgb_over_green(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[np.ndarray] = []

    class Device:
        device = "fake"

        def __init__(self, *, width: int, height: int, fps: float) -> None:
            assert (width, height, fps) == (64, 48, 25)

        def send(self, picture: np.ndarray) -> None:
            sent.append(picture)

        def close(self) -> None:
            sent.append(np.zeros(0))

    monkeypatch.setitem(sys.modules, "pyvirtualcam", SimpleNamespace(Camera=Device))
    Live(LiveJob(str(clip), window=False, virtual_camera=True, frames=2), BrightSubject()).run()
    assert sent[0].shape == (48, 64, 3)
    assert sent[0][0, 0].tolist() == list(live_overlay.GREEN)
    assert sent[-1].size == 0


def test_records_that_cannot_hold_transparency_are_refused() -> None:
    with pytest.raises(InputError, match=r"h264 holds no transparency; record \.webm, \.mov or \.mkv"):
        LiveJob(record=Path("a.mp4"))
    with pytest.raises(InputError, match=r"h264 holds no transparency; .* or give an opaque background"):
        LiveJob(record=Path("a.mp4"), backgrounds=("#ff000080",))
    for record, background in (("a.mp4", "blur"), ("a.mp4", "red"), ("a.mp4", "clip.mp4"), ("a.mkv", "#ff000080")):
        LiveJob(record=Path(record), backgrounds=(background, "transparent"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"fit": "fill"}, "fit is 'fill'; it must be one of cover, contain, stretch"),
        ({"edge": "feather"}, "edge is 'feather'; it must be one of none, guided"),
        ({"smooth": "yes"}, "smooth is 'yes'; it must be one of off, ema, flow"),
        ({"backgrounds": ("red", "nowhere.png")}, "background 'nowhere.png' is neither a colour nor a file"),
    ],
)
def test_words_of_a_live_job_are_checked_in_the_job(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        LiveJob(**options)


def test_overlays() -> None:
    picture = torch.zeros((48, 64, 3), dtype=torch.uint8)
    assert live_overlay.write_lines(picture, ["12 fps"]).max() > 250
    assert picture.max() == 0
    assert live_overlay.draw_box(picture, (10, 10, 30, 30))[10, 20].tolist() == [255, 0, 0]
    clear = torch.zeros((48, 64, 4), dtype=torch.uint8)
    assert torch.equal(live_overlay.opaque(clear), live_overlay.checkerboard((48, 64)))
