"""What the bench runs on: given pictures with their masks, or drawn ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bgdl import convert, preprocess
from bgdl.data.pairs import find_pairs, read_pair
from bgdl.media import image
from bgdl.metrics.segmentation import iou
from bgdl.preprocess import InputSpec

DRAWN = 4
"""Pictures that are drawn where none are given."""


@dataclass(frozen=True)
class Pictures:
    """planes: float32 (P,3,H,W), as the network takes them. truths: uint8 (H,W) masks, None where there is none."""

    planes: NDArray[np.float32]
    truths: list[NDArray[np.uint8] | None]

    def miou(self, alphas: NDArray[np.float32], spec: InputSpec) -> float | None:
        """Mean IoU of probabilities (P,1,H,W), brought to full size and cut at 0.5, over the pictures with a mask."""
        scores = [
            _iou(alpha, truth, spec) for alpha, truth in zip(alphas, self.truths, strict=True) if truth is not None
        ]
        return float(np.mean(scores)) if scores else None


def read(folder: Path, spec: InputSpec, *, count: int | None = None) -> Pictures:
    """The first `count` pictures of a folder in any layout that `bgdl train` takes; all as squares of `spec`."""
    planes, truths = [], []
    for pair in find_pairs(folder)[:count]:
        picture = image.read(pair.image)
        planes.append(preprocess.prepare(picture.frames, spec).numpy())
        masked = pair.mask is not None or picture.alpha is not None
        truths.append(read_pair(pair)[1] if masked else None)
    return Pictures(np.concatenate(planes), truths)


def draw(spec: InputSpec) -> Pictures:
    """A bright ellipse before a dark gradient with grain, drawn the same each time."""
    generator = torch.Generator().manual_seed(0)
    frames = torch.stack([_ellipse(spec.size, index, generator) for index in range(DRAWN)])
    return Pictures(preprocess.prepare(frames, spec).numpy(), [None] * DRAWN)


def _ellipse(size: int, index: int, generator: torch.Generator) -> Tensor:
    y, x = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    inside = (x * (1.5 + 0.2 * index)) ** 2 + (y * 1.2) ** 2 < 0.6
    grain = torch.rand(size, size, 3, generator=generator) * 0.1
    grey = torch.where(inside, 0.7 - 0.2 * x, 0.2 + 0.1 * y)[..., None]
    return convert.to_bytes(grey + grain)


def _iou(alpha: NDArray[np.float32], truth: NDArray[np.uint8], spec: InputSpec) -> Tensor:
    height, width = truth.shape
    full = preprocess.restore(torch.from_numpy(alpha[None]), (height, width), spec)
    return iou(full[0, ..., 0], convert.to_unit(torch.from_numpy(truth)))
