"""A camera whose reads give nothing: a few are passed over, two seconds of them end the run."""

from __future__ import annotations

import time
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest

from bgdl.errors import InputError
from bgdl.media import camera
from bgdl.media.camera import Camera
from bgdl.opencv import cv2
from tests.live_runs import Device, own_camera, own_clock
from tests.video_clips import disc

HIT, MISS = (True, disc(0)), (False, None)
GONE = "camera 0 gives no picture: it was unplugged, or another program uses it"


def grabbed_s(monkeypatch: pytest.MonkeyPatch, reads: list[tuple[object, float]]) -> list[float]:
    """When a camera's pictures come; reads: what each of them gives or raises, and how long it takes."""
    now, left = own_clock(monkeypatch), iter(reads)

    def read() -> object:
        given, lasts_s = next(left)
        now[0] += lasts_s
        if isinstance(given, Exception):
            raise given
        return given

    device = SimpleNamespace(read=read, get=lambda _: 25.0)
    monkeypatch.setattr(camera, "_open_camera", lambda *_: device)
    hits = sum(given is HIT for given, _ in reads)
    return [pytest.approx(now[0]) for _ in islice(Camera("0")._grabbed(), hits)]


@pytest.mark.parametrize(
    "way",
    [MISS, (True, None), (True, np.zeros((0, 0, 3), np.uint8)), cv2.error("damaged")],
    ids=["failed", "none", "empty", "error"],
)
def test_single_reads_that_give_nothing_are_passed_over(monkeypatch: pytest.MonkeyPatch, way: object) -> None:
    reads = [(given, 0.5) for given in (way, HIT, HIT, way, way, way, HIT)]
    assert grabbed_s(monkeypatch, reads) == [1.02, 1.52, 3.58]  # hundredths are naps


@pytest.mark.parametrize("way", [MISS, cv2.error("damaged")], ids=["failed", "error"])
def test_reads_that_fail_for_two_seconds_are_a_camera_that_is_gone(
    monkeypatch: pytest.MonkeyPatch, way: object
) -> None:
    assert grabbed_s(monkeypatch, [(way, 1.0), (way, 0.9), (HIT, 0.0)]) == [1.94]
    with pytest.raises(InputError, match=GONE):
        grabbed_s(monkeypatch, [(way, 1.0), (way, 1.0), (HIT, 0.0)])


def test_misses_with_a_picture_between_them_are_single_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    assert grabbed_s(monkeypatch, [(MISS, 0.0), (HIT, 3.0), (MISS, 0.0), (HIT, 0.0)]) == [3.02, 3.04]


def test_a_read_that_hangs_and_fails_is_a_camera_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=GONE):
        grabbed_s(monkeypatch, [(MISS, 10.0), (HIT, 0.0)])


@pytest.mark.usefixtures(own_camera.__name__)
def test_a_camera_that_fails_is_let_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "_MISSES_S", 30)
    monkeypatch.setattr(camera, "_NAP_S", 30)
    monkeypatch.setattr(Device, "left", 0)
    began = time.monotonic()
    with Camera("0") as source:
        assert source.newest(0.1) is None
    assert time.monotonic() - began < 3
