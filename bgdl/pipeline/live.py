"""From a camera to a window, a virtual camera and a file, always with the newest frame."""

from __future__ import annotations

import time
from collections import deque
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

from bgdl.errors import InputError
from bgdl.matters.wrapped import Smoothed
from bgdl.media import formats
from bgdl.media.camera import Camera, Shot
from bgdl.media.empty_scene import MOST_FRAMES, frames_of, parse_prime, read_scene
from bgdl.media.virtualcam import VirtualCamera
from bgdl.media.window import Window
from bgdl.media.writer import VideoWriter
from bgdl.pipeline import live_overlay, live_snapshot
from bgdl.pipeline.live_job import LiveJob, LiveReport
from bgdl.pipeline.live_stage import LiveStage, ShownTime
from bgdl.pipeline.model import learner_of
from bgdl.pipeline.video_step import default_smooth
from bgdl.types import Matter

_MILLISECONDS = Fraction(1, 1000)
_QUIET_S = 0.05  # how often keys are looked at while no frame comes
_RECENT = 30  # frames of which the window tells the rate


class Live:
    """One live run; `run` returns when the user quits, the source ends or a limit is reached.

    An error ends the run; what was recorded until then is kept under its final name.
    """

    def __init__(self, job: LiveJob, matter: Matter) -> None:
        if job.prime is not None:
            learner_of(matter)
        mode = job.smooth or default_smooth(matter)
        steady = matter if mode == "off" else Smoothed(matter, mode)
        self.job = job
        self.stage = LiveStage(steady, job.backgrounds, fit=job.fit, edge=job.edge)
        self._frames, self._waits_s, self._paused_s = 0, 0.0, 0.0
        self._shown_s: deque[float] = deque(maxlen=_RECENT)  # when the newest frames were, since the last pause
        self._window: Window | None = None
        self._virtual: VirtualCamera | None = None
        self._recorder: VideoWriter | None = None
        self._last_ms = -1
        self._sent_hw: torch.Size | None = None
        self._shown_time = ShownTime()
        self._channels = 4 if self.stage.channels == 4 else 3  # of a recording, whatever `b` shows later

    def run(self) -> LiveReport:
        live_snapshot.make_folder(self.job.snapshots)
        with ExitStack() as stack:
            stack.callback(self.stage.close)
            if self.job.window:
                self._window = Window("bgdl")
                stack.callback(self._window.close)
            self._camera = stack.enter_context(Camera(self.job.source, size_wh=self.job.size_wh, fps=self.job.fps))
            self._prime()
            self._began = time.perf_counter()
            failed = self._until_the_end(stack)
            seconds = time.perf_counter() - self._began - self._paused_s
        if failed is not None:
            self.job.on_note(f"what was recorded is kept: {self._frames_recorded} frames in {self.job.record}")
            raise failed
        return LiveReport(self._frames, self._camera.dropped, seconds, 1000 * self._waits_s / max(1, self._frames))

    def _prime(self) -> None:
        if self.job.prime is None:
            return
        asked = parse_prime(self.job.prime)
        if isinstance(asked, Path):
            self.stage.learn(read_scene(asked))
        else:
            self.stage.take_plate(min(MOST_FRAMES, frames_of(asked, self._camera.rate)))

    @property
    def _rate(self) -> Fraction:
        return Fraction(self.job.fps or self._camera.rate).limit_denominator(1001)

    @property
    def _frames_recorded(self) -> int:
        return self._recorder.frames if self._recorder else 0

    def _until_the_end(self, stack: ExitStack) -> Exception | None:
        """Loop; an error is handed back where frames were recorded, since the recorder deletes them if it sees one."""
        try:
            self._loop(stack)
        except KeyboardInterrupt:
            self.job.on_note("stopped")
        except Exception as error:
            if not self._frames_recorded:
                raise
            return error
        return None

    def _loop(self, stack: ExitStack) -> None:
        while not (self.stage.quit or self._enough() or self._camera.ended):
            began, paused = time.perf_counter(), self.stage.paused
            shot = self._camera.newest(_QUIET_S)
            if shot is not None and not paused:
                self._one(shot, stack)
            if self._window:
                self.stage.press(self._window.key())
            if paused:
                self._shown_s.clear()
                self._paused_s += time.perf_counter() - began

    def _enough(self) -> bool:
        job = self.job
        late = job.seconds is not None and time.perf_counter() - self._began >= job.seconds
        return late or (job.frames is not None and self._frames >= job.frames)

    def _one(self, shot: Shot, stack: ExitStack) -> None:
        elapsed_s = time.perf_counter() - self._began
        shown_s = self._shown_time.at(self.stage.background, elapsed_s - self._paused_s)
        picture = self.stage.treat(shot.frames, shown_s)
        self._send(picture, elapsed_s, stack)
        if self.stage.snapshot:
            self.stage.snapshot = False
            self.job.on_note(live_snapshot.save(picture, self.job.snapshots))
        now_s = time.perf_counter()
        wait_s = now_s - shot.taken_s
        self._shown_s.append(now_s)
        self._frames += 1
        self._waits_s += wait_s
        if self._window:
            self._window.show(self._dressed(picture, wait_s))

    def _dressed(self, picture: Tensor, wait_s: float) -> Tensor:
        """What the window shows: mirrored, with the rectangle, rate, latency and what the user is told."""
        shown = live_overlay.opaque(picture)
        box = self.stage.box((shown.shape[0], shown.shape[1]))
        shown = live_overlay.draw_box(shown, box) if box else shown
        shown = shown.flip(1) if self.job.mirror else shown
        state = f"{self._fps:.1f} fps  {1000 * wait_s:.0f} ms  {self.stage.background}"
        return live_overlay.write_lines(shown, [state, *self.stage.lines()])

    @property
    def _fps(self) -> float:
        """Of the newest frames; 0 until there are two."""
        return (len(self._shown_s) - 1) / max(1e-3, self._shown_s[-1] - self._shown_s[0])

    def _send(self, picture: Tensor, elapsed_s: float, stack: ExitStack) -> None:
        if self.job.virtual_camera or self.job.record:
            self._check_size(picture)
        if self.job.virtual_camera:
            self._virtual = self._virtual or self._new_virtual(picture, stack)
            self._virtual.send(live_overlay.opaque(picture, under="green").contiguous())
        if self.job.record:
            if self._recorder is None:  # entered last, so that it is closed first, whatever the others' ends raise
                self._recorder = stack.enter_context(self._new_recorder(self.job.record, picture))
            stamp = max(self._last_ms + 1, round(elapsed_s * 1000))
            self._recorder.write(_with_channels(picture, self._channels)[None], [stamp])
            self._recorder.ends_s = stamp * _MILLISECONDS + 1 / self._rate
            self._last_ms = stamp

    def _check_size(self, picture: Tensor) -> None:
        """Refuse a picture of another size than the first: files and virtual cameras have one size."""
        self._sent_hw = self._sent_hw or picture.shape[:2]
        if picture.shape[:2] != self._sent_hw:
            (height, width), (new_height, new_width) = self._sent_hw, picture.shape[:2]
            raise InputError(
                f"the source's pictures changed from {width}×{height} to {new_width}×{new_height} px, which a "
                "recording or virtual camera cannot follow; start again"
            )

    def _new_virtual(self, picture: Tensor, stack: ExitStack) -> VirtualCamera:
        virtual = VirtualCamera((picture.shape[0], picture.shape[1]), fps=self.job.fps or self._camera.rate)
        stack.callback(virtual.close)
        self.job.on_note(f"virtual camera: {virtual.name}")
        return virtual

    def _new_recorder(self, target: Path, picture: Tensor) -> VideoWriter:
        return VideoWriter(
            target,
            formats.pick(target, channels=self._channels),
            size_hw=(picture.shape[0], picture.shape[1]),
            channels=self._channels,
            time_base=_MILLISECONDS,
            rate=self._rate,
            overwrite=self.job.overwrite,
            keep=True,
            in_order=True,
        )


def _with_channels(picture: Tensor, channels: int) -> Tensor:
    """uint8 (H,W,1|3|4) -> (H,W,3|4)."""
    if picture.shape[-1] == channels:
        return picture
    shown = picture.expand(-1, -1, 3) if picture.shape[-1] == 1 else picture
    if channels == 3:
        return live_overlay.opaque(shown, under="green")
    return torch.cat((shown, torch.full_like(shown[..., :1], 255)), dim=-1)
