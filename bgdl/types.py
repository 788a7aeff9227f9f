"""The values and protocols that every part of bgdl speaks: frames in, alpha mattes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol, TypeGuard, runtime_checkable

import torch
from torch import Tensor

EngineName = Literal["auto", "torch", "openvino", "onnx"]
Precision = Literal["auto", "fp32", "bf16", "fp16", "int8"]
Fit = Literal["cover", "contain", "stretch"]


@dataclass(frozen=True)
class FrameBatch:
    """Consecutive frames of one clip with their timestamps.

    data: uint8 (N,H,W,3) RGB, rotation already applied.
    pts: N integer timestamps in units of `time_base` seconds.
    """

    data: Tensor
    pts: Sequence[int]
    time_base: Fraction

    def __post_init__(self) -> None:
        if self.data.dtype != torch.uint8 or self.data.ndim != 4 or self.data.shape[-1] != 3:
            raise ValueError(f"FrameBatch.data is uint8 (N,H,W,3), got {self.data.dtype} {tuple(self.data.shape)}")
        if len(self.pts) != len(self.data):
            raise ValueError(f"FrameBatch has {len(self.data)} frames but {len(self.pts)} timestamps")

    def __len__(self) -> int:
        return len(self.data)


@runtime_checkable
class Matter(Protocol):
    """Frames in, alpha mattes out.

    `stateful` methods must see the frames of a clip in time order; call `reset()` between clips.
    """

    name: str
    device: torch.device
    stateful: bool

    def alpha(self, frames: Tensor) -> Tensor:
        """uint8 (N,H,W,3) RGB -> float32 (N,H,W,1) in [0,1], on `self.device`."""
        ...

    def reset(self) -> None:
        """Forget the clip seen so far, and the empty scene that was learnt: prime after it, not before."""
        ...


@runtime_checkable
class Primed(Protocol):
    """Methods that learn an empty scene first."""

    def prime(self, background: Tensor) -> None:
        """background: uint8 (K,H,W,3) RGB frames of the scene without its subject."""
        ...


def is_primed(matter: object) -> TypeGuard[Primed]:
    """Whether a method learns an empty scene; a Matter around another answers for the inner one.

    `is_primed(matter)` does not see attributes that are passed through, from Python 3.12 on.
    """
    return callable(getattr(matter, "prime", None))


class Look(Protocol):
    """Turns frames and their mattes into the picture that is shown or written."""

    channels: int

    def __call__(self, frames: Tensor, alpha: Tensor, own: Tensor | None = None) -> Tensor:
        """uint8 (N,H,W,3), float32 (N,H,W,1) -> uint8 (N,H,W,channels), straight alpha, rounded.

        own: the frames' own alpha, float32 (N,H,W,1) in [0,1]; it may add a fourth channel.
        """
        ...
