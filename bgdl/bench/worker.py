"""One engine in a process of its own, so that its memory is its own, answering the bench's requests."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bgdl.choices import EngineName, Precision
from bgdl.device import peak_device_mb, peak_memory_mb, set_threads
from bgdl.engines import choose, network
from bgdl.engines.choose import Choice
from bgdl.engines.engine import Engine
from bgdl.errors import BgdlError

Planes = NDArray[np.float32]


@dataclass(frozen=True)
class Task:
    """What a worker runs. options: of `choose.start`."""

    path: Path
    engine: EngineName
    precision: Precision
    device: str
    threads: int | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return " ".join([self.engine, self.precision, *(name for name, value in self.options.items() if value is True)])


class Worker:
    """The parent's end of a worker; every call waits for its answer.

    Raises BgdlError with the worker's own words where it fails.
    """

    def __init__(self, task: Task) -> None:
        context = multiprocessing.get_context("spawn")
        self.task = task
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, task), daemon=True)
        self._process.start()
        theirs.close()

    def open(self, pictures: Planes) -> float:
        """Seconds from nothing but imports to the first alpha; the pictures, (P,3,H,W), are kept for `time`."""
        return float(self._ask("open", pictures))

    def alphas(self) -> Planes:
        """float32 (P,1,H,W): each picture run alone."""
        answer: Planes = self._ask("alphas", None)
        return answer

    def time(self, batch: int) -> float:
        """Seconds of one run of `batch` pictures, its alphas back in main memory."""
        return float(self._ask("time", batch))

    def memory_mb(self) -> float | None:
        """The most memory that the process has held, on CUDA the GPU's; None where the system does not say."""
        answer: float | None = self._ask("memory", None)
        return answer

    def close(self) -> None:
        self._pipe.close()
        self._process.join(timeout=10)
        if self._process.is_alive():
            self._process.kill()

    def _ask(self, request: str, value: Any) -> Any:
        try:
            self._pipe.send((request, value))
            done, answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise BgdlError(f"{self.task.label}: its process ended (out of memory?)") from error
        if not done:
            raise BgdlError(f"{self.task.label}: {answer}")
        return answer


def serve(pipe: Connection, task: Task) -> None:
    """The worker's own loop: answers until the pipe closes."""
    set_threads(task.threads)
    bench = _Bench(task)
    answers: dict[str, Callable[[Any], Any]] = {
        "open": bench.open,
        "alphas": bench.alphas,
        "time": bench.time,
        "memory": lambda _: peak_device_mb(torch.device(task.device)) or peak_memory_mb(),
    }
    while True:
        try:
            request, value = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            pipe.send((True, answers[request](value)))
        except Exception as error:  # told to the parent, which goes on without this worker
            pipe.send((False, f"{type(error).__name__}: {error}"))


class _Bench:
    def __init__(self, task: Task) -> None:
        self.task = task
        self.pictures: Tensor
        self.engine: Engine

    def open(self, pictures: Planes) -> float:
        self.pictures = torch.from_numpy(pictures).contiguous(memory_format=torch.channels_last)
        start = time.perf_counter()
        task, net = self.task, network.read(self.task.path)
        choice = Choice(task.engine, task.precision, "to be measured")
        self.engine = choose.start(net, choice, torch.device(task.device), **task.options)
        self.engine.run(self.pictures[:1]).cpu()
        return time.perf_counter() - start

    def alphas(self, _: None) -> Planes:
        parts = [self.engine.run(picture[None]).cpu() for picture in self.pictures]
        answer: Planes = torch.cat(parts).numpy()
        return answer

    def time(self, batch: int) -> float:
        pictures = self.pictures.repeat(-(-batch // len(self.pictures)), 1, 1, 1)[:batch]
        start = time.perf_counter()
        self.engine.run(pictures).cpu()
        return time.perf_counter() - start
