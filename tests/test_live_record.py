"""A live recording outlives what ends the run, and its track lasts as long as the run."""

from __future__ import annotations

import _thread
import contextlib
import sys
import time
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
import torch

from bgdl.errors import InputError
from bgdl.media import camera, formats
from bgdl.media.reader import VideoReader
from bgdl.media.writer import VideoWriter
from bgdl.pipeline import live
from bgdl.pipeline.backdrop import VideoBackground
from bgdl.pipeline.live import Live
from bgdl.pipeline.live_job import LiveJob
from tests.conftest import Bgdl
from tests.live_runs import Device, own_camera, run_of
from tests.video_clips import Whole, decoded, noise, room_for, write_clip

pytestmark = pytest.mark.usefixtures(own_camera.__name__)


def test_a_camera_that_drops_out_leaves_the_recording(bgdl: Bgdl, tmp_path: Path) -> None:
    Device.left = 12
    target = tmp_path / "rec.mp4"
    done = bgdl("live", "--no-window", "-m", "otsu", "-b", "blur", "--record", target)
    frames = len(decoded(target)[0])
    assert done.status == 1
    assert frames >= 1
    assert f"what was recorded is kept: {frames} frames in {target}" in done.err
    assert done.err.rstrip().endswith("error: camera 0 gives no picture: it was unplugged, or another program uses it")
    assert list(tmp_path.iterdir()) == [target]


def test_a_camera_that_drops_out_while_a_frame_is_worked_on_is_an_error(tmp_path: Path) -> None:
    Device.left = 1
    run, _ = run_of(tmp_path / "rec.mkv", {1: lambda: time.sleep(0.2)})
    with pytest.raises(InputError, match="camera 0 gives no picture"):
        run.run()


@pytest.mark.parametrize("name", ["rec.mp4", "rec.mkv"])
def test_a_camera_that_changes_its_size_leaves_the_recording(tmp_path: Path, name: str) -> None:
    Device.small = 1000
    run, notes = run_of(tmp_path / name, {3: lambda: setattr(Device, "small", 0)})
    with pytest.raises(InputError, match="the source's pictures changed from 32×24 to 64×48 px, which a recording or"):
        run.run()
    pictures = decoded(tmp_path / name)[1]
    assert len(pictures) >= 3 and {picture.shape for picture in pictures} == {(24, 32, 3)}
    assert notes == [f"what was recorded is kept: {len(pictures)} frames in {tmp_path / name}"]


@pytest.mark.parametrize("name", ["rec.mkv", "rec.mp4"])
def test_a_full_disk_leaves_what_was_recorded(tmp_path: Path, name: str) -> None:
    clip = write_clip(tmp_path / "in.mkv", frames=100, size_hw=(96, 128), codec="ffv1", pix_fmt="bgr0", picture=noise)
    job = LiveJob(str(clip), ("green",), window=False, record=tmp_path / name)
    told = rf"\); make room on the disk; what was written is left in .*{name}\.part$"
    with room_for(300_000), pytest.raises(InputError, match=told):
        Live(job, Whole()).run()
    with VideoReader(tmp_path / f"{name}.part") as left:
        assert sum(len(batch) for batch in left.batches(1)) >= 10
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["rec.mp4", "rec.mov"])
def test_a_whole_recording_is_a_file_like_any_other(tmp_path: Path, name: str) -> None:
    run, _ = run_of(tmp_path / name, {}, frames=80)  # of a second and a half
    run.run()
    data, boxes, at = (tmp_path / name).read_bytes(), [], 0
    while at < len(data):
        boxes.append(data[at + 4 : at + 8].decode())
        at += int.from_bytes(data[at : at + 4], "big")
    assert [box for box in boxes if box not in ("free", "wide")] == ["ftyp", "mdat", "moov"]
    with av.open(str(tmp_path / name)) as clip:
        assert clip.streams.video[0].frames == len(decoded(tmp_path / name)[0]) == 80


@pytest.mark.parametrize("name", ["rec.mp4", "rec.mov", "rec.mkv", "rec.webm"])
def test_what_was_recorded_is_on_disk_before_the_end(tmp_path: Path, name: str) -> None:
    target, left = tmp_path / name, tmp_path / "left"
    milliseconds = Fraction(1, 1000)
    with VideoWriter(
        target, formats.pick(target, channels=3), size_hw=(48, 64), channels=3, time_base=milliseconds, keep=True,
        in_order=True,
    ) as writer:  # fmt: skip
        writer.write(torch.zeros((100, 48, 64, 3), dtype=torch.uint8), range(0, 4000, 40))
        left.write_bytes(writer.part.path.read_bytes())  # as a run that is killed leaves it
    with VideoReader(left) as clip:
        assert sum(1 for _ in clip.frames()) > 25
        assert clip.newest_s > 1
    assert len(decoded(target)[0]) == 100


def test_any_error_leaves_the_recording_and_is_raised(tmp_path: Path) -> None:
    run, notes = run_of(tmp_path / "rec.mkv", {5: RuntimeError("no memory")})
    with pytest.raises(RuntimeError, match="no memory"):
        run.run()
    assert len(decoded(tmp_path / "rec.mkv")[0]) == 4
    assert notes == [f"what was recorded is kept: 4 frames in {tmp_path / 'rec.mkv'}"]


def test_ctrl_c_leaves_the_recording(tmp_path: Path) -> None:
    run, notes = run_of(tmp_path / "rec.mkv", {5: KeyboardInterrupt()})
    assert run.run().frames == len(decoded(tmp_path / "rec.mkv")[0]) == 4
    assert notes == ["stopped"]


def test_ctrl_c_inside_the_encoder_loses_no_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mux, calls = VideoWriter._mux, []

    def pressed(self: VideoWriter, packets: list[Any], **options: Any) -> None:
        calls.append(len(packets))
        if len(calls) == 3:
            _thread.interrupt_main()
        mux(self, packets, **options)

    monkeypatch.setattr(VideoWriter, "_mux", pressed)
    run, _ = run_of(tmp_path / "rec.mkv", {}, backgrounds=("transparent",))
    run.run()
    assert calls == [1, 1, 1, 1, 0]
    assert len(decoded(tmp_path / "rec.mkv")[0]) == 4


def test_an_error_before_the_first_frame_leaves_no_file(tmp_path: Path) -> None:
    Device.left = 0
    run, notes = run_of(tmp_path / "rec.mp4", {})
    with pytest.raises(InputError, match="camera 0 gives no picture"):
        run.run()
    assert notes == list(tmp_path.iterdir()) == []


def test_a_virtual_camera_that_breaks_leaves_the_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        device = "fake"
        sent = 0

        def __init__(self, **_: object) -> None:
            pass

        def send(self, picture: np.ndarray) -> None:
            self.sent += 1
            if self.sent == 4:
                self.close()

        def close(self) -> None:
            raise RuntimeError("the device is gone")

    monkeypatch.setitem(sys.modules, "pyvirtualcam", SimpleNamespace(Camera=Broken))
    run, _ = run_of(tmp_path / "rec.mkv", {}, virtual_camera=True)
    with pytest.raises(RuntimeError, match="the device is gone"):
        run.run()
    assert len(decoded(tmp_path / "rec.mkv")[0]) == 3


def test_the_seconds_of_a_run_do_not_hold_its_closing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closing_s = 0.3
    close = VideoWriter.__exit__

    def slow(*given: Any) -> None:
        time.sleep(closing_s)
        close(*given)

    monkeypatch.setattr(VideoWriter, "__exit__", slow)
    run, _ = run_of(tmp_path / "rec.mkv", {}, frames=3)
    began = time.monotonic()
    report = run.run()
    assert report.seconds <= time.monotonic() - began - closing_s
    assert report.fps == report.frames / report.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that a run sees, which stands until a test moves it; frames come at 10.0."""
    now = [10.0]
    monkeypatch.setattr(live, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(camera, "time", SimpleNamespace(perf_counter=lambda: 10.0))
    return now


def test_a_report_tells_latency_and_rate(tmp_path: Path, clock: list[float]) -> None:
    def work() -> None:
        clock[0] += 0.25

    run, _ = run_of(tmp_path / "rec.mkv", dict.fromkeys((1, 2, 3), work), frames=3)
    report = run.run()
    assert (report.latency_ms, report.seconds, report.fps) == (500, 0.75, 4)  # 250, 500 and 750 ms


def test_timestamps_grow_also_within_a_millisecond(tmp_path: Path, clock: list[float]) -> None:
    run, _ = run_of(tmp_path / "rec.mkv", {4: lambda: clock.__setitem__(0, 10.1)}, frames=5)
    run.run()
    assert decoded(tmp_path / "rec.mkv")[0] == [Fraction(stamp, 1000) for stamp in (0, 1, 2, 3, 100)]


@pytest.mark.parametrize("end", [None, KeyboardInterrupt(), RuntimeError("no memory")])
@pytest.mark.parametrize("name", ["rec.mp4", "rec.mov"])
def test_the_track_lasts_until_the_last_picture_was_shown(
    tmp_path: Path, clock: list[float], name: str, end: BaseException | None
) -> None:
    moves_s = (10.125, 10.25, 12.5, 12.75)
    events: dict[int, object] = {
        frame: lambda now_s=now_s: clock.__setitem__(0, now_s) for frame, now_s in enumerate(moves_s, 1)
    }
    run, _ = run_of(tmp_path / name, {**events, 6: end}, frames=6 if end else 5)
    with contextlib.suppress(RuntimeError):
        run.run()
    with av.open(str(tmp_path / name)) as clip:
        stream = clip.streams.video[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(2.77, abs=0.002)
        assert clip.duration == pytest.approx(2_770_000, abs=2000)
    assert decoded(tmp_path / name)[0][-1] == Fraction("2.75")


@pytest.mark.parametrize("end", [KeyboardInterrupt(), RuntimeError("no memory")])
def test_background_clips_are_closed_however_a_run_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: BaseException
) -> None:
    clips = [write_clip(tmp_path / name, frames=100, rate=25) for name in ("one.mp4", "two.mp4")]
    closed: list[Path] = []
    monkeypatch.setattr(VideoBackground, "close", lambda self: closed.append(self.source))
    run, _ = run_of(tmp_path / "rec.mkv", {2: end}, backgrounds=tuple(map(str, clips)))
    with contextlib.suppress(RuntimeError):
        run.run()
    assert closed == clips
