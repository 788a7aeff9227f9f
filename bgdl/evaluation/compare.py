"""What moved between two reports, by the pictures that both have scored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bgdl.evaluation import stats
from bgdl.evaluation.scores import MEASURES
from bgdl.evaluation.stats import Interval
from bgdl.evaluation.summary import Figures
from bgdl.evaluation.table import number

Picture = tuple[str, str, str, str]


@dataclass(frozen=True)
class Move:
    """A measure of a method on a source, then and now. difference: of the pictures in common, with its interval."""

    data: str
    method: str
    measure: str
    before: float
    now: float
    difference: Interval
    pictures: int

    @property
    def verdict(self) -> str:
        """better or worse where the interval leaves 0 out and the difference shows in print, else "unchanged"."""
        low, high = self.difference.low, self.difference.high
        shows = round(self.difference.mean, MEASURES[self.measure].digits) != 0
        if not shows or low is None or high is None or low <= 0 <= high:
            return "unchanged"
        higher = self.difference.mean > 0
        return "better" if higher == (MEASURES[self.measure].better == "higher") else "worse"

    def __str__(self) -> str:
        before, now = number(self.measure, self.before), number(self.measure, self.now)
        moved = f"{self.data}, {self.method}: {MEASURES[self.measure].title} {before} → {now}"
        if self.difference.low is None or self.difference.high is None:
            return f"{moved}, unchanged: fewer than {stats.FEWEST} pictures, or clips, have no interval"
        low, high = (number(self.measure, end, sign=True) for end in (self.difference.low, self.difference.high))
        return f"{moved} [{low}, {high}], {self.verdict}"


def moves(new: Figures, old: Figures) -> Iterator[Move]:
    """Every measure that both reports have of the same pictures by methods of the same label."""
    now, then = _by_method(new), _by_method(old)
    for (data, method), pictures in now.items():
        before = then.get((data, method), {})
        common = [key for key in pictures if key in before]
        for measure in MEASURES:
            measured = [key for key in common if measure in before[key] and measure in pictures[key]]
            if measured:
                pairs = [(before[key][measure], pictures[key][measure]) for key in measured]
                clips = [key[1] for key in measured]
                sequence = bool(pictures[common[0]]["sequence"])
                yield _move(data, method, measure, pairs, clips, sequence=sequence)


def compare(new: Figures, old: Figures) -> list[str]:
    """The lines to print: what was done differently, then the moves; without common pictures, a line that says so."""
    lines = [f"rules differ from the earlier report: {name}" for name in _changed_rules(new, old)]
    found = [str(move) for move in moves(new, old) if move.verdict != "unchanged" or move.measure == "iou"]
    return lines + (found or ["no picture and method in common with the earlier report"])


def _move(
    data: str, method: str, measure: str, pairs: list[tuple[float, float]], clips: list[str], *, sequence: bool
) -> Move:
    before, now = np.array(pairs, dtype=np.float64).T
    lengths = [clips.count(clip) for clip in dict.fromkeys(clips)]
    resamples = stats.draw(lengths, sequence=sequence)
    difference, *means = (stats.interval(values, resamples) for values in (now - before, before, now))
    return Move(data, method, measure, means[0].mean, means[1].mean, difference, len(pairs))


def _by_method(report: Figures) -> dict[tuple[str, str], dict[Picture, dict[str, float]]]:
    found: dict[tuple[str, str], dict[Picture, dict[str, float]]] = {}
    for row in report["pictures"]:
        key = (row["data"], row["clip"], row["name"], row["method"])
        found.setdefault((row["data"], row["method"]), {})[key] = row
    return found


def _changed_rules(new: Figures, old: Figures) -> list[str]:
    names = new["rules"].keys() | old["rules"].keys()
    return [
        f"{name} is {new['rules'].get(name)}, was {old['rules'].get(name)}"
        for name in sorted(names)
        if new["rules"].get(name) != old["rules"].get(name)
    ]
