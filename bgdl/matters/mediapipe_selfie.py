"""MediaPipe's selfie segmentation, through its tasks API (extra `mediapipe`)."""

from __future__ import annotations

import signal
import threading
import weakref
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from bgdl import checks, weights
from bgdl.errors import BgdlError, InputError, MissingExtra, WeightsError
from bgdl.matters.classical import CPU, Classical, Frame
from bgdl.matters.cleanup import Alpha, Cleanup, CleanupName, Mask

SelfieVariant = Literal["landscape", "general"]
_WEIGHTS = {"landscape": "mediapipe", "general": "mediapipe:variant=general"}


class MediaPipeSelfie(Classical):
    """Alpha is MediaPipe's soft mask of the person, each frame on its own, always on the CPU.

    variant: "landscape" (144x256, as the tutorial) or "general" (256x256).
    threshold: None keeps the soft mask; a number makes alpha 1 above it and 0 elsewhere: the tutorial composites
        with 0.1. A `cleanup` other than "none" takes the mask above the threshold, or above 0.5.
    weights_path: a .tflite file; without it the file is looked for, or downloaded, as other weights are.
    Raises MissingExtra, and WeightsError where the model is not found and cannot be downloaded.
    Source: q-viper, "Real Time Background Changing With OpenCV and Python", 2021, experiment 4; MediaPipe Selfie
    Segmentation model card, Apache-2.0.
    """

    name = "mediapipe"

    def __init__(
        self,
        *,
        device: torch.device = CPU,
        variant: SelfieVariant = "landscape",
        threshold: float | None = None,
        weights_path: str | Path | None = None,
        cleanup: Cleanup | CleanupName = "none",
    ) -> None:
        super().__init__(device=device, cleanup=cleanup)
        self.variant: SelfieVariant = checks.one_of("variant", variant, SelfieVariant)
        self.threshold = None if threshold is None else checks.within("threshold", threshold, 0, 1)
        self._segmenter, self._image = _open(weights_path, self.variant)
        weakref.finalize(self, self._segmenter.close)  # before the interpreter tears mediapipe down

    def _matte(self, frame: Frame) -> Alpha:
        if self.threshold is not None or self.cleanup != Cleanup():
            return super()._matte(frame)
        return self._soft(frame)

    def _mask(self, frame: Frame) -> Mask:
        return (self._soft(frame) > (0.5 if self.threshold is None else self.threshold)).astype(np.uint8)

    def _soft(self, frame: Frame) -> Alpha:
        found = self._segmenter.segment(self._image(frame))  # owns the mask's memory: kept until it is copied
        mask = np.array(found.confidence_masks[0].numpy_view(), dtype=np.float32)
        return np.clip(mask.reshape(frame.shape[:2]), 0, 1)


def _open(path: str | Path | None, variant: SelfieVariant) -> tuple[Any, Any]:
    """MediaPipe's segmenter with the model, and a function that makes its image of a frame."""
    try:
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision
    except ImportError as error:
        raise MissingExtra("mediapipe", "mediapipe") from error
    except OSError as error:
        raise BgdlError(f"mediapipe is installed but does not load: {error}") from error
    file = weights.find(_WEIGHTS[variant]) if path is None else Path(str(path)).expanduser()
    if not file.is_file():
        raise InputError(f"no model at {file}; give a .tflite file, or leave weights_path out to find or download one")
    options = vision.ImageSegmenterOptions(
        base_options=BaseOptions(model_asset_buffer=file.read_bytes()),  # a path may hold what MediaPipe cannot read
        output_confidence_masks=True,
        output_category_mask=False,
    )
    try:
        segmenter = vision.ImageSegmenter.create_from_options(options)
    except (ValueError, RuntimeError) as error:
        raise WeightsError(f"{file} is not a segmentation model that mediapipe can run: {error}") from error
    _keep_profiling_harmless()
    return segmenter, lambda frame: mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=frame)


def _keep_profiling_harmless() -> None:
    """Ignore SIGPROF in Python too, as MediaPipe does in C while its timers send it.

    Whoever saves and restores Python's handlers, as Lightning does around a fit, would otherwise bring back the
    default, which ends the process.
    """
    if not hasattr(signal, "SIGPROF") or threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGPROF) == signal.SIG_DFL:
        signal.signal(signal.SIGPROF, signal.SIG_IGN)
