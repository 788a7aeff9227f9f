"""The torch engine: a folded network on CPU, CUDA or MPS."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.backends import cudnn

from bgdl.choices import Precision
from bgdl.engines.engine import TRACING
from bgdl.errors import DeviceError
from bgdl.nets.centre import centre_channels
from bgdl.nets.u2net import U2Net, fold_batchnorm

DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
GPU_BATCH = 16


class TorchEngine:
    """Runs a U²-Net: float32 (N,3,H,W) on any device -> float32 (N,1,H,W) probability on `device`.

    On CUDA cuDNN looks for its fastest kernels, and fp32 is not rounded to TF32; both are settings of the whole
    process, which are put back after each run.
    compiled: through torch.compile, on CUDA with CUDA graphs; a minute to start, for each input size. It runs in one
    thread of its own, to which the graphs belong, since each clip comes with a new one.
    """

    name = "torch"

    def __init__(
        self, net: U2Net, device: torch.device, *, precision: Precision = "fp32", compiled: bool = False
    ) -> None:
        self.device = device
        self.precision: Precision = precision
        if precision not in DTYPES:
            raise DeviceError(f"the torch engine runs {', '.join(DTYPES)}, not {precision}; use the openvino engine")
        self.batch = 1 if device.type == "cpu" else GPU_BATCH
        self._dtype = DTYPES[self.precision]
        folded = fold_batchnorm(net) if self.precision == "fp32" else centre_channels(net)
        folded = folded.to(device, self._dtype)
        self._eager = folded.to(memory_format=torch.channels_last)
        self._net: nn.Module = self._eager
        if compiled:
            self._net = cast(nn.Module, torch.compile(self._eager, mode="reduce-overhead"))
        self._thread = ThreadPoolExecutor(1, "bgdl-compiled") if compiled else None
        self._seen: set[tuple[int, int]] = set()

    def run(self, x: Tensor) -> Tensor:
        return self._thread.submit(self._alone, x).result() if self._thread else self._alone(x)

    @torch.no_grad()
    def _alone(self, x: Tensor) -> Tensor:
        exact = self.precision == "fp32"
        with TRACING, _convolutions(exact=exact) if self.device.type == "cuda" else nullcontext():
            return self._run(x)

    def _run(self, x: Tensor) -> Tensor:
        x = x.to(self.device, self._dtype, memory_format=torch.channels_last)
        if self._net is not self._eager and (x.shape[-2], x.shape[-1]) not in self._seen:
            self._seen.add((x.shape[-2], x.shape[-1]))
            self._eager(x)  # what depends on the size is made before the compiler looks
        return cast(Tensor, self._net(x)).to(torch.float32, copy=True)  # a CUDA graph reuses its output


@contextmanager
def _convolutions(*, exact: bool) -> Iterator[None]:
    """The fastest that cuDNN has; exact: without TF32, which torch allows it unless told otherwise."""
    settings: list[tuple[Any, str, Any]] = [(cudnn, "benchmark", True)]
    if exact:  # torch 2.9 renamed the setting, and refuses to mix both names
        conv = getattr(cudnn, "conv", None)
        settings.append((conv, "fp32_precision", "ieee") if conv else (cudnn, "allow_tf32", False))
    before = [getattr(owner, name) for owner, name, _ in settings]
    try:
        for owner, name, value in settings:
            setattr(owner, name, value)
        yield
    finally:
        for (owner, name, _), value in zip(settings, before, strict=True):
            setattr(owner, name, value)
