"""Live runs whose camera or clock is a stand-in, and what is done to them at a frame of a number."""

from __future__ import annotations

import threading
import time
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from torch import Tensor

from bgdl.media import camera
from bgdl.media.camera import Shot
from bgdl.media.mailbox import Mailbox
from bgdl.pipeline import live
from bgdl.pipeline.live import Live
from bgdl.pipeline.live_job import LiveJob
from tests.video_clips import BrightSubject, disc

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


def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `Device` be the camera, whose first failure is believed."""
    monkeypatch.setattr(Device, "left", 1000)
    monkeypatch.setattr(Device, "small", 0)
    monkeypatch.setattr(camera, "_MISSES_S", 0.0)
    monkeypatch.setattr(camera, "_open_camera", lambda *_: Device())


@pytest.fixture
def own_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this test `Device` is the camera."""
    stand_in(monkeypatch)


def own_clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that cameras and runs see, from 0 on: it moves by what a camera waits and a test adds."""
    now = [0.0]

    class Ticking(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            now[0] += timeout or 0.0
            return self.is_set()

    monkeypatch.setattr(camera, "threading", SimpleNamespace(Event=Ticking, Thread=threading.Thread))
    for module in (camera, live):
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    return now


class InStep(Mailbox[Shot]):
    """In a camera's place of its mailbox: the next frame comes when the one before is done with."""

    def __init__(self) -> None:
        super().__init__()
        self._done = threading.Semaphore(0)
        self._taken = False

    def put(self, item: Shot) -> None:
        super().put(item)
        assert self._done.acquire(timeout=30)

    def take(self, timeout_s: float | None = None) -> Shot | None:
        if self._taken:
            self._done.release()
        shot = super().take(30)
        self._taken = shot is not None
        return shot


def run_of(target: Path, at_frame: dict[int, object], **options: object) -> tuple[Live, list[str]]:
    """A run into `target`, and its notes; at a frame of that number it raises, calls, or presses a key."""
    notes: list[str] = []
    options = {"source": "0", "backgrounds": ("blur",), "record": target, "on_note": notes.append, **options}
    job = LiveJob(window=False, **options)  # type: ignore[arg-type]
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
