"""The two middle stages of a clip, in order: frames get their mattes; frames and mattes become pictures."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

import torch
from torch import Tensor

from bgdl import convert
from bgdl.choices import SmoothName
from bgdl.device import upload
from bgdl.pipeline.backdrop import MovingLook, show
from bgdl.pipeline.matte_shape import MatteShape
from bgdl.pipeline.video_between import Propagation
from bgdl.refine.matte import judge
from bgdl.refine.smooth import Smoother
from bgdl.types import FrameBatch, Matter, is_steady

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
    """Matter, smoothing, the matte's shape, the Look, and the crop, for one clip.

    `mattes` and `pictures` may run in two threads, so that the network works on the next frames meanwhile.

    every: the matter works on each N-th frame only. watch: is shown every finished alpha.
    sidecar: hand the mattes out too.
    """

    matter: Matter
    look: MovingLook
    smoother: Smoother | None = None
    every: int = 1
    shape: MatteShape = field(default_factory=MatteShape)
    box: Box | None = None
    watch: Callable[[Tensor], None] | None = None
    sidecar: bool = False

    @torch.no_grad()
    def mattes(self, batches: Iterator[FrameBatch]) -> Iterator[Matted]:
        """Frames on the matter's device and their mattes, not yet smoothed."""
        uploaded = (replace(batch, data=upload(batch.data, self.matter.device)) for batch in batches)
        if self.every > 1:
            yield from Propagation(self.matter, self.every)(uploaded)
        else:
            yield from ((batch, self.matter.alpha(batch.data)) for batch in uploaded)

    @torch.no_grad()
    def pictures(self, matted: Iterator[Matted]) -> Iterator[Finished]:
        """Smoothed, shaped, looked at and cropped; it ends early where the background clip does."""
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
        alpha = self.shape(frames, alpha)
        if self.watch:
            self.watch(alpha)
        pictures = show(self.look, frames, alpha, times_s)
        alpha = alpha[: len(pictures)]
        mattes = self._cropped(convert.to_bytes(alpha)).cpu() if self.sidecar else None
        return Finished(self._cropped(pictures).cpu(), mattes, tuple(batch.pts[: len(pictures)]), judge(alpha))

    def _cropped(self, pictures: Tensor) -> Tensor:
        top, left, bottom, right = self.box or (0, 0, *pictures.shape[1:3])
        return pictures[:, top:bottom, left:right]


def default_smooth(matter: Matter) -> SmoothName:
    """ "ema" for what sees each frame on its own, as networks do; "off" for what is steady, see `is_steady`."""
    return "off" if is_steady(matter) else "ema"


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
