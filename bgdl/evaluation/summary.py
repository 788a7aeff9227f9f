"""From the scores of pictures to the figures of a table: means, intervals, best thresholds, paired differences.

A source of several sequences has the mean of its clips' means, as DAVIS has, else of its pictures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bgdl.evaluation import speed, stats
from bgdl.evaluation.records import Record
from bgdl.evaluation.scores import CURVES, FAILURE, MEASURES
from bgdl.metrics.temporal import decay

Values = NDArray[np.float64]
Figures = dict[str, Any]
DECAYS = {"j_decay": "iou", "f_decay": "boundary_f"}


def summarise(records: Sequence[Record], methods: Sequence[str], reference: str) -> Figures:
    """One source's records -> its figures by method: `summary` and, beside the reference, `paired`."""
    scored = [record for record in records if record.scores]
    by_method = {label: [record for record in scored if record.method == label] for label in methods}
    columns = {label: _columns_of(rows) for label, rows in by_method.items() if rows}
    base = (by_method[reference], columns[reference]) if by_method[reference] else None
    paired = {
        label: _paired(by_method[label], columns[label], *base) for label in columns if base and label != reference
    }
    return {"summary": {label: _figures(by_method[label], columns[label]) for label in columns}, "paired": paired}


def _columns_of(records: Sequence[Record]) -> dict[str, Values]:
    """Each measure's value for each record (NaN where it has none); curves are read at their mean's maximum."""
    names = {name for record in records for name in record.scores}
    columns = {name: np.array([record.scores.get(name, np.nan) for record in records]) for name in names}
    for name in CURVES:
        curves = [record.curves[name] for record in records if name in record.curves]
        if len(curves) == len(records):
            columns[name] = np.array(curves)[:, _peak(curves, records)]
    return {name: columns[name] for name in MEASURES if name in columns}


def best_threshold(records: Sequence[Record]) -> float:
    """The threshold, in 1/255 steps, at which the mean IoU over the pictures is greatest; of equals the middle one."""
    return (_peak([record.curves["best_iou"] for record in records], records) + 1) / 255


def _peak(curves: Sequence[Sequence[float]], records: Sequence[Record]) -> int:
    """Where the mean of the curves is greatest; of equal places, as a hard matte has, the one nearest the middle."""
    units = stats.units_of(_lengths(records), sequence=records[0].sequence)
    mean = stats.wholes(np.array(curves), units).mean(axis=0)
    equal = np.flatnonzero(mean >= mean.max() - 1e-9)
    return int(equal[np.abs(equal - (len(mean) - 1) / 2).argmin()])


def _figures(records: Sequence[Record], columns: Mapping[str, Values]) -> Figures:
    resamples = _resamples(records)
    figures: Figures = {"pictures": len(records), "threshold": best_threshold(records)}
    figures |= {name: vars(stats.interval(values, resamples)) for name, values in columns.items() if _any(values)}
    figures["failures"] = {"mean": int((columns["iou"] < FAILURE).sum())}
    seconds = [record.seconds for record in records if record.seconds is not None]
    figures |= {name: {"mean": value} for name, value in speed.milliseconds(seconds).items()}
    figures |= {name: {"mean": _decay(records, of)} for name, of in DECAYS.items() if records[0].sequence}
    return figures


def _paired(
    records: Sequence[Record], columns: Mapping[str, Values], base: Sequence[Record], base_columns: Mapping[str, Values]
) -> Figures:
    """Differences from the reference on the pictures that both have, and how often the method is better."""
    place = {record.key[:3]: index for index, record in enumerate(base)}
    common = [index for index, record in enumerate(records) if record.key[:3] in place]
    if not common:
        return {}
    there = [place[records[index].key[:3]] for index in common]
    resamples = _resamples([records[index] for index in common])
    figures: Figures = {}
    for name in columns.keys() & base_columns.keys():
        difference = columns[name][common] - base_columns[name][there]
        if _any(difference):
            sign = 1 if MEASURES[name].better == "higher" else -1
            better = float((difference * sign > 0).sum() / (~np.isnan(difference)).sum())
            figures[name] = {**vars(stats.interval(difference, resamples)), "better": better}
    return figures


def _resamples(records: Sequence[Record]) -> stats.Resamples:
    return stats.draw(_lengths(records), sequence=records[0].sequence)


def _lengths(records: Sequence[Record]) -> list[int]:
    """Pictures in each clip, in order."""
    return list(Counter(record.clip for record in records).values())


def _decay(records: Sequence[Record], measure: str) -> float:
    """Mean over the clips of each clip's decay."""
    clips: dict[str, list[float]] = {}
    for record in records:
        clips.setdefault(record.clip, []).append(record.scores[measure])
    return float(np.mean([float(decay(torch.tensor(values))) for values in clips.values()]))


def _any(values: Values) -> bool:
    return bool((~np.isnan(values)).any())
