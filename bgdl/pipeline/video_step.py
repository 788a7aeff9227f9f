"""The two middle stages of a clip, in order: frames get their mattes; frames and mattes become pictures."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import torch
from torch import Tensor

from bgdl import compose, convert
from bgdl.device import upload
from bgdl.matters.classical import Classical
from bgdl.pipeline.backdrop import VideoBackground
from bgdl.pipeline.records import judge
from bgdl.pipeline.video_between import Propagation
from bgdl.refine.smooth import Smoother, SmoothName
from bgdl.types import FrameBatch, Look, Matter

Box = tuple[int, int, int, int]
"""Top, left, bottom, right (exclusive) in px."""
Matted = tuple[FrameBatch, Tensor]
"""Frames and their mattes float32 (N,H,W,1)."""


@dataclass(frozen=True)
class Finished:
    """Pictures uint8 (N,H,W,C), their mattes uint8 (N,H,W,1) where asked for, both on the CPU, and their data."""

    pictures: Tensor
    mattes: Tensor | None
    pts: tuple[int, ...]
    judged: list[tuple[float, float]]


@dataclass
class Step:
    """Matter, smoothing, the matte's shape and edges, the crop, and the Look, for one clip.

    `mattes` and `pictures` may run in two threads, so that the network works on the next frames meanwhile.

    every: the matter works on each N-th frame only. refine, shape: (frames, alpha) -> alpha, and alpha -> alpha.
    watch: is shown every finished alpha. backdrop: a video background, fetched by the time since the first frame.
    sidecar: hand the mattes out too.
    """

    matter: Matter
    look: Look
    smoother: Smoother | None = None
    every: int = 1
    refine: Callable[[Tensor, Tensor], Tensor] | None = None
    shape: Callable[[Tensor], Tensor] | None = None
    box: Box | None = None
    backdrop: VideoBackground | None = None
    foreground: Callable[[Tensor, Tensor], Tensor] | None = None
    watch: Callable[[Tensor], None] | None = None
    sidecar: bool = False

    @torch.inference_mode()
    def mattes(self, batches: Iterator[FrameBatch]) -> Iterator[Matted]:
        """Frames on the matter's device and their mattes, not yet smoothed."""
        uploaded = (replace(batch, data=upload(batch.data, self.matter.device)) for batch in batches)
        if self.every > 1:
            yield from Propagation(self.matter, self.every)(uploaded)
        else:
            yield from ((batch, self.matter.alpha(batch.data)) for batch in uploaded)

    @torch.inference_mode()
    def pictures(self, matted: Iterator[Matted]) -> Iterator[Finished]:
        """Smoothed, shaped, refined, cropped and looked at; it ends early where the background clip does."""
        first: Fraction | None = None
        for batch, alpha in self._smoothed(matted):
            first = batch.pts[0] * batch.time_base if first is None else first
            times_s = [stamp * batch.time_base - first for stamp in batch.pts]
            finished = self._finish(batch, alpha, times_s)
            if len(finished.pts):
                yield finished
            if len(finished.pts) < len(batch):
                return

    def _smoothed(self, matted: Iterator[Matted]) -> Iterator[Matted]:
        waiting: deque[tuple[Tensor, int]] = deque()
        time_base = Fraction(1)
        for batch, alpha in matted:
            time_base = batch.time_base
            if self.smoother is None:
                yield batch, alpha
                continue
            ready: list[Tensor] = []
            for frame, matte, stamp in zip(batch.data, alpha, batch.pts, strict=True):
                waiting.append((frame, stamp))
                ready += self.smoother.push(frame, matte)
            if ready:
                yield _gather(waiting, ready, time_base)
        rest = self.smoother.flush() if self.smoother else []
        if rest:
            yield _gather(waiting, rest, time_base)

    def _finish(self, batch: FrameBatch, alpha: Tensor, times_s: list[Fraction]) -> Finished:
        frames = batch.data
        if self.shape:
            alpha = self.shape(alpha)
        if self.refine:
            alpha = self.refine(frames, alpha)
        if self.watch:
            self.watch(alpha)
        if self.box:
            top, left, bottom, right = self.box
            frames, alpha = frames[:, top:bottom, left:right], alpha[:, top:bottom, left:right]
        look = self.look
        if self.backdrop:
            scenes = self.backdrop.at(times_s, (frames.shape[1], frames.shape[2]))
            frames, alpha = frames[: len(scenes)], alpha[: len(scenes)]
            look = compose.Over(scenes.to(frames.device), foreground=self.foreground)
        if not len(frames):
            return Finished(frames.cpu(), None, (), [])
        mattes = convert.to_bytes(alpha).cpu() if self.sidecar else None
        return Finished(look(frames, alpha).cpu(), mattes, tuple(batch.pts[: len(frames)]), judge(alpha))


def default_smooth(matter: Matter) -> SmoothName:
    """ "ema" for networks, which see each frame on its own; "off" for the classical methods."""
    return "off" if matter.stateful or isinstance(matter, Classical) else "ema"


def pick_batch(device: torch.device, size_hw: tuple[int, int]) -> int:
    """How many frames go through at once: by free memory on CUDA, few on a CPU, where more gain nothing."""
    if device.type != "cuda":
        return 2
    free, _ = torch.cuda.mem_get_info(device)
    needed = size_hw[0] * size_hw[1] * 4 * 40  # some forty float planes a frame between upload and look
    return max(1, min(16, int(free * 0.5 / needed)))


def _gather(waiting: deque[tuple[Tensor, int]], ready: list[Tensor], time_base: Fraction) -> Matted:
    """The oldest frames, as many as there are mattes."""
    taken = [waiting.popleft() for _ in ready]
    frames = torch.stack([frame for frame, _ in taken])
    return FrameBatch(frames, tuple(stamp for _, stamp in taken), time_base), torch.stack(ready)
