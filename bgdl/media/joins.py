"""Packets whose timestamps begin anew midway, as in joined files: put behind what came before."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from bgdl.media.clock import FALL_S

_MOST_HELD = 1000


class Joins:
    """Moves packets as Clock moves frames.

    picture: the stream whose packets are among the others' and say how far everything is moved, so that sound stays
    with its picture; None where there is no picture. Its own packets are not handed on.
    """

    def __init__(self, picture: Any | None) -> None:
        self._picture = picture
        self._step_s = 1 / Fraction(picture.average_rate or 25) if picture else Fraction(0)
        self._offset_s = self._end_s = Fraction(0)
        self._newest_s: dict[int, Fraction] = {}
        self._last_s: dict[int, Fraction] = {}

    def moved(self, packets: Iterator[Any]) -> Iterator[Any]:
        """The other streams' packets, in order; those that would overlap with what came before are left out."""
        held: list[Any] = []
        for packet in packets:
            if held or self._begins_anew(packet):
                held.append(packet)
                if not self._tells(packet, len(held)):
                    continue
                self._begin_with(packet)
            for ready in held or (packet,):
                yield from self._moved(ready)
            held.clear()
        if held:
            self._begin_with(held[0])
        for ready in held:
            yield from self._moved(ready)

    def _begins_anew(self, packet: Any) -> bool:
        newest_s = self._newest_s.get(packet.stream.index)
        return _timed(packet) and newest_s is not None and _sent_s(packet) < newest_s - FALL_S

    def _begin_with(self, packet: Any) -> None:
        """What comes now is moved so that `packet` follows the end of what was."""
        self._newest_s.clear()
        self._offset_s = self._end_s - time_of(packet)

    def _tells(self, packet: Any, held: int) -> bool:
        """Whether this packet says where what begins anew belongs."""
        return _timed(packet) and (self._picture is None or packet.stream is self._picture or held >= _MOST_HELD)

    def _moved(self, packet: Any) -> Iterator[Any]:
        index, is_picture = packet.stream.index, packet.stream is self._picture
        if not _timed(packet):
            if not is_picture:
                yield packet
            return
        time_s = time_of(packet)
        self._newest_s[index] = _sent_s(packet)
        time_s += self._offset_s
        if is_picture or self._picture is None:
            self._end_s = max(self._end_s, time_s + (self._step_s or packet.duration * packet.time_base))
        if is_picture or (self._offset_s and time_s <= self._last_s.get(index, time_s - 1)):
            return
        self._last_s[index] = time_s
        shift = round(self._offset_s / packet.time_base)
        if packet.pts is not None:
            packet.pts += shift
        if packet.dts is not None:
            packet.dts += shift
        yield packet


def time_of(packet: Any) -> Fraction:
    """A packet's timestamp in seconds; it must have one."""
    stamp = packet.pts if packet.pts is not None else packet.dts
    return Fraction(stamp) * Fraction(packet.time_base)


def _sent_s(packet: Any) -> Fraction:
    """The time that grows from packet to packet also where pictures are shown in another order."""
    stamp = packet.dts if packet.dts is not None else packet.pts
    return Fraction(stamp) * Fraction(packet.time_base)


def _timed(packet: Any) -> bool:
    return packet.size > 0 and (packet.pts is not None or packet.dts is not None)
