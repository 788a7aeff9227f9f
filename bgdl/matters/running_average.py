"""Difference from the average of a clip's first frames."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bgdl import checks
from bgdl.matters.classical import CPU, Classical, Frame, check_background, check_plate_size
from bgdl.matters.cleanup import Cleanup, CleanupName, Mask
from bgdl.matters.light import Light, match_light
from bgdl.matters.shadows import Shadows, shadow_mask
from bgdl.opencv import cv2

Picture = NDArray[np.uint8]  # (H,W) grey or (H,W,3) RGB


class RunningAverage(Classical):
    """Alpha is 1 where a frame differs from the plate, the average of the first `frames` frames.

    The average and the difference are of median-blurred grey. While it learns, alpha is 0: the tutorial shows no
    composite then ("hold still"), and the scene is to be empty. `prime` gives the empty scene instead, and
    nothing is learnt from the clip. A frame of another size starts anew; after `prime` it raises InputError.

    weight: of the newest frame in the average; 0.5, as the tutorial, remembers some five frames; None gives the
        plain mean of all, which has less noise.
    light: "match" first takes out the camera's changes of exposure, see `match_light`.
    shadows: "drop" takes cast shadows for the scene, see `shadow_mask`.
    Source: q-viper, "Real Time Background Changing With OpenCV and Python", 2021, experiment 1.
    """

    name = "running_average"
    stateful = True

    def __init__(
        self,
        *,
        device: torch.device = CPU,
        frames: int = 200,
        weight: float | None = 0.5,
        median_px: int = 5,
        threshold: int = 30,
        light: Light = "fixed",
        shadows: Shadows = "keep",
        cleanup: Cleanup | CleanupName = "none",
    ) -> None:
        super().__init__(device=device, cleanup=cleanup)
        self.frames = checks.count("frames", frames, at_least=1)
        self.weight = None if weight is None else checks.within("weight", weight, 0, 1)
        self.median_px = checks.median("median_px", median_px)
        self.threshold = checks.within("threshold", threshold, 1, 255)
        self.light: Light = checks.one_of("light", light, Light)
        self.shadows = checks.one_of("shadows", shadows, Shadows)
        self.reset()

    @property
    def frames_to_learn(self) -> int:
        """How many frames of the empty scene are still wanted; 0 once the plate stands."""
        return self._to_learn

    def prime(self, background: Tensor) -> None:
        """Learn the plate from all of uint8 (K,H,W,3) frames, and from nothing else."""
        self.reset()
        for frame in check_background(background):
            self._learn(frame)
        self._to_learn = 0
        self._primed = True

    def reset(self) -> None:
        """Forget the plate, and learn a new one from the next frames."""
        self._plate = _Average(self.weight)
        self._colours = _Average(self.weight)  # for shadows, which grey cannot tell from dark clothes
        self._to_learn = self.frames
        self._primed = False

    def _mask(self, frame: Frame) -> Mask:
        if self._plate.size_hw not in (None, frame.shape[:2]):
            self._start_anew(frame)
        if self._to_learn:
            self._learn(frame)
            self._to_learn -= 1
            return np.zeros(frame.shape[:2], dtype=np.uint8)
        plate, grey = self._plate.picture(), self._grey(frame)
        grey = match_light(grey, plate) if self.light == "match" else grey
        mask = (cv2.absdiff(plate, grey) >= self.threshold).astype(np.uint8)
        return mask if self.shadows == "keep" else mask & (1 - self._shadow(frame))

    def _start_anew(self, frame: Frame) -> None:
        """Take a frame of another size, unless the plate was given."""
        if self._primed:
            check_plate_size(frame, self._plate.picture())
        self.reset()

    def _shadow(self, frame: Frame) -> Mask:
        plate = self._colours.picture()
        return shadow_mask(match_light(frame, plate) if self.light == "match" else frame, plate)

    def _grey(self, frame: Frame) -> Picture:
        return np.asarray(cv2.medianBlur(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), self.median_px), dtype=np.uint8)

    def _learn(self, frame: Frame) -> None:
        self._plate.add(self._scene(self._grey(frame)))
        if self.shadows == "drop":
            self._colours.add(self._scene(frame))

    def _scene(self, picture: Picture) -> Picture:
        """What of a frame is taken into the plate."""
        return picture


class _Average:
    """The average of pictures; a picture of another size starts it anew."""

    def __init__(self, weight: float | None) -> None:
        self._weight = weight
        self._sum: NDArray[np.float64] | None = None
        self._count = 0

    @property
    def size_hw(self) -> tuple[int, int] | None:
        return None if self._sum is None else (self._sum.shape[0], self._sum.shape[1])

    def add(self, picture: Picture) -> None:
        if self._sum is None or self._sum.shape != picture.shape:
            self._sum, self._count = picture.astype(np.float64), 1
            return
        self._count += 1
        cv2.accumulateWeighted(picture, self._sum, 1 / self._count if self._weight is None else self._weight)

    def picture(self) -> Picture:
        """Cut down to whole numbers, as the tutorial does."""
        assert self._sum is not None
        return self._sum.astype(np.uint8)
