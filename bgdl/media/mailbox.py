"""A mailbox with one slot: the newest thing wins, so that what is taken out is never old."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """One thread puts, another takes; what was not taken in time is dropped and counted in `dropped`."""

    def __init__(self) -> None:
        self.dropped = 0
        self._item: T | None = None
        self._error: BaseException | None = None
        self._closed = False
        self._changed = threading.Condition()

    def put(self, item: T) -> None:
        with self._changed:
            self.dropped += self._item is not None
            self._item = item
            self._changed.notify_all()

    def close(self, error: BaseException | None = None) -> None:
        """Nothing more will come; `error` is raised where the other side takes next."""
        with self._changed:
            self._closed = True
            self._error = self._error or error
            self._changed.notify_all()

    def take(self, timeout_s: float | None = None) -> T | None:
        """The newest item, waited for; None once the box is closed and empty, or after `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed, timeout_s)
            item, self._item = self._item, None
            if item is None and self._error is not None:
                raise self._error
            return item

    @property
    def closed(self) -> bool:
        """Nothing is inside and nothing will come, not even an error."""
        with self._changed:
            return self._closed and self._item is None and self._error is None
