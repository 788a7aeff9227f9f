"""Means with bootstrap intervals, and paired differences, so that "better" means something."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
FEWEST = 6
"""Pictures, or clips, with a value that an interval needs: of fewer, resampling gives one that is far too narrow."""
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Resamples:
    """Which wholes each resample holds, int64 (RESAMPLES, k), and what they are.

    units: as `units_of` gives them.
    """

    members: NDArray[np.int64]
    units: NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """A mean and the interval in which 95 % of the resampled means lie; below `FEWEST` there is none."""

    mean: float
    low: float | None
    high: float | None


def units_of(clips: list[int], *, sequence: bool) -> NDArray[np.int64]:
    """Of each picture the number of the whole whose mean it is part of: of several sequences its clip, else itself.

    clips: pictures in each clip, in order. Returns int64 (n,), rising.
    """
    if sequence and len(clips) > 1:
        return np.repeat(np.arange(len(clips)), clips)
    return np.arange(sum(clips))


def draw(clips: list[int], *, sequence: bool) -> Resamples:
    """Draw `RESAMPLES` times as many pictures, or of several sequences as many clips, as there are, always alike.

    clips: pictures in each clip, in order. Pictures of a set are drawn one by one; neighbours in a sequence are
    alike, so frames are drawn in circular blocks of sqrt(n) of their clip (Politis and Romano, 1992), and where
    there are several clips, whole clips are drawn.
    """
    rng = np.random.default_rng(0)
    units = units_of(clips, sequence=sequence)
    count = int(units[-1]) + 1
    if not sequence or len(clips) > 1:
        return Resamples(rng.integers(0, count, (RESAMPLES, count)), units)
    block = max(1, round(count**0.5))
    starts = rng.integers(0, count, (RESAMPLES, -(-count // block), 1))
    return Resamples(((starts + np.arange(block)) % count).reshape(RESAMPLES, -1)[:, :count], units)


def wholes(values: Values, units: NDArray[np.int64]) -> Values:
    """The mean of each unit's values (n,...) -> (k,...); NaN is left out, and what nothing is left of is NaN."""
    starts = np.flatnonzero(np.diff(units, prepend=-1))
    present = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(
            np.add.reduceat(np.where(present, values, 0), starts) / np.add.reduceat(present, starts, dtype=int)
        )


def interval(values: Values, resamples: Resamples) -> Interval:
    """The mean of the units' means of `values` (n,) with its interval; NaN is left out, and a unit of NaN alone."""
    means = wholes(values, resamples.units)
    mean = float(np.nanmean(means))
    if np.count_nonzero(~np.isnan(means)) < FEWEST:
        return Interval(mean, None, None)
    low, high = np.nanpercentile(_mean(means[resamples.members]), [2.5, 97.5])
    return Interval(mean, float(low), float(high))


def _mean(drawn: Values) -> Values:
    """Mean over the last axis without NaN; NaN where nothing is left."""
    present = ~np.isnan(drawn)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(present, drawn, 0).sum(axis=1) / present.sum(axis=1))
