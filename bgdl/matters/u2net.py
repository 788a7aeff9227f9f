"""U²-Net as a Matter: any weights, any engine."""

from __future__ import annotations

import warnings
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from bgdl import checks, preprocess
from bgdl.device import is_out_of_memory, upload
from bgdl.engines.engine import Engine
from bgdl.errors import DeviceError
from bgdl.preprocess import InputSpec


class U2NetMatter:
    """Alpha from a U²-Net, each frame on its own.

    batch: frames in one run of the network, by default what the engine runs best with. Out of memory, it is
    halved with a warning and the work goes on; DeviceError where one frame does not fit.
    tta: test-time augmentation, which takes twice as long. The probability is the mean of that of the frame as `spec`
    shapes it and of that of its mirror image in another shape: its own aspect ("area"), or a square beside a rectangle.
    """

    stateful = False

    def __init__(
        self, engine: Engine, spec: InputSpec, *, name: str = "u2net", batch: int | None = None, tta: bool = False
    ) -> None:
        self.name = name
        self.engine = engine
        self.spec = spec
        self.device = engine.device
        self.batch = engine.batch if batch is None else checks.count("batch", batch, at_least=1)
        self.tta = checks.switch("tta", tta)

    @torch.no_grad()
    def alpha(self, frames: Tensor) -> Tensor:
        """uint8 (N,H,W,3) RGB -> float32 (N,H,W,1) in [0,1], on `self.device`; InputError for anything else."""
        frames = upload(checks.frames(frames), self.device)
        parts, start = [], 0
        while start < len(frames):
            part = self._part(frames[start:], self.batch)
            if part is not None:
                parts.append(part)
                start += len(part)
        return torch.cat(parts) if parts else frames.new_zeros((*frames.shape[:3], 1), dtype=torch.float32)

    def reset(self) -> None:
        """Nothing to forget."""

    def _probability(self, frames: Tensor) -> Tensor:
        """uint8 (N,H,W,3) -> float (N,1,S,S)."""
        probability = self.engine.run(preprocess.prepare(frames, self.spec))
        if not self.tta:
            return probability
        other = replace(self.spec, shape="area" if self.spec.shape == "square" else "square")
        mirrored = self.engine.run(preprocess.prepare(frames.flip(2), other)).flip(3)
        return (probability + F.interpolate(mirrored, probability.shape[2:], mode="bilinear", align_corners=False)) / 2

    def _part(self, frames: Tensor, batch: int) -> Tensor | None:
        """Mattes of the first `batch` frames; None where they did not fit into memory, for which it was halved.

        `self.batch` is asked for once: another thread may halve it meanwhile.
        """
        height, width = frames.shape[1:3]
        try:
            return preprocess.restore(self._probability(frames[:batch]), (height, width), self.spec)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if batch == 1:
                way_out = "" if self.device.type == "cpu" else ", or use --device cpu"
                raise DeviceError(
                    f"one {self.spec.size} px picture does not fit into the memory of {self.device}; end what else "
                    f"uses it or choose a smaller size{way_out}"
                ) from error
        self.batch = min(self.batch, batch // 2)  # out here, where the error no longer holds what did not fit
        (torch.mps if self.device.type == "mps" else torch.cuda).empty_cache()
        warnings.warn(f"out of memory on {self.device}: going on with batches of {self.batch}", stacklevel=4)
        return None
