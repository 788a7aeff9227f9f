"""SIGTERM and SIGHUP, heard as Ctrl-C is: `docker stop`, `timeout` and a terminal that closes keep what was written."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType, TracebackType


class Stop:
    """A block in which these signals do what Ctrl-C does; where one has a handler or is ignored (nohup), it stays so.

    status: 130, or 128 and the number of the signal that was heard. Of several the first counts: of a terminal that
    closes, a program may hear twice.
    """

    status = 128 + signal.SIGINT

    def __enter__(self) -> Stop:
        there = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
        here = threading.current_thread() is threading.main_thread()  # where alone signals are heard
        taken = [number for number in there if here and signal.getsignal(number) == signal.SIG_DFL]
        self._before: dict[int, signal.Handlers] = dict.fromkeys(taken, signal.SIG_DFL)
        for number in taken:
            signal.signal(number, self._hear)
        if taken and signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a shell's background job
            self._before[signal.SIGINT] = signal.SIG_IGN
            signal.signal(signal.SIGINT, self._once_heard)
        self._terminals = [stream.fileno() for stream in (sys.stdout, sys.stderr) if stream and stream.isatty()]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.status != Stop.status:
            return
        self.status = 128 + number
        self._leave_terminals()
        on_ctrl_c = signal.getsignal(signal.SIGINT)  # which may wait for what must not be left half done
        assert callable(on_ctrl_c)
        on_ctrl_c(signal.SIGINT, frame)

    def _once_heard(self, number: int, frame: FrameType | None) -> None:
        """Stands in for Ctrl-C where that is ignored."""
        if self.status != Stop.status:
            raise KeyboardInterrupt

    def _leave_terminals(self) -> None:
        """What is yet to be said to a terminal that closed goes nowhere, and is no error."""
        for handle in self._terminals:
            if not os.isatty(handle):
                os.dup2(os.open(os.devnull, os.O_WRONLY), handle)
