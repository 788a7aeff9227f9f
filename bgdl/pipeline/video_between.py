"""Every N-th frame through the network; those between are carried from the key frames on both sides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bgdl.refine.cuts import Cuts
from bgdl.refine.flow import Small, carry_full, motion, shrink
from bgdl.types import FrameBatch, Matter

MOST = 30
"""The largest `every`: so many frames wait in memory for the next key frame."""
_HELD = 32
"""Where so many wait, the network works on the key frames among them, although more would go through at once."""


@dataclass(frozen=True)
class _Moment:
    """One frame, its small picture and its matte, None as long as it waits. key: the network works on it."""

    frame: Tensor
    stamp: int
    small: Small
    key: bool
    cut: bool
    alpha: Tensor | None = None


class Propagation:
    """Batches of frames in, the same frames with mattes out; key frames are worked on as many at a time as came in.

    A frame between two key frames gets both their mattes, each moved along DIS optical flow, by how near it is in
    time. A scene cut is a key frame, and nothing is carried over it. Not for methods that have to see every frame.
    No more than _HELD frames and a batch are held, for an `every` up to MOST.
    """

    def __init__(self, matter: Matter, every: int) -> None:
        self.matter, self.every = matter, every
        self._key: _Moment | None = None
        self._is_cut = Cuts()
        self._age = 0
        self._fresh: list[_Moment] = []
        self._waiting: list[_Moment] = []

    def __call__(self, batches: Iterable[FrameBatch]) -> Iterator[tuple[FrameBatch, Tensor]]:
        """Frames on the matter's device -> they and their float32 (N,H,W,1); to be called once."""
        like: FrameBatch | None = None
        for batch in batches:
            like = like or batch
            self._fresh += self._moments(batch)
            keys = sum(moment.key for moment in self._fresh)
            full = len(self._waiting) + len(self._fresh) >= _HELD
            if keys >= len(like) or (keys and full):
                yield from _gather(self._worked(), like)
        if like:
            yield from _gather([*self._worked(), *self._fill(None)], like)

    def _worked(self) -> list[_Moment]:
        """What is ready once the network has seen the key frames that came."""
        keys = [moment.frame for moment in self._fresh if moment.key]
        alphas = iter(self.matter.alpha(torch.stack(keys)) if keys else torch.empty(0))
        fresh = [replace(moment, alpha=next(alphas) if moment.key else None) for moment in self._fresh]
        self._fresh = []
        return [ready for moment in fresh for ready in self._push(moment)]

    def _moments(self, batch: FrameBatch) -> list[_Moment]:
        smalls = [shrink(frame) for frame in batch.data]
        keys = self._keys(smalls)
        return [
            _Moment(batch.data[index], batch.pts[index], small, index in keys, keys.get(index, False))
            for index, small in enumerate(smalls)
        ]

    def _keys(self, smalls: list[Small]) -> dict[int, bool]:
        """Which frames of a batch are worked on, and whether a scene begins there."""
        keys = {}
        for index, small in enumerate(smalls):
            cut = self._is_cut(small)
            if cut or self._age == self.every:
                keys[index], self._age = cut, 0
            self._age += 1
        return keys

    def _push(self, moment: _Moment) -> list[_Moment]:
        """What is ready now that `moment` came."""
        if moment.alpha is None:
            self._waiting.append(moment)
            return []
        ready = [*self._fill(None if moment.cut else moment), moment]
        self._key = moment
        return ready

    def _fill(self, coming: _Moment | None) -> list[_Moment]:
        """Mattes for all that waits, from the last key frame and the one that came, if it belongs to the scene."""
        filled = [replace(moment, alpha=self._between(moment, coming)) for moment in self._waiting]
        self._waiting = []
        return filled

    def _between(self, moment: _Moment, coming: _Moment | None) -> Tensor:
        assert self._key is not None
        past = _carried(self._key, moment)
        if coming is None:
            return past
        share = (moment.stamp - self._key.stamp) / (coming.stamp - self._key.stamp)
        return past.lerp(_carried(coming, moment), share)


def _carried(key: _Moment, moment: _Moment) -> Tensor:
    assert key.alpha is not None
    return carry_full(key.alpha, motion(moment.small, key.small))


def _gather(moments: list[_Moment], like: FrameBatch) -> Iterator[tuple[FrameBatch, Tensor]]:
    """In batches as large as those that came."""
    for start in range(0, len(moments), len(like)):
        part = moments[start : start + len(like)]
        frames = torch.stack([moment.frame for moment in part])
        alpha = torch.stack([moment.alpha for moment in part if moment.alpha is not None])
        yield FrameBatch(frames, tuple(moment.stamp for moment in part), like.time_base), alpha
