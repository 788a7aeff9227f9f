"""Ctrl-C, kept away from what must not be left half done."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ctrl_c_after(at_once: Callable[[], object] | None = None) -> Iterator[None]:
    """A block that Ctrl-C does not interrupt: it counts at the end, unless a KeyboardInterrupt is on its way already.

    at_once: called at each press. Does nothing in other threads than the main one, which Ctrl-C does not reach, and
    where the process ignores it.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    pressed = False

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        if at_once:
            at_once()

    signal.signal(signal.SIGINT, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed and not isinstance(sys.exc_info()[1], KeyboardInterrupt):
        before(signal.SIGINT, None)
