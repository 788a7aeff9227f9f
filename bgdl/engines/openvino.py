"""The OpenVINO engine: Intel, AMD and ARM processors, and Intel's graphics through `target`."""

from __future__ import annotations

import functools
import hashlib
import threading
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bgdl.choices import Precision
from bgdl.device import thread_count
from bgdl.engines import cache
from bgdl.engines.int8 import no_ranges, quantize
from bgdl.engines.network import Network, check_output, refuse_size
from bgdl.engines.openvino_package import load_openvino
from bgdl.engines.recent import Recent
from bgdl.errors import DeviceError, WeightsError

HINTS: dict[Precision, str] = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
"""By precision; int8 runs what it does not round in the best of them that the processor has."""

NEEDED_BY = "the openvino engine"
LAYOUT = 4
"""Counts changes of the graphs that are compiled, so that no older one is taken from the disk."""


class OpenVINOEngine:
    """Runs a network: float32 (N,3,H,W) -> float32 (N,1,H,W) probability on the CPU.

    One picture runs on all threads (least latency). More at once go through an asynchronous queue with a stream
    for each thread (most pictures a second). A network is compiled once for each input size and then kept on disk.
    Callers in several threads take turns: a run has all processors anyway.
    target: OpenVINO's own device name, "CPU", "GPU" (integrated graphics) or "AUTO".
    Raises DeviceError for a target or precision that is not there.
    """

    name = "openvino"
    device = torch.device("cpu")

    def __init__(self, network: Network, *, precision: Precision = "fp32", target: str = "CPU") -> None:
        self.precision = precision
        self.batch = thread_count()
        self._network = network
        self._target = target
        self._core = _core()
        _check_target(self._core, target, precision)
        self._hint = HINTS.get(precision) or _rest(self._core, target)
        self._compiled: Recent[tuple[int, int, bool], Any] = Recent()
        self._turn = threading.Lock()  # requests, queues and their callbacks serve one caller at a time
        self._calibration = network.calibration if precision == "int8" else None
        if precision == "int8" and self._calibration is None:
            raise WeightsError(no_ranges(network))

    @torch.no_grad()
    def run(self, x: Tensor) -> Tensor:
        pictures = np.ascontiguousarray(x.detach().cpu().float().numpy())
        with self._turn:
            return torch.from_numpy(self._run_one(pictures) if len(pictures) == 1 else self._run_queued(pictures))

    def _run_one(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        height, width = picture.shape[-2:]
        request = self._compiled.get((height, width, False), self._runner)
        request.infer({0: picture}, share_inputs=True)
        return np.array(request.get_output_tensor(0).data)

    def _run_queued(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        height, width = pictures.shape[-2:]
        queue = self._compiled.get((height, width, True), self._runner)
        alphas = np.empty((len(pictures), 1, *pictures.shape[-2:]), np.float32)

        def keep(request: Any, index: int) -> None:
            alphas[index] = request.get_output_tensor(0).data[0]

        queue.set_callback(keep)
        for index in range(len(pictures)):
            queue.start_async({0: pictures[index : index + 1]}, index, share_inputs=True)
        queue.wait_all()
        return alphas

    def _runner(self, size: tuple[int, int, bool]) -> Any:
        """A request (one picture at a time) or a queue of requests for one input size."""
        height, width, queued = size
        compiled = self._compile((height, width), queued)
        check_output(self._network, tuple(compiled.output(0).shape), (height, width))
        return load_openvino(NEEDED_BY).AsyncInferQueue(compiled) if queued else compiled.create_infer_request()

    def _compile(self, size_hw: tuple[int, int], queued: bool) -> Any:
        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": self._hint,
            "PERFORMANCE_HINT": "THROUGHPUT" if queued else "LATENCY",
        }
        if self._target == "CPU":
            options["INFERENCE_NUM_THREADS"] = thread_count()
        name = self._file_name(size_hw, options)
        stored = cache.load(name)
        if stored is not None:
            try:
                return self._core.import_model(stored, self._target, options)
            except RuntimeError:
                pass  # of another version or damaged: compiled anew and replaced below
        compiled = self._core.compile_model(self._read(size_hw), self._target, options)
        if self._target != "AUTO":  # which cannot be exported: it may go over to another device
            cache.store(name, compiled.export_model().getvalue())
        return compiled

    def _read(self, size_hw: tuple[int, int]) -> Any:
        kept = self._calibration.kept if self._calibration else None
        graph = self._network.graph(size_hw, exact=self.precision == "fp32", kept=kept)
        model = self._core.read_model(graph)
        try:
            if self._network.weights is None:
                model.reshape([1, 3, *size_hw])
        except RuntimeError as error:
            raise refuse_size(self._network, size_hw) from error
        if self._calibration:
            quantize(model, self._calibration.ranges)
        return model

    def _file_name(self, size_hw: tuple[int, int], options: dict[str, Any]) -> str:
        """Names everything that the compiled network depends on."""
        machine = self._core.get_property(self._target, "FULL_DEVICE_NAME")
        software = (LAYOUT, load_openvino(NEEDED_BY).__version__, machine)
        network = (self._network.key, self.precision, self._calibration)
        facts = repr((software, network, size_hw, sorted(options.items())))
        return f"openvino-{hashlib.sha256(facts.encode()).hexdigest()[:24]}.blob"


@functools.cache
def _core() -> Any:
    """One for the process: where several end out of order, OpenVINO frees the stack that a thread hears signals on."""
    core = load_openvino(NEEDED_BY).Core()
    core.set_property({"ENABLE_MMAP": False})  # on Windows a mapped file can be neither replaced nor deleted
    return core


def _rest(core: Any, target: str) -> str:
    able = core.get_property(target if target != "AUTO" else "CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if "BF16" in able else "f32"


def _check_target(core: Any, target: str, precision: Precision) -> None:
    there = core.available_devices  # of several graphics processors GPU.0, GPU.1; GPU is the first
    if target != "AUTO" and target not in there and f"{target}.0" not in there:
        raise DeviceError(f"OpenVINO has no device {target!r} here; it has {', '.join(there)}, and AUTO picks the best")
    able = core.get_property(target if target != "AUTO" else "CPU", "OPTIMIZATION_CAPABILITIES")
    needs = {"bf16": "BF16", "fp16": "FP16"}.get(precision)
    if needs and needs not in able:
        raise DeviceError(f"this processor has no {precision} arithmetic for OpenVINO (it has {', '.join(able)})")
