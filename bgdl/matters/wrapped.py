"""Matters around a Matter: what they add is scored and driven like any other method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bgdl.types import Matter

Refine = Callable[[Tensor, Tensor], Tensor]
"""uint8 (N,H,W,3), float32 (N,H,W,1) -> float32 (N,H,W,1)."""


class Refined:
    """A Matter whose mattes are improved with a look at the frames, for instance along their edges.

    What else the inner Matter has (`engine`, `prime`, ...) is passed through.
    """

    def __init__(self, matter: Matter, refine: Refine) -> None:
        self.matter = matter
        self.refine = refine
        self.name = matter.name
        self.device = matter.device
        self.stateful = matter.stateful

    @torch.inference_mode()
    def alpha(self, frames: Tensor) -> Tensor:
        """uint8 (N,H,W,3) RGB -> float32 (N,H,W,1) in [0,1], on `self.device`."""
        frames = frames.to(self.device)
        return self.refine(frames, self.matter.alpha(frames))

    def reset(self) -> None:
        """Forget the clip seen so far."""
        self.matter.reset()

    def __getattr__(self, name: str) -> Any:
        if name == "matter":
            raise AttributeError(name)
        return getattr(self.matter, name)
