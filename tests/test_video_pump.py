"""The pump: order, overlap, bounded queues, and the first error of any stage ends the run."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from bgdl.pipeline.video_pump import Pump


@pytest.fixture(autouse=True)
def _no_stage_stays() -> Iterator[None]:
    before = set(threading.enumerate())  # of other tests, too
    yield
    assert not [thread for thread in threading.enumerate() if thread not in before]


def same(items: Iterator[int]) -> Iterator[int]:
    yield from items


def counted(stop: int, seen: list[int]) -> Iterator[int]:
    for number in range(stop):
        seen.append(number)
        yield number


def test_order_is_kept_and_nothing_is_lost() -> None:
    out: list[int] = []
    Pump(range(200), same, same, out.append).run()
    assert out == list(range(200))


def test_work_may_hold_items_back_and_give_them_at_the_end() -> None:
    def late(items: Iterator[int]) -> Iterator[int]:
        yield from reversed(list(items))

    out: list[int] = []
    Pump(range(5), late, same, out.append).run()
    assert out == [4, 3, 2, 1, 0]


def test_queues_are_bounded() -> None:
    seen: list[int] = []
    ahead: list[int] = []

    def slow_sink(item: int) -> None:
        time.sleep(0.005)
        ahead.append(len(seen) - item)

    Pump(counted(60, seen), same, same, slow_sink, depth=2).run()
    assert max(ahead) <= 11  # three queues of two, and one item in the hands of each stage


def test_stages_overlap() -> None:
    """Each works on its own item while the others do: all four meet, once for each item that all have to come."""
    meeting, items = threading.Barrier(4, timeout=10), 15

    def met(stage: int, item: int) -> int:
        """Wait for the others, which are so many items ahead or behind as their stages are."""
        if 3 - stage <= item < items - stage:
            meeting.wait()
        return item

    def working(stage: int, given: Iterator[int]) -> Iterator[int]:
        return (met(stage, item) for item in given)

    source = working(0, iter(range(items)))
    Pump(source, partial(working, 1), partial(working, 2), partial(met, 3)).run()


@pytest.mark.parametrize("stage", ["decode", "matte", "look", "encode"])
def test_the_first_error_ends_the_run_and_is_what_comes_out(stage: str) -> None:
    def source() -> Iterator[int]:
        for item in range(10_000):
            if stage == "decode" and item == 20:
                raise ValueError("decode broke")
            yield item

    def breaks(name: str) -> Callable[[Iterator[int]], Iterator[int]]:
        def work(items: Iterator[int]) -> Iterator[int]:
            for item in items:
                if stage == name and item == 20:
                    raise ValueError(f"{name} broke")
                yield item

        return work

    def sink(item: int) -> None:
        if stage == "encode" and item == 20:
            raise ValueError("encode broke")

    with pytest.raises(ValueError, match=f"{stage} broke"):
        Pump(source(), breaks("matte"), breaks("look"), sink).run()


def test_ctrl_c_hands_what_was_done_to_the_sink() -> None:
    out: list[int] = []

    def work(items: Iterator[int]) -> Iterator[int]:
        for item in items:
            if item == 10:
                _thread.interrupt_main()
                time.sleep(0.01)
            yield item

    with pytest.raises(KeyboardInterrupt):
        Pump(range(10_000), same, work, out.append).run()
    assert out == list(range(len(out)))
    assert len(out) >= 8


def test_ctrl_c_does_not_lose_what_waits_for_the_sink() -> None:
    out: list[int] = []

    def until_three(items: Iterator[int]) -> Iterator[int]:
        for item in items:
            if item == 3:
                raise KeyboardInterrupt  # the look works in the thread that Ctrl-C ends
            yield item

    def busy(item: int) -> None:
        """With the first item until the run is told to end, while two more fill the queue."""
        while not (pump._done._closed or pump._done._aborted):
            time.sleep(0.001)
        out.append(item)

    pump = Pump(range(10_000), same, until_three, busy)
    with pytest.raises(KeyboardInterrupt):
        pump.run()
    assert out == [0, 1, 2]


def test_a_look_that_ends_early_ends_the_run() -> None:
    seen: list[int] = []
    out: list[int] = []

    def three(items: Iterator[int]) -> Iterator[int]:
        yield from (next(items) for _ in range(3))

    Pump(counted(10_000, seen), same, three, out.append).run()
    assert out == [0, 1, 2]
    assert len(seen) < 20


@pytest.mark.skipif(sys.platform == "win32", reason="signals to a thread")
@pytest.mark.parametrize(("presses", "written"), [(1, [0, 1]), (4, [0])])
def test_no_ctrl_c_leaves_the_sink_at_work(presses: int, written: list[int]) -> None:
    out: list[int] = []

    def busy(item: int) -> None:
        """With the first item while the run waits for this stage alone, and Ctrl-C is pressed."""
        while not pump._done._closed:
            time.sleep(0.001)
        for _ in range(presses if item == 0 else 0):
            time.sleep(0.05)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        time.sleep(0.05)
        out.append(item)

    pump = Pump(range(2), same, same, busy)
    with pytest.raises(KeyboardInterrupt):
        pump.run()
    assert out == written
