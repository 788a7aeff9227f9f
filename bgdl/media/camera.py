"""A camera, or a file or URL that plays as one: its newest frame, from a thread of its own."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from bgdl import convert
from bgdl.errors import InputError
from bgdl.media.mailbox import Mailbox
from bgdl.media.reader import VideoReader
from bgdl.media.square import scale, square_size
from bgdl.opencv import cv2

_SILENT = 0  # of OpenCV's log levels
_MJPG = cv2.VideoWriter.fourcc(*"MJPG")
_PATIENCE_S = 5.0  # the end waits so long for a source that gives nothing
_MISSES_S, _NAP_S = 2.0, 0.02  # reads of a camera may fail for so long, and are tried so often
_GAP_S = 2.0  # timestamps of a stream in segments that jump by more leave something out


@dataclass(frozen=True)
class Shot:
    """frames: uint8 (1,H,W,3) RGB. taken_s: when it came, on time.perf_counter's clock."""

    frames: Tensor
    taken_s: float


class Camera:
    """The newest frame of a source; a context manager.

    source: a camera's number ("0"), a file or a URL; what tells how long it lasts, as most live streams do not, and
    what comes in segments, is played at its own pace. size_wh, fps: asked of a camera, which may answer with others.
    `dropped` counts frames that nobody took in time. Pixels that are not square are made so.
    Raises InputError for a camera that is missing or busy, a source that cannot be read and, here or from `newest`, a
    camera that gives no picture for 2 s and a URL that gives nothing for 20 s.
    """

    def __init__(self, source: str, *, size_wh: tuple[int, int] | None = None, fps: float | None = None) -> None:
        self.source = source
        self._box: Mailbox[Shot] = Mailbox()
        self._stopping = threading.Event()
        is_camera = re.fullmatch("[0-9]{1,9}", source) is not None
        self._device: Any = _open_camera(int(source), size_wh, fps) if is_camera else None
        self._reader = None if is_camera else VideoReader(source)
        self.rate = _rate(self._device, self._reader)
        self._thread = threading.Thread(target=self._run, name="bgdl-camera", daemon=True)

    @property
    def dropped(self) -> int:
        return self._box.dropped

    @property
    def ended(self) -> bool:
        return self._box.closed

    def newest(self, timeout_s: float | None = None) -> Shot | None:
        """The newest frame, waited for; None at the end, or after `timeout_s`."""
        return self._box.take(timeout_s)

    def __enter__(self) -> Camera:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(_PATIENCE_S)
        if self._device is not None and not self._thread.is_alive():  # a driver may crash where it is released in use
            self._device.release()
        if self._reader is not None:
            self._reader.close()

    def _run(self) -> None:
        try:
            for frames in self._frames():
                if self._stopping.is_set():
                    break
                self._box.put(Shot(frames, time.perf_counter()))
        except BaseException as error:
            self._box.close(error)
        else:
            self._box.close()

    def _frames(self) -> Iterator[Tensor]:
        return self._grabbed() if self._reader is None else self._played(self._reader)

    def _grabbed(self) -> Iterator[Tensor]:
        """A camera's pictures; single reads that fail are passed over."""
        failing_since: float | None = None
        while not self._stopping.is_set():
            asked = time.perf_counter()
            frames = _grab(self._device)
            if frames is not None:
                failing_since = None
                yield frames
                continue
            failing_since = asked if failing_since is None else failing_since
            if time.perf_counter() - failing_since >= _MISSES_S:
                raise InputError(f"camera {self.source} gives no picture: it was unplugged, or another program uses it")
            self._stopping.wait(_NAP_S)

    def _played(self, reader: VideoReader) -> Iterator[Tensor]:
        """A file's or URL's pictures; those that come in segments go on from the moment of one that was late."""
        segments = reader.info.segments
        paced = segments or reader.info.duration_s is not None or Path(self.source.removeprefix("file:")).is_file()
        began = time.perf_counter() - float(reader.first_s)
        for batch in reader.batches(1):
            wait_s = began + float(batch.pts[0] * batch.time_base) - time.perf_counter()
            if segments and not 0 <= wait_s <= _GAP_S:
                began, wait_s = began - wait_s, 0.0
            if paced:
                self._stopping.wait(max(0.0, wait_s))
            yield _square(batch.data, reader.info.pixel_aspect)


def _open_camera(number: int, size_wh: tuple[int, int] | None, fps: float | None) -> Any:
    logger: Any = getattr(cv2.utils, "logging", cv2)  # OpenCV 4.8 has no such module
    logger.setLogLevel(_SILENT)  # its lines on a missing camera are no help
    device = cv2.VideoCapture(number)
    if not device.isOpened():
        raise InputError(
            f"camera {number} cannot be opened: it is missing, in use, or not allowed for this program; "
            "try another source: 0, 1, ..., a file or a URL"
        )
    if (size_wh or fps) and device.getBackendName() == "V4L2":
        device.set(cv2.CAP_PROP_FOURCC, _MJPG)  # OpenCV prefers raw pictures, of which USB 2 carries 5 to 10 a second
    if size_wh:
        device.set(cv2.CAP_PROP_FRAME_WIDTH, size_wh[0])
        device.set(cv2.CAP_PROP_FRAME_HEIGHT, size_wh[1])
    if fps:
        device.set(cv2.CAP_PROP_FPS, fps)
    return device


def _grab(device: Any) -> Tensor | None:
    """uint8 (1,H,W,3) RGB; None where a read gives nothing."""
    try:
        good, bgr = device.read()
    except cv2.error:
        return None
    if not good or bgr is None or not bgr.size:
        return None
    return convert.frame_to_tensor(convert.swap_red_blue(cast("np.ndarray[Any, np.dtype[np.uint8]]", bgr)))


def _square(frames: Tensor, pixel_aspect: Fraction | None) -> Tensor:
    """uint8 (1,h,w,3) -> (1,H,W,3) with square pixels, as windows and virtual cameras show them."""
    size_hw = square_size((frames.shape[1], frames.shape[2]), pixel_aspect)
    return torch.from_numpy(scale(frames[0].numpy(), size_hw))[None]


def _rate(device: Any, reader: VideoReader | None) -> float:
    rate = float(reader.info.rate or 0) if reader else float(device.get(cv2.CAP_PROP_FPS))
    return rate if 1 <= rate <= 240 else 30.0
