"""A clip behind a live picture, which nobody waits for."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol

from torch import Tensor

from bgdl.media.mailbox import Mailbox

_PATIENCE_S = 5.0  # the end waits so long for a frame that is being made
_LONGEST_STEP_S = Fraction(1, 4)
"""Seconds of the clip between two frames that are made, where some were not: it may cost more than it lasts."""


class Clip(Protocol):
    """Frames by time, as `bgdl.pipeline.backdrop.VideoBackground` has them."""

    def at(self, times_s: Sequence[Fraction], size_hw: tuple[int, int]) -> Tensor: ...

    def close(self) -> None: ...


class LiveClip:
    """A clip whose frames are made in a thread of their own: the newest that is ready is shown.

    A clip that costs too much stutters, or plays slower; what it stands behind does not.
    """

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._asked: Mailbox[tuple[Fraction, tuple[int, int]]] = Mailbox()
        self._made: Mailbox[Tensor] = Mailbox()
        self._newest: Tensor | None = None
        self._thread: threading.Thread | None = None

    def at(self, times_s: Sequence[Fraction], size_hw: tuple[int, int]) -> Tensor:
        """Seconds that grow, from 0, one at a time -> uint8 (1,H,W,3); the first frame of a size is waited for."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="bgdl-clip", daemon=True)
            self._thread.start()
        self._asked.put((times_s[0], size_hw))
        made = self._made.take(0.0)
        self._newest = self._newest if made is None else made
        while self._newest is None or self._newest.shape[1:3] != size_hw:
            self._newest = self._made.take()
        return self._newest

    def close(self) -> None:
        self._asked.close()
        if self._thread is not None:
            self._thread.join(_PATIENCE_S)
        self._clip.close()

    def _run(self) -> None:
        shown_s = before_s = Fraction(0)
        missed = 0
        try:
            while (asked := self._asked.take()) is not None:
                time_s, size_hw = asked
                step_s = time_s - before_s
                shown_s += min(step_s, _LONGEST_STEP_S) if self._asked.dropped > missed else step_s
                before_s, missed = time_s, self._asked.dropped
                self._made.put(self._clip.at([shown_s], size_hw))
        except BaseException as error:
            self._made.close(error)
