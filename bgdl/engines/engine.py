"""What every engine is."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from bgdl.types import Precision


class Engine(Protocol):
    """Runs a network: float32 (N,3,H,W) -> float32 (N,1,H,W) probability on `device`.

    batch: pictures that it runs best with at a time.
    """

    name: str
    precision: Precision
    device: torch.device
    batch: int

    def run(self, x: Tensor) -> Tensor: ...
