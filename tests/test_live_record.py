"""A live recording outlives what ends the run, snapshots replace nothing, and no file is named that is not there."""

from __future__ import annotations

import _thread
import contextlib
import shutil
import sys
import time
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from torch import Tensor

from bgdl.errors import InputError
from bgdl.media import camera
from bgdl.media.writer import VideoWriter
from bgdl.pipeline import live
from bgdl.pipeline.backdrop import VideoBackground
from bgdl.pipeline.live import Live
from bgdl.pipeline.live_job import LiveJob
from tests.conftest import Bgdl
from tests.video_clips import BrightSubject, Whole, decoded, disc, noise, room_for, write_clip

FIFTY_PER_S = 0.02


class Device:
    """Stands where OpenCV's camera stands; gives `left` pictures and then none, the first `small` of half the size."""

    left, small = 1000, 0

    def read(self) -> tuple[bool, np.ndarray | None]:
        time.sleep(FIFTY_PER_S)
        Device.left -= 1
        Device.small -= 1
        picture = disc(0, (24, 32) if Device.small >= 0 else (48, 64))
        return (True, picture[..., ::-1]) if Device.left >= 0 else (False, None)

    def get(self, _: int) -> float:
        return 50.0

    def release(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Device, "left", 1000)
    monkeypatch.setattr(Device, "small", 0)
    monkeypatch.setattr(camera, "_open_camera", lambda *_: Device())


def run_of(target: Path, at_frame: dict[int, object], **options: object) -> tuple[Live, list[str]]:
    """A run into `target`, and its notes; at a frame of that number it raises, calls, or presses a key."""
    notes: list[str] = []
    options = {"backgrounds": ("blur",), "record": target, "on_note": notes.append, **options}
    job = LiveJob("0", window=False, **options)  # type: ignore[arg-type]
    run = Live(job, BrightSubject())
    treat, seen = run.stage.treat, []

    def watched(frames: Tensor, time_s: Fraction) -> Tensor:
        seen.append(time_s)
        event = at_frame.get(len(seen))
        if isinstance(event, BaseException):
            raise event
        if isinstance(event, str):
            run.stage.press(event)
        elif callable(event):
            event()
        return treat(frames, time_s)

    run.stage.treat = watched  # type: ignore[method-assign]
    return run, notes


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


def test_a_full_disk_leaves_what_was_recorded(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", frames=40, size_hw=(96, 128), codec="ffv1", pix_fmt="bgr0", picture=noise)
    job = LiveJob(str(clip), ("green",), window=False, record=tmp_path / "rec.mkv")
    with room_for(200_000), pytest.raises(InputError, match=r"make room on the disk.*is left in .*rec\.mkv\.part"):
        Live(job, Whole()).run()
    assert len(decoded(tmp_path / "rec.mkv.part")[0]) >= 1
    assert not (tmp_path / "rec.mkv").exists()


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


def test_the_snapshot_folder_is_made_and_no_snapshot_replaces_another(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "shots"
    run, notes = run_of(tmp_path / "rec.mkv", dict.fromkeys(range(1, 9), "s"), frames=8, snapshots=folder)
    run.run()
    assert sorted(notes) == sorted(f"snapshot: {path}" for path in folder.iterdir())
    assert len(notes) == 8


def test_a_snapshot_that_cannot_be_written_is_a_note(tmp_path: Path) -> None:
    folder = tmp_path / "shots"
    events = {3: "s", 2: lambda: shutil.rmtree(folder)}
    run, notes = run_of(tmp_path / "rec.mkv", events, frames=5, snapshots=folder)
    assert run.run().frames == len(decoded(tmp_path / "rec.mkv")[0]) == 5
    (note,) = notes
    assert note.startswith(f"no snapshot: {folder}")
    assert note.endswith("cannot be written (No such file or directory)")


def test_a_snapshot_folder_that_cannot_be_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "shots").touch()
    run, _ = run_of(tmp_path / "rec.mkv", {}, snapshots=tmp_path / "shots")
    with pytest.raises(InputError, match=r"the folder for snapshots, .*shots, cannot be made \(.*\); give a folder"):
        run.run()
    assert not (tmp_path / "rec.mkv").exists()


@pytest.mark.parametrize("role", ["--source", "--background", "--prime"])
def test_what_is_read_is_not_recorded_over(bgdl: Bgdl, tmp_path: Path, role: str) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=4)
    before = clip.read_bytes()
    model = "static_difference" if role == "--prime" else "otsu"
    words = () if role == "--background" else ("-b", "red")
    done = bgdl("live", "--no-window", "-m", model, role, clip, *words, "--record", clip, "--overwrite", "--frames", 2)
    assert done.status == 1
    assert f"{clip} is read and would be replaced by the result; choose another output" in done.err
    assert clip.read_bytes() == before


def test_what_exists_is_not_recorded_over_unasked(bgdl: Bgdl, tmp_path: Path) -> None:
    (tmp_path / "rec.mp4").write_text("mine")
    done = bgdl("live", "--no-window", "-m", "otsu", "-b", "blur", "--record", tmp_path / "rec.mp4", "--frames", 2)
    assert done.status == 1
    assert "exists; use overwrite or another name" in done.err
    assert (tmp_path / "rec.mp4").read_text() == "mine"


@pytest.mark.parametrize(("seconds", "said"), [(0, "; no frames arrived, so {} was not written"), (0.3, " -> {}")])
def test_only_a_file_that_is_there_is_named(bgdl: Bgdl, tmp_path: Path, seconds: float, said: str) -> None:
    target = tmp_path / "rec.mp4"
    done = bgdl("live", "--no-window", "-m", "otsu", "-b", "blur", "--record", target, "--seconds", seconds)
    assert done.status == 0
    assert target.exists() == (seconds > 0)
    assert done.err.rstrip().endswith(said.format(target))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that a run sees, which stands until a test moves it; frames come at 10.0."""
    now = [10.0]
    monkeypatch.setattr(live, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(camera, "time", SimpleNamespace(monotonic=lambda: 10.0))
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
