"""U²-Net as a Matter: any weights, any engine."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from bgdl import preprocess
from bgdl.device import upload
from bgdl.engines.engine import Engine
from bgdl.errors import InputError
from bgdl.matters import checks
from bgdl.preprocess import InputSpec


class U2NetMatter:
    """Alpha from a U²-Net, each frame on its own.

    batch: frames in one run of the network, by default what the engine runs best with. Out of GPU memory, it is
    halved with a warning and the work goes on.
    """

    stateful = False

    def __init__(self, engine: Engine, spec: InputSpec, *, name: str = "u2net", batch: int | None = None) -> None:
        self.name = name
        self.engine = engine
        self.spec = spec
        self.device = engine.device
        if batch is not None and (not isinstance(batch, int) or batch < 1):
            raise InputError(f"batch is {batch!r}; it must be a whole number of frames, 1 or more")
        self.batch = batch or engine.batch

    @torch.inference_mode()
    def alpha(self, frames: Tensor) -> Tensor:
        """uint8 (N,H,W,3) RGB -> float32 (N,H,W,1) in [0,1], on `self.device`; InputError for anything else."""
        frames = upload(checks.frames(frames), self.device)
        parts, start = [], 0
        while start < len(frames):
            try:
                parts.append(self._part(frames[start : start + self.batch]))
            except torch.OutOfMemoryError:
                self._halve_batch()
                continue
            start += len(parts[-1])
        return torch.cat(parts) if parts else frames.new_zeros((*frames.shape[:3], 1), dtype=torch.float32)

    def reset(self) -> None:
        """Nothing to forget."""

    def _part(self, frames: Tensor) -> Tensor:
        height, width = frames.shape[1:3]
        probability = self.engine.run(preprocess.prepare(frames, self.spec))
        return preprocess.restore(probability, (height, width), self.spec)

    def _halve_batch(self) -> None:
        if self.batch == 1:
            raise torch.OutOfMemoryError(
                f"one {self.spec.size} px picture does not fit into the memory of {self.device}; use --device cpu"
            )
        self.batch //= 2
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        warnings.warn(f"out of memory on {self.device}: going on with batches of {self.batch}", stacklevel=4)
