"""The values and protocols that every part of bgdl speaks: frames in, alpha mattes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeGuard, runtime_checkable

import torch
from torch import Tensor

from bgdl.choices import Precision


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


# What a Matter may be able to do besides. A Matter around another passes these on, which `isinstance` does not see from
# Python 3.12 on: ask the functions below.


@runtime_checkable
class Primed(Protocol):
    """Methods that learn an empty scene first."""

    def prime(self, background: Tensor) -> None:
        """background: uint8 (K,H,W,3) RGB frames of the scene without its subject."""
        ...


class Learning(Protocol):
    """Methods that learn the empty scene from the first frames of a clip, where they were not primed."""

    @property
    def frames_to_learn(self) -> int:
        """How many frames of the empty scene are still to come."""
        ...


class LearningPatch(Learning, Protocol):
    """Methods that learn from a patch of those frames alone."""

    def rectangle_px(self, size_hw: tuple[int, int]) -> tuple[int, int, int, int]:
        """The patch of a frame of that size: left, top, right, bottom."""
        ...


class Unmixing(Protocol):
    """Methods that free their subject's colours from the background themselves."""

    def foreground(self, frames: Tensor, alpha: Tensor) -> Tensor:
        """uint8 (N,H,W,3), float32 (N,H,W,1) -> uint8 (N,H,W,3) of the subject alone."""
        ...


class Runner(Protocol):
    """What a method's network runs on, as `bgdl.engines.engine.Engine` has it."""

    @property
    def name(self) -> str: ...

    @property
    def precision(self) -> Precision: ...


def is_primed(matter: object) -> TypeGuard[Primed]:
    """Whether a method learns an empty scene that it is shown."""
    return callable(getattr(matter, "prime", None))


def is_learning(matter: object) -> TypeGuard[Learning]:
    return hasattr(matter, "frames_to_learn")


def learns_a_patch(matter: object) -> TypeGuard[LearningPatch]:
    return is_learning(matter) and hasattr(matter, "rectangle_px")


def is_unmixing(matter: object) -> TypeGuard[Unmixing]:
    return callable(getattr(matter, "foreground", None))


def is_steady(matter: Matter) -> bool:
    """Whether its mattes are left as they are over time: what is stateful, or says so by an attribute `steady`."""
    return matter.stateful or bool(getattr(matter, "steady", False))


def runner_of(matter: object) -> Runner | None:
    """The `engine` of a method that is a network, or that takes one as its `prior`; None for all others."""
    engine: Runner | None = getattr(matter, "engine", None)
    prior = getattr(matter, "prior", None)
    return engine or (runner_of(prior) if prior else None)


class Look(Protocol):
    """Turns frames and their mattes into the picture that is shown or written."""

    channels: int

    def __call__(self, frames: Tensor, alpha: Tensor, own: Tensor | None = None) -> Tensor:
        """uint8 (N,H,W,3), float32 (N,H,W,1) -> uint8 (N,H,W,channels), straight alpha, rounded.

        own: the frames' own alpha, float32 (N,H,W,1) in [0,1]; it may add a fourth channel.
        """
        ...
