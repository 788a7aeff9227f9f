"""What every engine is."""

from __future__ import annotations

import threading
from typing import Protocol

import torch
from torch import Tensor

from bgdl.choices import Precision

TRACING = threading.Lock()
"""Held where torch.fx traces, which changes torch itself meanwhile, and where torch runs a network."""


class Engine(Protocol):
    """Runs a network: float32 (N,3,H,W) -> float32 (N,1,H,W) probability on `device`.

    batch: pictures that it runs best with at a time.
    """

    name: str
    precision: Precision
    device: torch.device
    batch: int

    def run(self, x: Tensor) -> Tensor: ...
