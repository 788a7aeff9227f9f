"""Matters around a Matter: what they add is scored and driven like any other method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bgdl.refine.smooth import Averaging, Smoother
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

    @torch.no_grad()
    def alpha(self, frames: Tensor) -> Tensor:
        """uint8 (N,H,W,3) RGB -> float32 (N,H,W,1) in [0,1], on `self.device`."""
        frames = frames.to(self.device)
        return self.refine(frames, self.matter.alpha(frames))


class Smoothed(Around):
    """A Matter whose mattes are averaged over time, see `bgdl.refine.smooth.Smoother`; it looks at no frame ahead."""

    def __init__(self, matter: Matter, mode: Averaging = "ema") -> None:
        super().__init__(matter)
        self.stateful = True
        self._smoother = Smoother(mode)

    @torch.no_grad()
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
