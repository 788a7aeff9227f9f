"""A textured wall with a subject before it and a shadow beside it, for the tests of the classical methods."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

H, W = 60, 80
SUBJECT = slice(15, 50), slice(30, 50)


def wall(seed: int = 0, level: int = 150) -> Tensor:
    """One frame of a textured wall, uint8 (1,H,W,3)."""
    base = np.random.default_rng(1).normal(level, 12, (H // 6, W // 8, 3)).repeat(6, 0).repeat(8, 1)
    noise = np.random.default_rng(seed).normal(0, 1.5, (H, W, 3))
    return torch.from_numpy(np.clip(base + noise, 0, 255).astype(np.uint8))[None]


def with_subject(seed: int = 9) -> Tensor:
    frame = wall(seed)
    frame[0, SUBJECT[0], SUBJECT[1]] = torch.tensor([30, 70, 200], dtype=torch.uint8)
    return frame


def with_shadow() -> Tensor:
    frame = with_subject().float()
    frame[0, 40:56, 52:76] *= 0.7
    return frame.to(torch.uint8)


def iou(alpha: Tensor) -> float:
    truth = torch.zeros(H, W, dtype=torch.bool)
    truth[SUBJECT] = True
    found = alpha[0, ..., 0] > 0.5
    return float((found & truth).sum() / (found | truth).sum())
