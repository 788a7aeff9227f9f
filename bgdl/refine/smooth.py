"""Steady mattes: averages over time that follow what moves, and forget at a cut."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bgdl import checks
from bgdl.refine.cuts import Cuts
from bgdl.refine.flow import Plane, Small, carry, motion, shrink, trust, work_size
from bgdl.resize import average, enlarge

Averaging = Literal["ema", "flow"]

STRENGTH = 0.93
MOST_STRENGTH = 0.999
"""With 1 the past would never be forgotten."""
LOOK_AHEAD = 2
"""Frames that "flow" may look ahead in a file."""
TOLERANCE = 7.5
"""Levels by which a place may change and still count as the same thing."""
DOUBT = 6.0
"""How much more alike a place must look where the past has another matte than the new one."""


@dataclass
class _Moment:
    """One frame on its way through: its small picture and small matte, and the full-size matte."""

    seen: Small
    small: Plane
    full: Tensor
    cut: bool


@dataclass
class _Past:
    """A frame's small picture, and the averages of pictures and mattes up to it."""

    seen: Small
    picture: Small | Plane
    matte: Plane


class Smoother:
    """Averages mattes over time, one frame after the other.

    "ema": an exponential average where the picture stands still, the new matte where it moves, so hands do not
    trail. "flow": the last result is first moved along DIS optical flow, so that moving things are averaged too;
    `look_ahead` frames to come are averaged in as well, which delays the output by as many frames.
    strength: share of the past where nothing changes, 0 (none) to MOST_STRENGTH. A scene cut starts anew.
    """

    def __init__(self, mode: Averaging = "ema", *, strength: float = STRENGTH, look_ahead: int = 0) -> None:
        self.mode: Averaging = checks.one_of("mode", mode, Averaging)
        self.strength = checks.within("strength", strength, 0, MOST_STRENGTH)
        self.look_ahead = look_ahead if mode == "flow" else 0
        self.reset()

    def reset(self) -> None:
        """Forget the clip."""
        self._waiting: deque[_Moment] = deque()
        self._is_cut = Cuts()
        self._last: _Past | None = None

    def push(self, frame: Tensor, alpha: Tensor) -> list[Tensor]:
        """uint8 (H,W,3), float32 (H,W,1) -> the mattes that are ready, oldest first."""
        seen = shrink(frame)
        cut = self._is_cut(seen)
        ready = self.flush() if cut else []
        self._waiting.append(_Moment(seen, _shrink(alpha), alpha, cut))
        if len(self._waiting) > self.look_ahead:
            ready.append(self._pop())
        return ready

    def flush(self) -> list[Tensor]:
        """What is still waiting, at the end of the clip."""
        return [self._pop() for _ in range(len(self._waiting))]

    def _pop(self) -> Tensor:
        moment = self._waiting.popleft()
        self._last = self._average(moment, None if moment.cut else self._last)
        return _apply(moment.full, moment.small, self._last.matte)

    def _average(self, moment: _Moment, past: _Past | None) -> _Past:
        """Picture and matte averaged with those before and after, each as far as it is to be trusted there.

        The past is its averaged picture: a blurred hand that fades over many frames differs from that, where it hardly
        does from the frame before, and its matte would stay behind. A hand before a wall of nearly its colour leaves a
        place that has changed a little: where the mattes disagree, that is too much.
        """
        others = [(_Past(other.seen, other.seen, other.small), 1.0) for other in self._waiting]
        if past:
            others.append((past, (1 + len(others)) * self.strength / (1 - self.strength)))
        picture, matte, weight = moment.seen.astype(np.float32), moment.small.copy(), np.ones_like(moment.small)
        for other, share in others:
            seen, carried = self._carried(moment.seen, other)
            alike = trust(moment.seen, seen, tolerance=TOLERANCE)
            sure = share * alike ** (1 + DOUBT * np.square(carried - moment.small))
            picture += sure[..., None] * seen
            matte += sure * carried
            weight += sure
        return _Past(moment.seen, cast(Plane, picture / weight[..., None]), cast(Plane, matte / weight))

    def _carried(self, now: Small, other: _Past) -> tuple[Small | Plane, Plane]:
        """Another moment's picture and matte at the places of `now`; what stands still stays where it is."""
        if self.mode == "ema":
            return other.picture, other.matte
        flow = motion(now, other.seen) * (1 - trust(now, other.seen, tolerance=TOLERANCE))[..., None]
        return carry(other.picture, flow), carry(other.matte, flow)


def _shrink(alpha: Tensor) -> NDArray[np.float32]:
    small = average(alpha[None, None, ..., 0], work_size(*alpha.shape[:2]))
    return cast("NDArray[np.float32]", small[0, 0].cpu().numpy())


def _apply(full: Tensor, small: Plane, smooth: Plane) -> Tensor:
    """Add to the full-size matte what smoothing changed at the small size."""
    change = torch.from_numpy(smooth - small)[None, None].to(full.device)
    return enlarge(change, (full.shape[0], full.shape[1]))[0].add_(full).clamp_(0, 1)
