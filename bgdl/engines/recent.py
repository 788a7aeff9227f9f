"""What an engine keeps in memory: networks made ready for an input size, those that were used last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

LIMIT = 4
"""At a time; what a folder of pictures of many sizes asks for more often stays."""

Key = TypeVar("Key", bound=Hashable)
Ready = TypeVar("Ready")


class Recent(Generic[Key, Ready]):
    """What was made by key, the LIMIT that were used last; not safe for threads."""

    def __init__(self) -> None:
        self._ready: OrderedDict[Key, Ready] = OrderedDict()

    def get(self, key: Key, make: Callable[[Key], Ready]) -> Ready:
        """What is kept for `key`, or what `make` makes of it, in place of what was longest not used."""
        if key not in self._ready:
            while len(self._ready) >= LIMIT:
                self._ready.popitem(last=False)
            self._ready[key] = make(key)
        self._ready.move_to_end(key)
        return self._ready[key]
