"""Live runs whose camera is a stand-in, and what is done to them at a frame of a number."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from bgdl.media import camera
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
