"""Matters around a Matter: what they add is scored and driven like any other method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bgdl.errors import InputError
from bgdl.refine.flow import Grey, carry_full, is_cut, motion, small_grey
from bgdl.refine.smooth import STRENGTH, Smoother, SmoothName
from bgdl.types import Matter

Refine = Callable[[Tensor, Tensor], Tensor]
"""uint8 (N,H,W,3), float32 (N,H,W,1) -> float32 (N,H,W,1)."""


class Around:
    """A Matter that stands around another; what else the inner one has (`engine`, `prime`, ...) is passed through."""

    def __init__(self, matter: Matter) -> None:
        self.matter = matter
        self.name = matter.name
        self.device = matter.device
        self.stateful = matter.stateful

    def reset(self) -> None:
        """Forget the clip seen so far."""
        self.matter.reset()

    def __getattr__(self, name: str) -> Any:
        if name == "matter":
            raise AttributeError(name)
        return getattr(self.matter, name)


class Refined(Around):
    """A Matter whose mattes are improved with a look at the frames, for instance along their edges."""

    def __init__(self, matter: Matter, refine: Refine) -> None:
        super().__init__(matter)
        self.refine = refine

    @torch.inference_mode()
    def alpha(self, frames: Tensor) -> Tensor:
        """uint8 (N,H,W,3) RGB -> float32 (N,H,W,1) in [0,1], on `self.device`."""
        frames = frames.to(self.device)
        return self.refine(frames, self.matter.alpha(frames))


class Smoothed(Around):
    """A Matter whose mattes are averaged over time, see `bgdl.refine.smooth.Smoother`; it looks at no frame ahead."""

    def __init__(self, matter: Matter, mode: SmoothName = "ema", *, strength: float = STRENGTH) -> None:
        super().__init__(matter)
        self.stateful = True
        self._smoother = Smoother(mode, strength=strength)

    @torch.inference_mode()
    def alpha(self, frames: Tensor) -> Tensor:
        """uint8 (N,H,W,3) RGB -> float32 (N,H,W,1) in [0,1], on `self.device`."""
        alpha = self.matter.alpha(frames)
        for index, (frame, matte) in enumerate(zip(frames, alpha.clone(), strict=True)):
            (alpha[index],) = self._smoother.push(frame, matte)
        return alpha

    def reset(self) -> None:
        """Forget the clip seen so far."""
        self._smoother.reset()
        self.matter.reset()


class Propagated(Around):
    """A Matter that works on every N-th frame only; between, the last matte is carried along optical flow.

    A scene cut is worked on at once. Not for methods that have to see every frame.
    """

    def __init__(self, matter: Matter, every: int) -> None:
        if every < 1:
            raise InputError(f"every N-th frame: N is at least 1, not {every}")
        if matter.stateful and every > 1:
            raise InputError(f"{matter.name} has to see every frame; leave --every out")
        super().__init__(matter)
        self.every = every
        self.stateful = True
        self._key: tuple[Grey, Tensor] | None = None
        self._age = 0

    @torch.inference_mode()
    def alpha(self, frames: Tensor) -> Tensor:
        """uint8 (N,H,W,3) RGB -> float32 (N,H,W,1) in [0,1], on `self.device`."""
        greys = [small_grey(frame) for frame in frames]
        keys = self._keys(greys)
        fresh = iter(self.matter.alpha(frames[keys])) if keys else iter(())
        mattes = []
        for index, grey in enumerate(greys):
            if index in keys:
                self._key = (grey, next(fresh))
                mattes.append(self._key[1])
            else:
                assert self._key is not None
                mattes.append(carry_full(self._key[1], motion(grey, self._key[0])))
        return torch.stack(mattes) if mattes else self.matter.alpha(frames)

    def reset(self) -> None:
        """Forget the clip seen so far."""
        self._key, self._age = None, 0
        self.matter.reset()

    def _keys(self, greys: list[Grey]) -> list[int]:
        """Which frames of a batch are worked on."""
        keys = []
        before = self._key[0] if self._key else None
        for index, grey in enumerate(greys):
            if before is None or self._age % self.every == 0 or is_cut(before, grey):
                keys.append(index)
                before, self._age = grey, 0
            self._age += 1
        return keys
