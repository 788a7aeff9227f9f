"""The live source: what is asked of a camera, and when it is let go."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from bgdl import opencv
from bgdl.cli.options import parse_size
from bgdl.errors import BgdlError, InputError
from bgdl.media import camera
from bgdl.media.camera import Camera
from bgdl.opencv import cv2
from tests.conftest import Bgdl
from tests.video_clips import disc


class Capture:
    """Stands where OpenCV's camera stands; one that `holds` waits in its first read for `go_on`."""

    holds = False

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.asked: dict[int, float] = {}
        self.released = False
        self.reading, self.go_on = threading.Event(), threading.Event()
        Capture.last = self

    last: Capture
    backend = "MSMF"

    def getBackendName(self) -> str:  # noqa: N802
        return self.backend

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def set(self, what: int, value: float) -> None:
        self.asked[what] = value

    def get(self, _: int) -> float:
        return 25.0

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.reading.set()
        return not self.holds or self.go_on.wait(30), disc(0)

    def release(self) -> None:
        self.released = True


@pytest.fixture(autouse=True)
def _capture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", Capture)


def test_size_and_rate_are_asked_of_a_camera(bgdl: Bgdl, tmp_path: Path) -> None:
    words = ("live", "--no-window", "-m", "otsu", "--record", tmp_path / "out.mkv", "--seconds", 0)
    assert bgdl(*words, "--source", 7, "--resolution", "1280x720", "--fps", 50).status == 0
    assert Capture.last.number == 7
    wanted = {cv2.CAP_PROP_FRAME_WIDTH: 1280, cv2.CAP_PROP_FRAME_HEIGHT: 720, cv2.CAP_PROP_FPS: 50}
    assert Capture.last.asked == wanted
    assert bgdl(*words).status == 0
    assert (Capture.last.number, Capture.last.asked) == (0, {})


def test_linux_cameras_are_asked_for_compressed_pictures_with_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the size: a change of format may reset it."""
    monkeypatch.setattr(Capture, "backend", "V4L2")
    Camera("0", size_wh=(1920, 1080))
    assert next(iter(Capture.last.asked.items())) == (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    Camera("0")
    assert not Capture.last.asked


def test_a_camera_is_let_go_at_the_end() -> None:
    with Camera("0") as source:
        assert source.newest() is not None
    assert Capture.last.released


def test_a_camera_is_not_let_go_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "_PATIENCE_S", 0.01)
    monkeypatch.setattr(Capture, "holds", True)
    with Camera("0") as source:
        assert Capture.last.reading.wait(30)
    assert not Capture.last.released
    Capture.last.go_on.set()
    source._thread.join(30)


def test_only_numbers_are_cameras() -> None:
    for source in ("²", "٣", "99999999999"):
        with pytest.raises(InputError, match=f"{source}: cannot be opened as a video"):
            Camera(source)


def test_sizes() -> None:
    assert parse_size("1280x720", "--size") == parse_size("1280X720", "--size") == (1280, 720)


@pytest.mark.parametrize(
    "text", ["big", "²x²", "٣x٣", "0x720", "1280x", "x", "1280x720x3", "-1x5", "1280 x 720", "9" * 9 + "x9"]
)
def test_what_is_no_size_is_a_sentence(text: str) -> None:
    with pytest.raises(InputError, match=r"^--resolution .* is not WIDTHxHEIGHT, for instance 1280x720"):
        parse_size(text, "--resolution")


@pytest.mark.parametrize(("platform", "expected"), [("win32", "0"), ("linux", None)])
def test_windows_cameras_open_without_hardware_transforms(
    monkeypatch: pytest.MonkeyPatch, platform: str, expected: str | None
) -> None:
    """OpenCV reads it as it loads; with them some cameras take minutes to open."""
    name = "OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS"
    monkeypatch.setenv(name, "1")  # so that it is put back
    monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setitem(sys.modules, "cv2", None)  # whose import fails
    with pytest.raises(BgdlError, match="OpenCV does not load"):
        importlib.reload(opencv)
    assert os.environ.get(name) == expected


def test_red_is_red_from_a_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    bgr = np.full((4, 6, 3), (10, 20, 30), np.uint8)
    monkeypatch.setattr(Capture, "read", lambda _: (True, bgr))
    with Camera("0") as source:
        shot = source.newest(30)
    assert shot is not None and shot.frames[0, 0, 0].tolist() == [30, 20, 10]
