"""The ONNX Runtime engine: its CPU, CUDA, TensorRT, CoreML and DirectML providers, and rembg's foreign files."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from torch import Tensor

from bgdl.choices import Precision
from bgdl.device import thread_count
from bgdl.engines.network import Network, check_output, refuse_size
from bgdl.engines.recent import Recent
from bgdl.errors import DeviceError, MissingExtra

Provider = Literal["cpu", "cuda", "tensorrt", "coreml", "directml"]
PROVIDERS: dict[Provider, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}


class OnnxEngine:
    """Runs a network: float32 (N,3,H,W) -> float32 (N,1,H,W) probability on the CPU, one picture after another.

    The graph is of one picture: batches gain nothing on a CPU and cost memory. provider: of PROVIDERS; by default
    the one that fits `device`. Raises DeviceError for a provider that the installed onnxruntime does not have or, from
    `run`, that does not start: the CPU does not take its place unasked.
    """

    name = "onnx"
    batch = 1

    def __init__(
        self,
        network: Network,
        device: torch.device,
        *,
        precision: Precision = "fp32",
        provider: Provider | None = None,
    ) -> None:
        if precision != "fp32":
            raise DeviceError(f"the onnx engine runs fp32, not {precision}; use the openvino or torch engine")
        self.precision: Precision = precision
        self.device = torch.device("cpu")  # tensors go in and come out there, wherever the provider runs
        self.provider = provider or default_provider(device)
        if reason := why_not(self.provider):
            raise DeviceError(reason)
        self._provider_options = _provider_options(self.provider, device)
        self._network = network
        self._sessions: Recent[tuple[int, int], Any] = Recent()
        self._opening = threading.Lock()  # sessions themselves run for several threads at a time

    @torch.no_grad()
    def run(self, x: Tensor) -> Tensor:
        session = self._session(x.shape[-2], x.shape[-1])
        entry, output = session.get_inputs()[0], session.get_outputs()[0]
        dtype = np.float16 if entry.type == "tensor(float16)" else np.float32
        pictures = np.ascontiguousarray(x.detach().cpu().float().numpy(), dtype)
        try:
            alphas = [session.run([output.name], {entry.name: picture[None]})[0] for picture in pictures]
        except Exception as error:  # ONNX Runtime's own have no other class in common
            raise RuntimeError(f"{error}") from error
        for alpha in alphas:
            check_output(self._network, alpha.shape, (x.shape[-2], x.shape[-1]))
        return torch.from_numpy(np.concatenate(alphas)).float()

    def _session(self, height: int, width: int) -> Any:
        with self._opening:
            return self._sessions.get((height, width), self._open)

    def _open(self, size_hw: tuple[int, int]) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = thread_count()
        options.log_severity_level = 3  # errors only
        graph = self._network.graph(size_hw)
        source = str(graph) if isinstance(graph, Path) else graph
        name = PROVIDERS[self.provider]
        session = onnxruntime.InferenceSession(source, options, providers=[(name, self._provider_options)])
        if name not in session.get_providers():
            raise DeviceError(
                f"onnxruntime's provider {self.provider!r} does not start here; install the CUDA and cuDNN that it "
                "was built for, or use --device cpu"
            )
        fixed = [side for side in session.get_inputs()[0].shape[2:] if isinstance(side, int)]
        if fixed and fixed != list(size_hw):
            raise refuse_size(self._network, size_hw)
        return session


def default_provider(device: torch.device) -> Provider:
    """The provider that runs on `device`."""
    names: dict[str, Provider] = {"cuda": "cuda", "mps": "coreml"}
    return names.get(device.type, "cpu")


def _provider_options(provider: Provider, device: torch.device) -> dict[str, int]:
    """Which of several GPUs; and float32 that is not rounded to TF32, as CUDA's would be."""
    number = {"device_id": device.index or 0} if provider in ("cuda", "tensorrt") else {}
    return {**number, "use_tf32": 0} if provider == "cuda" else number


def why_not(provider: str) -> str | None:
    """Why the installed onnxruntime does not run on a provider, or None where it has it."""
    if provider not in get_args(Provider):
        return f"unknown provider {provider!r}; use {', '.join(PROVIDERS)}"
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra("the onnx engine", "onnx") from error
    there = onnxruntime.get_available_providers()
    if PROVIDERS[cast(Provider, provider)] in there:
        return None
    here = ", ".join(name for name, full in PROVIDERS.items() if full in there)
    return f"the installed onnxruntime has no provider {provider!r}; it has {here}"
