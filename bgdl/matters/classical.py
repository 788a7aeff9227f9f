"""What the classical methods share: frame by frame on the CPU to a binary mask, which is cleaned up into alpha."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bgdl import checks
from bgdl.errors import InputError
from bgdl.matters.cleanup import Alpha, Cleanup, CleanupName, Mask, pick_cleanup

Frame = NDArray[np.uint8]  # (H,W,3) RGB
CPU = torch.device("cpu")


class Classical(ABC):
    """A Matter that makes one mask a frame, in order.

    steady: it is not averaged over time unless that is asked for.
    device: where alpha is put; the work itself is done on the CPU.
    cleanup: "none" keeps the method's own mask, as its tutorial does; "tidy" removes specks and holes; "soft"
        softens the edge as well; or a `Cleanup` of one's own.
    """

    name: str
    stateful = False
    steady = True

    def __init__(self, *, device: torch.device = CPU, cleanup: Cleanup | CleanupName = "none") -> None:
        self.device = device
        self.cleanup = pick_cleanup(cleanup)

    def alpha(self, frames: Tensor) -> Tensor:
        """uint8 (N,H,W,3) RGB -> float32 (N,H,W,1) in [0,1], on `self.device`."""
        alpha = np.zeros((*checks.frames(frames).shape[:3], 1), dtype=np.float32)
        for index, frame in enumerate(frames.cpu().numpy()):
            alpha[index, ..., 0] = self._matte(np.ascontiguousarray(frame))
        return torch.from_numpy(alpha).to(self.device)

    def reset(self) -> None:  # noqa: B027 (most have nothing to forget)
        """Forget the clip seen so far, and the empty scene learnt."""

    def _matte(self, frame: Frame) -> Alpha:
        return self.cleanup(self._mask(frame))

    @abstractmethod
    def _mask(self, frame: Frame) -> Mask:
        """uint8 (H,W,3) RGB -> uint8 (H,W), 1 in the subject and 0 outside."""


def check_plate_size(frame: NDArray[np.uint8], plate: NDArray[np.generic]) -> None:
    """Raise InputError where the frames have another size than the plate."""
    if frame.shape[:2] != plate.shape[:2]:
        raise InputError(
            f"the empty scene is {_size(plate)} but the frames are {_size(frame)}; "
            "give a plate from the same camera at the same size"
        )


def check_background(background: Tensor) -> list[Frame]:
    """The frames of an empty scene, uint8 (K,H,W,3) with K at least 1, as arrays."""
    if not len(checks.frames(background)):
        raise InputError("an empty scene is at least one frame, but none came")
    return [np.ascontiguousarray(frame) for frame in background.cpu().numpy()]


def _size(picture: NDArray[np.generic]) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"
