"""The torch engine: a folded network on CPU, CUDA or MPS."""

from __future__ import annotations

import torch
from torch import Tensor

from bgdl.errors import DeviceError
from bgdl.nets.u2net import U2Net, fold_batchnorm
from bgdl.types import Precision

DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class TorchEngine:
    """Runs a U²-Net: float32 (N,3,S,S) on any device -> float32 (N,1,S,S) probability on `device`."""

    name = "torch"

    def __init__(
        self, net: U2Net, device: torch.device, *, precision: Precision = "auto", compiled: bool = False
    ) -> None:
        self.device = device
        self.precision = default_precision(device) if precision == "auto" else precision
        if self.precision not in DTYPES:
            raise DeviceError(f"the torch engine runs {', '.join(DTYPES)}, not {precision!r}")
        self._dtype = DTYPES[self.precision]
        net = fold_batchnorm(net).to(device, self._dtype, memory_format=torch.channels_last)
        self._net = torch.compile(net, mode="reduce-overhead") if compiled else net

    @torch.inference_mode()
    def run(self, x: Tensor) -> Tensor:
        return self._net(x.to(self.device, self._dtype)).float()


def default_precision(device: torch.device) -> Precision:
    """fp16 on CUDA; fp32 elsewhere."""
    return "fp16" if device.type == "cuda" else "fp32"
