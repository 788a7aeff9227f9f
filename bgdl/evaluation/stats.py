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
    """Which pictures each resample holds, int64 (RESAMPLES, about n) with -1 for nobody, and what they are drawn as.

    units: int64 (n,), of each picture the number of the whole that it is drawn with.
    """

    members: NDArray[np.int64]
    units: NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """A mean and the interval in which 95 % of the resampled means lie; below `FEWEST` there is none."""

    mean: float
    low: float | None
    high: float | None


def draw(clips: list[int], *, sequence: bool, seed: int = 0) -> Resamples:
    """Draw `RESAMPLES` times as many pictures as there are.

    clips: pictures in each clip, in order. Pictures of a set are drawn one by one; neighbours in a sequence are
    alike, so frames are drawn in circular blocks of sqrt(n) of their clip (Politis and Romano, 1992), and where
    there are several clips, whole clips are drawn.
    """
    rng = np.random.default_rng(seed)
    count = sum(clips)
    each = np.arange(count)
    if not sequence:
        return Resamples(rng.integers(0, count, (RESAMPLES, count)), each)
    if len(clips) > 1:
        return Resamples(_whole_clips(clips, rng), np.repeat(np.arange(len(clips)), clips))
    block = max(1, round(count**0.5))
    starts = rng.integers(0, count, (RESAMPLES, -(-count // block), 1))
    return Resamples(((starts + np.arange(block)) % count).reshape(RESAMPLES, -1)[:, :count], each)


def interval(values: Values, resamples: Resamples) -> Interval:
    """The mean of `values` (n,) with its interval; NaN is left out, and a whole of NaN alone is no unit."""
    mean = float(np.nanmean(values))
    if len(np.unique(resamples.units[~np.isnan(values)])) < FEWEST:
        return Interval(mean, None, None)
    padded = np.append(values, np.nan)
    with np.errstate(invalid="ignore"):
        means = _mean(padded[resamples.members])
    low, high = np.nanpercentile(means, [2.5, 97.5])
    return Interval(mean, float(low), float(high))


def _mean(drawn: Values) -> Values:
    """Mean over the last axis without NaN; NaN where nothing is left."""
    present = ~np.isnan(drawn)
    return np.asarray(np.where(present, drawn, 0).sum(axis=1) / present.sum(axis=1))


def _whole_clips(clips: list[int], rng: np.random.Generator) -> NDArray[np.int64]:
    """Clips drawn whole, padded with -1 to the longest resample."""
    ends = np.cumsum(clips)
    members = [np.arange(end - length, end) for end, length in zip(ends, clips, strict=True)]
    drawn = [np.concatenate([members[i] for i in rng.integers(0, len(clips), len(clips))]) for _ in range(RESAMPLES)]
    resamples = np.full((RESAMPLES, max(map(len, drawn))), -1)
    for row, indices in zip(resamples, drawn, strict=True):
        row[: len(indices)] = indices
    return resamples
