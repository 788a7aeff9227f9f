"""Four stages that work at the same time, joined by bounded queues; the first error ends them all."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass
from typing import Any, Generic, TypeVar

from bgdl.media.interrupt import ctrl_c_after

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
T = TypeVar("T")
R = TypeVar("R")

STAGES = ("decode", "matte", "look", "encode")
_NAP_S = 0.5  # longest wait before a stage looks whether it was stopped; Ctrl-C needs it on Windows
_BLINK_S = 0.005  # how often is looked whether the stages have ended
_PATIENCE_S = 2.0  # Ctrl-C waits so long for the source, which may itself wait for a network


@dataclass(frozen=True)
class StageTimes:
    """Seconds that each stage worked, waiting for its neighbours not counted, and the wall clock of the whole."""

    decode: float
    matte: float
    look: float
    encode: float
    wall: float

    @property
    def slowest(self) -> str:
        return max(STAGES, key=lambda name: float(getattr(self, name)))

    def __add__(self, other: StageTimes) -> StageTimes:
        return StageTimes(*map(sum, zip(astuple(self), astuple(other), strict=True)))


class _Stopped(Exception):
    """Another stage ended the run."""


class Lane(Generic[T]):
    """A bounded queue between two stages; counts the seconds that its taker waited."""

    def __init__(self, depth: int) -> None:
        self._items: deque[T] = deque()
        self._depth = depth
        self._changed = threading.Condition()
        self._closed = self._aborted = False
        self.get_wait_s = 0.0

    def put(self, item: T) -> None:
        with self._changed:
            while len(self._items) >= self._depth and not self._aborted:
                self._changed.wait(_NAP_S)
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


class Pump(Generic[A, B, C]):
    """Runs source -> matte -> look -> sink: `look` in the calling thread, the others in threads of their own.

    source: yields items. matte, look: an iterator of items in, an iterator of results out (it may hold some back).
    sink: takes one result. depth: items that wait in each queue.
    `run` raises the first error of any stage, after all have stopped. On KeyboardInterrupt what has its look is
    still handed to the sink, after another one only what the sink has begun with; it never works on after `run`. A
    source that gives nothing is left behind. `times` may be read at any moment.
    """

    def __init__(
        self,
        source: Iterable[A],
        matte: Callable[[Iterator[A]], Iterator[B]],
        look: Callable[[Iterator[B]], Iterator[C]],
        sink: Callable[[C], None],
        *,
        depth: int = 2,
    ) -> None:
        self._source, self._matte, self._look, self._sink = source, matte, look, sink
        self._raw: Lane[A] = Lane(depth)
        self._matted: Lane[B] = Lane(depth)
        self._done: Lane[C] = Lane(depth)
        self._error: BaseException | None = None
        self._guard = threading.Lock()
        self._ended: set[str] = set()
        self._spent = dict.fromkeys(STAGES, 0.0)
        self._began = time.perf_counter()

    @property
    def times(self) -> StageTimes:
        return StageTimes(**self._spent, wall=time.perf_counter() - self._began)

    def run(self) -> StageTimes:
        stages: dict[str, Callable[[], None]] = {
            "decode": lambda: self._give("decode", iter(self._source), self._raw),
            "matte": lambda: self._through("matte", self._matte, self._raw, self._matted),
            "encode": self._encode,
        }
        threads = [
            threading.Thread(target=self._guarded, args=(name, stage), name=f"bgdl-{name}", daemon=True)
            for name, stage in stages.items()
        ]
        try:
            with ctrl_c_after():
                for thread in threads:
                    thread.start()
            self._guarded("look", lambda: self._through("look", self._look, self._matted, self._done))
            self._wait(*stages)
        except KeyboardInterrupt:
            self._wind_down()
            raise
        if self._error is not None:
            raise self._error
        return self.times

    def _wind_down(self) -> None:
        with ctrl_c_after(self._done.abort):
            self._raw.abort()
            self._matted.abort()
            self._done.close()
            self._wait("decode", patience_s=_PATIENCE_S)
            self._wait("matte", "encode")

    def _wait(self, *stages: str, patience_s: float = math.inf) -> None:
        """Until they have ended; not by `Thread.join`, which takes a thread for ended once Ctrl-C came inside."""
        until_s = time.monotonic() + patience_s
        while not self._ended.issuperset(stages) and time.monotonic() < until_s:
            time.sleep(_BLINK_S)

    def _give(self, stage: str, items: Iterator[T], outward: Lane[T], inward: Lane[Any] | None = None) -> None:
        """Put all items into a lane; the time that they took is `stage`'s, but for what it waited at `inward`."""
        while True:
            began, waited = time.perf_counter(), inward.get_wait_s if inward else 0.0
            try:
                item = next(items)
            except StopIteration:
                break
            finally:
                waited = (inward.get_wait_s if inward else 0.0) - waited
                self._spent[stage] += time.perf_counter() - began - waited
            outward.put(item)
        outward.close()

    def _through(
        self, stage: str, work: Callable[[Iterator[T]], Iterator[R]], inward: Lane[T], outward: Lane[R]
    ) -> None:
        try:
            self._give(stage, work(iter(inward)), outward, inward)
        finally:
            inward.abort()  # whoever fills it may stop, also where `work` ended before its items did

    def _encode(self) -> None:
        for result in self._done:
            began = time.perf_counter()
            self._sink(result)
            self._spent["encode"] += time.perf_counter() - began

    def _guarded(self, name: str, stage: Callable[[], None]) -> None:
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
            for lane in (self._raw, self._matted, self._done):
                lane.abort()
        finally:
            self._ended.add(name)
