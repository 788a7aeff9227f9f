"""Difference from one photograph of the empty scene."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bgdl import checks
from bgdl.errors import InputError
from bgdl.matters.classical import CPU, Classical, Frame, check_background, check_plate_size
from bgdl.matters.cleanup import Cleanup, CleanupName, Mask
from bgdl.matters.light import Light, match_light
from bgdl.matters.shadows import Shadows, shadow_mask
from bgdl.opencv import cv2

_MOST_PLATES = 25


class StaticDifference(Classical):
    """Alpha is 1 where a frame differs from the plate, a photograph of the empty scene.

    The difference both ways, channels below `channel_threshold` zeroed, then grey, zeroed below `grey_threshold`;
    what is left is the subject. `prime` takes the plate, taking it again replaces it, `reset` releases it.
    Stateless apart from the plate: frames may come in any order.

    light: "match" first takes out the camera's changes of exposure, see `match_light`.
    shadows: "drop" takes cast shadows for the scene, see `shadow_mask`.
    Source: the webcam tutorials with the keys d (take) and r (release) that difference against one frame.
    """

    name = "static_difference"

    def __init__(
        self,
        *,
        device: torch.device = CPU,
        channel_threshold: int = 13,
        grey_threshold: int = 10,
        light: Light = "fixed",
        shadows: Shadows = "keep",
        cleanup: Cleanup | CleanupName = "none",
    ) -> None:
        super().__init__(device=device, cleanup=cleanup)
        self.channel_threshold = checks.within("channel_threshold", channel_threshold, 0, 255)
        self.grey_threshold = checks.within("grey_threshold", grey_threshold, 0, 255)
        self.light: Light = checks.one_of("light", light, Light)
        self.shadows = checks.one_of("shadows", shadows, Shadows)
        self._plate: Frame | None = None

    def prime(self, background: Tensor) -> None:
        """Take the plate from uint8 (K,H,W,3) frames: the median of up to 25 of them, evenly spread."""
        frames = check_background(background)
        chosen = np.linspace(0, len(frames) - 1, min(len(frames), _MOST_PLATES)).round().astype(int)
        self._plate = np.median([frames[index] for index in chosen], axis=0).astype(np.uint8)

    def reset(self) -> None:
        """Release the plate."""
        self._plate = None

    def _mask(self, frame: Frame) -> Mask:
        if self._plate is None:
            raise InputError(
                "static_difference needs the empty scene first: --prime 2s, 60 or FILE on the command line, "
                "prime(frames) in Python"
            )
        check_plate_size(frame, self._plate)
        frame = match_light(frame, self._plate) if self.light == "match" else frame
        difference = cv2.absdiff(frame, self._plate)
        difference[difference < self.channel_threshold] = 0
        grey = cv2.cvtColor(difference, cv2.COLOR_RGB2GRAY)
        mask = ((grey >= self.grey_threshold) & (grey > 0)).astype(np.uint8)
        return mask if self.shadows == "keep" else mask & (1 - shadow_mask(frame, self._plate))
