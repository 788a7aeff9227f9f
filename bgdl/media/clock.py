"""Timestamps that grow, whatever a source says."""

from __future__ import annotations

from fractions import Fraction

FALL_S = 1
"""Seconds that timestamps fall back by where another recording begins; less is a fault of single frames."""


class Clock:
    """Makes the timestamps of frames grow.

    repaired: frames whose timestamp was missing or a little old. joins: places where timestamps began anew, as in
    joined files and after a camera's restart; everything after is moved behind what came before.
    """

    def __init__(self, time_base: Fraction, rate: Fraction | None) -> None:
        self.repaired = self.joins = 0
        self._step = max(1, round(1 / (rate or Fraction(25)) / time_base))
        self._fall = FALL_S / time_base
        self._offset = 0
        self._last: int | None = None

    def stamp(self, pts: int | None) -> int:
        """The timestamp of the next frame."""
        self._last = self._grown(pts)
        return self._last

    def _grown(self, pts: int | None) -> int:
        last = self._last
        if last is None:
            return pts or 0
        if pts is None:
            self.repaired += 1
            return last + self._step
        if pts + self._offset < last - self._fall:
            self.joins += 1
            self._offset = last + self._step - pts
        if pts + self._offset <= last:
            self.repaired += 1
            return last + 1
        return pts + self._offset
