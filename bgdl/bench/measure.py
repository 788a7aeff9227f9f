"""Engines × precisions × batches on this machine: equal first, then timed in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bgdl.bench.pictures import Pictures
from bgdl.bench.worker import Task, Worker
from bgdl.errors import BgdlError
from bgdl.preprocess import InputSpec

SAME = 1e-3
"""Largest difference between two fp32 engines that counts as equal."""
PAUSE_S = 0.05  # lets the threads of one worker fall asleep before the next is timed


@dataclass(frozen=True)
class Row:
    """One line of the table; seconds and MiB; None where it was not measured."""

    engine: str
    precision: str
    batch: int
    pictures_s: float
    spread: float
    p50_s: float
    p95_s: float
    first_s: float
    memory_mb: float | None
    miou: float | None
    largest_difference: float


@dataclass(frozen=True)
class Result:
    """rows: what was measured. left_out: for each task that could not be, why."""

    rows: list[Row]
    left_out: dict[str, str]

    def cost(self) -> dict[str, float]:
        """mIoU lost against fp32, by precision (the worst of its engines), where the pictures have masks."""
        known = {(row.engine, row.precision): row.miou for row in self.rows if row.miou is not None}
        exact = [miou for (_, precision), miou in known.items() if precision == "fp32"]
        lost: dict[str, float] = {}
        for (_, precision), miou in known.items():
            if exact and precision != "fp32":
                lost[precision] = max(lost.get(precision, -1.0), exact[0] - miou)
        return lost


@dataclass
class _Entry:
    worker: Worker
    first_s: float
    alphas: NDArray[np.float32]


def measure(
    tasks: Sequence[Task],
    pictures: Pictures,
    spec: InputSpec,
    *,
    batches: Sequence[int] = (1,),
    repeats: int = 10,
    say: Callable[[str], None] = lambda _: None,
) -> Result:
    """Run every task on the pictures; the first fp32 task is what the others are compared with.

    Each repeat runs every task once for every batch, so that whatever else the machine does falls on all alike.
    Memory is that of the whole run of a task. A task that fails, or an fp32 engine whose alphas differ, is left out.
    """
    left_out: dict[str, str] = {}
    with ExitStack() as stack:
        entries = [entry for task in tasks if (entry := _open(task, pictures, stack, left_out, say))]
        exact = next((entry for entry in entries if entry.worker.task.precision == "fp32"), None)
        if exact is None:
            raise BgdlError("; ".join(["no fp32 engine to compare with", *left_out.values()]))
        entries = [entry for entry in entries if _equal(entry, exact, left_out)]
        seconds = _time(entries, batches, repeats, say)
        rows = [_row(entry, exact, batch, seconds[index, :, column], pictures, spec)
                for index, entry in enumerate(entries) for column, batch in enumerate(batches)]  # fmt: skip
    return Result(rows, left_out)


def _open(
    task: Task, pictures: Pictures, stack: ExitStack, left_out: dict[str, str], say: Callable[[str], None]
) -> _Entry | None:
    say(f"{task.label}: starting")
    worker = Worker(task)
    stack.callback(worker.close)
    try:
        return _Entry(worker, worker.open(pictures.planes), worker.alphas())
    except BgdlError as error:
        left_out[task.label] = str(error)
        return None


def _equal(entry: _Entry, exact: _Entry, left_out: dict[str, str]) -> bool:
    task, difference = entry.worker.task, float(np.abs(entry.alphas - exact.alphas).max())
    if task.precision != "fp32" or difference <= SAME:
        return True
    left_out[task.label] = f"{task.label}: its alphas differ by up to {difference:.3f} from {exact.worker.task.label}"
    return False


def _time(
    entries: Sequence[_Entry], batches: Sequence[int], repeats: int, say: Callable[[str], None]
) -> NDArray[np.float64]:
    """Seconds of one run, (entries, repeats, batches); a first round of each is not counted."""
    seconds = np.zeros((len(entries), repeats + 1, len(batches)))
    for repeat in range(repeats + 1):
        say(f"round {repeat} of {repeats}" if repeat else "warming up")
        for index, entry in enumerate(entries):
            for column, batch in enumerate(batches):
                time.sleep(PAUSE_S)
                seconds[index, repeat, column] = entry.worker.time(batch)
    return seconds[:, 1:]


def _row(
    entry: _Entry, exact: _Entry, batch: int, seconds: NDArray[np.float64], pictures: Pictures, spec: InputSpec
) -> Row:
    low, median, high = np.percentile(batch / seconds, [25, 50, 75])
    task = entry.worker.task
    return Row(
        engine=task.label.replace(f" {task.precision}", ""),
        precision=task.precision,
        batch=batch,
        pictures_s=float(median),
        spread=float(high - low),
        p50_s=float(np.median(seconds)),
        p95_s=float(np.percentile(seconds, 95)),
        first_s=entry.first_s,
        memory_mb=entry.worker.memory_mb(),
        miou=pictures.miou(entry.alphas, spec),
        largest_difference=float(np.abs(entry.alphas - exact.alphas).max()),
    )


def tasks_for(base: Task, candidates: Sequence[tuple[Any, Any]], *, compiled: bool) -> list[Task]:
    """A task for each engine and precision, and for each of torch's one through torch.compile if wanted."""
    tasks = [replace(base, engine=engine, precision=precision) for engine, precision in candidates]
    of_torch = [task for task in tasks if compiled and task.engine == "torch"]
    return [*tasks, *(replace(task, options={"compiled": True}) for task in of_torch)]
