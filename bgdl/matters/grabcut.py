"""GrabCut: colour mixtures inside and outside, cut along edges, from a rectangle or from another method's matte."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from bgdl import checks
from bgdl.errors import InputError
from bgdl.matters.classical import CPU, Classical, Frame
from bgdl.matters.cleanup import Alpha, Cleanup, CleanupName, Mask
from bgdl.opencv import cv2
from bgdl.types import Matter


class GrabCut(Classical):
    """Alpha is 1 where GrabCut finds the subject, each picture on its own.

    iterations: rounds of fitting the colours and cutting.
    margin: share of the width and height that the centred rectangle leaves out on each side, 0..0.49.
    prior: a Matter whose matte takes the rectangle's place: what it is sure of stays, the rest is decided.
    max_side_px: pictures with a longer side are cut at this size and the mask is enlarged; None cuts at full size.
    Source: Rother, Kolmogorov, Blake 2004.
    """

    name = "grabcut"

    def __init__(
        self,
        *,
        device: torch.device = CPU,
        iterations: int = 5,
        margin: float = 0.1,
        prior: Matter | None = None,
        max_side_px: int | None = None,
        cleanup: Cleanup | CleanupName = "none",
    ) -> None:
        super().__init__(device=device, cleanup=cleanup)
        self.iterations = checks.count("iterations", iterations, at_least=1)
        self.margin = checks.within("margin", margin, 0, 0.49)
        self.max_side_px = None if max_side_px is None else checks.count("max_side_px", max_side_px, at_least=8)
        if prior is not None and not callable(getattr(prior, "alpha", None)):
            raise InputError(f"prior is {prior!r}; it must be a Matter, or the name of a method")
        self.prior = prior
        self.stateful = prior is not None and prior.stateful

    def __getattr__(self, name: str) -> Any:
        """`prime`, where the prior learns an empty scene."""
        if name == "prime" and self.__dict__.get("prior") is not None:
            return self.prior.prime  # type: ignore[union-attr]
        raise AttributeError(name)

    def alpha(self, frames: Tensor) -> Tensor:
        """uint8 (N,H,W,3) RGB -> float32 (N,H,W,1) in [0,1], on `self.device`."""
        if self.prior is None:
            return super().alpha(frames)
        mattes = self.prior.alpha(frames)[..., 0].cpu().numpy()
        pairs = zip(frames.cpu().numpy(), mattes, strict=True)
        cut = [self.cleanup(self._cut(np.ascontiguousarray(frame), _labels(matte))) for frame, matte in pairs]
        alpha = np.stack(cut) if cut else np.zeros(mattes.shape, dtype=np.float32)
        return torch.from_numpy(alpha)[..., None].to(self.device)

    def reset(self) -> None:
        """Reset the prior, if there is one."""
        if self.prior is not None:
            self.prior.reset()

    def _mask(self, frame: Frame) -> Mask:
        labels = np.full(frame.shape[:2], cv2.GC_BGD, dtype=np.uint8)
        y, x = int(frame.shape[0] * self.margin), int(frame.shape[1] * self.margin)
        labels[y : frame.shape[0] - y, x : frame.shape[1] - x] = cv2.GC_PR_FGD
        return self._cut(frame, labels)

    def _cut(self, frame: Frame, labels: Mask) -> Mask:
        width, height = frame.shape[1], frame.shape[0]
        if self.max_side_px is None or max(width, height) <= self.max_side_px:
            return _grab(frame, labels, self.iterations)
        scale = self.max_side_px / max(width, height)
        small = (max(1, round(width * scale)), max(1, round(height * scale)))
        picture = np.asarray(cv2.resize(frame, small, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        mask = _grab(picture, _nearest(labels, small), self.iterations)
        return _nearest(mask, (width, height))


def _grab(frame: Frame, labels: Mask, iterations: int) -> Mask:
    """Cut, or take the labels as they are where there is nothing to decide between."""
    subject = _is_subject(labels)
    if subject.all() or not subject.any():
        return subject
    cv2.setRNGSeed(0)  # the colours are clustered from random starts
    outside, inside = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(frame, labels, (0, 0, 0, 0), outside, inside, iterations, cv2.GC_INIT_WITH_MASK)
    return _is_subject(labels)


def _is_subject(labels: Mask) -> Mask:
    return np.asarray((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), dtype=np.uint8)


def _nearest(labels: Mask, size_wh: tuple[int, int]) -> Mask:
    return np.asarray(cv2.resize(labels, size_wh, interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def _labels(matte: Alpha) -> Mask:
    """Sure where the matte is sure and no edge is near, probable elsewhere."""
    side = max(1, round(min(matte.shape) / 50)) * 2 + 1
    kernel = np.ones((side, side), np.uint8)
    labels = np.where(matte >= 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[cv2.erode((matte > 0.95).astype(np.uint8), kernel) == 1] = cv2.GC_FGD
    labels[cv2.erode((matte < 0.05).astype(np.uint8), kernel) == 1] = cv2.GC_BGD
    return labels
