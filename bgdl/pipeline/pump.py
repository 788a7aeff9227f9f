"""Three stages that work at the same time, joined by bounded queues; the first error ends them all."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")

_NAP_S = 0.5  # longest wait before a stage looks whether it was stopped; Ctrl-C needs it on Windows


@dataclass(frozen=True)
class StageTimes:
    """Seconds that each stage worked, waiting for its neighbours not counted, and the wall clock of the whole."""

    decode: float
    matte: float
    encode: float
    wall: float

    @property
    def slowest(self) -> str:
        return max(("decode", "matte", "encode"), key=lambda name: float(getattr(self, name)))


class _Stopped(Exception):
    """Another stage ended the run."""


class Lane(Generic[T]):
    """A bounded queue between two stages; counts the seconds that each side waited."""

    def __init__(self, depth: int) -> None:
        self._items: deque[T] = deque()
        self._depth = depth
        self._changed = threading.Condition()
        self._closed = self._aborted = False
        self.put_wait_s = self.get_wait_s = 0.0

    def put(self, item: T) -> None:
        with self._changed:
            began = time.perf_counter()
            while len(self._items) >= self._depth and not self._aborted:
                self._changed.wait(_NAP_S)
            self.put_wait_s += time.perf_counter() - began
            if self._aborted:
                raise _Stopped
            self._items.append(item)
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                began = time.perf_counter()
                while not self._items and not self._closed and not self._aborted:
                    self._changed.wait(_NAP_S)
                self.get_wait_s += time.perf_counter() - began
                if self._aborted:
                    raise _Stopped
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item

    def close(self) -> None:
        """No more items will come; those inside are still handed out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abort(self) -> None:
        """Both sides stop at once."""
        with self._changed:
            self._aborted = True
            self._changed.notify_all()


class Pump(Generic[A, B]):
    """Runs source -> work -> sink: the source and the sink in threads, `work` in the calling one.

    source: yields items. work: an iterator of items in, an iterator of results out (it may hold some back).
    sink: takes one result. depth: items that wait in each queue.
    `run` raises the first error of any stage, after all have stopped. On KeyboardInterrupt what was worked on is
    still handed to the sink. `times` may be read at any moment.
    """

    def __init__(
        self,
        source: Iterable[A],
        work: Callable[[Iterator[A]], Iterator[B]],
        sink: Callable[[B], None],
        *,
        depth: int = 2,
    ) -> None:
        self._source, self._work, self._sink = source, work, sink
        self._raw: Lane[A] = Lane(depth)
        self._done: Lane[B] = Lane(depth)
        self._error: BaseException | None = None
        self._guard = threading.Lock()
        self._spent = {"decode": 0.0, "matte": 0.0, "encode": 0.0}
        self._began = time.perf_counter()

    @property
    def times(self) -> StageTimes:
        return StageTimes(**self._spent, wall=time.perf_counter() - self._began)

    def run(self) -> StageTimes:
        threads = [
            threading.Thread(target=self._stage, args=(stage,), name=f"bgdl-{name}", daemon=True)
            for name, stage in (("decode", self._decode), ("encode", self._encode))
        ]
        try:
            for thread in threads:
                thread.start()
            self._stage(self._matte)
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            self._raw.abort()
            self._done.close()
            for thread in threads:
                thread.join()
            raise
        if self._error is not None:
            raise self._error
        return self.times

    def _decode(self) -> None:
        items = iter(self._source)
        while True:
            began = time.perf_counter()
            try:
                item = next(items)
            except StopIteration:
                break
            finally:
                self._spent["decode"] += time.perf_counter() - began
            self._raw.put(item)
        self._raw.close()

    def _matte(self) -> None:
        results = self._work(iter(self._raw))
        while True:
            began, waited = time.perf_counter(), self._raw.get_wait_s
            try:
                result = next(results)
            except StopIteration:
                break
            finally:
                self._spent["matte"] += time.perf_counter() - began - (self._raw.get_wait_s - waited)
            self._done.put(result)
        self._done.close()
        self._raw.abort()  # where `work` ended before its source did

    def _encode(self) -> None:
        for result in self._done:
            began = time.perf_counter()
            self._sink(result)
            self._spent["encode"] += time.perf_counter() - began

    def _stage(self, stage: Callable[[], None]) -> None:
        """Run a stage; its error is kept if it is the first, and stops the others."""
        try:
            stage()
        except _Stopped:
            pass
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            with self._guard:
                self._error = self._error or error
            self._raw.abort()
            self._done.abort()
