"""What MOG2 and KNN share: OpenCV's background subtractors, their learning rate and their shadows."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from bgdl import checks
from bgdl.errors import InputError
from bgdl.matters.classical import Classical, Frame, check_background, check_plate_size
from bgdl.matters.cleanup import Cleanup, CleanupName, Mask
from bgdl.opencv import cv2

SubtractorShadows = Literal["keep", "drop", "off"]
_SUBJECT = 255  # OpenCV marks shadows 127
_AUTOMATIC = -1.0


class Subtractor(Classical):
    """A model of each pixel's colours over time; alpha is 1 where a frame does not fit it.

    learning_rate: share of a new frame in the model, 0 (frozen) to 1 (the last frame only); "auto" takes
        1 / (2 × frames seen) and then 1 / `history`.
    shadows: "keep" counts what OpenCV marks as shadow to the subject; "drop" to the scene; "off" looks for none.
    dilate_px: side of the square that the mask is dilated with; 1 leaves it.
    `prime` learns an empty scene with the automatic rate; then a frame of another size raises InputError, else it
    starts anew.
    """

    stateful = True
    _plate: Frame | None = None  # for its size: OpenCV would start anew without a word

    def __init__(
        self,
        *,
        device: torch.device,
        history: int,
        learning_rate: float | Literal["auto"],
        shadows: SubtractorShadows,
        dilate_px: int,
        cleanup: Cleanup | CleanupName,
    ) -> None:
        super().__init__(device=device, cleanup=cleanup)
        self.history = checks.count("history", history, at_least=1)
        self.learning_rate = _rate(learning_rate)
        self.shadows: SubtractorShadows = checks.one_of("shadows", shadows, SubtractorShadows)
        self.dilate_px = checks.odd("dilate_px", dilate_px)
        self.reset()

    def prime(self, background: Tensor) -> None:
        """Learn the scene from uint8 (K,H,W,3) frames without the subject."""
        self.reset()
        for frame in check_background(background):
            self._apply(frame, _AUTOMATIC)
            self._plate = frame

    def reset(self) -> None:
        """Forget the scene."""
        self._model = self._new_model()
        self._seen = 0
        self._plate = None

    @abstractmethod
    def _new_model(self) -> Any:
        """An OpenCV background subtractor that has seen nothing."""

    def _mask(self, frame: Frame) -> Mask:
        if self._plate is not None:
            check_plate_size(frame, self._plate)
        marks = self._apply(frame, self.learning_rate)
        mask = ((marks > 0) if self.shadows == "keep" else (marks == _SUBJECT)).astype(np.uint8)
        if self.dilate_px == 1:
            return mask
        return np.asarray(cv2.dilate(mask, np.ones((self.dilate_px, self.dilate_px), np.uint8)), dtype=np.uint8)

    def _apply(self, frame: Frame, learning_rate: float) -> Mask:
        cv2.setRNGSeed(self._seen)  # KNN draws which samples to replace from the process's random numbers
        self._seen += 1
        return np.asarray(self._model.apply(frame, learningRate=learning_rate), dtype=np.uint8)


def _rate(learning_rate: float | Literal["auto"]) -> float:
    if learning_rate == "auto":
        return _AUTOMATIC
    if isinstance(learning_rate, str):
        raise InputError(f"learning_rate is {learning_rate!r}; it must be auto or a number from 0 to 1")
    return checks.within("learning_rate", learning_rate, 0, 1)
