"""The report's two plots as inline SVG: how IoU is distributed, and speed against quality."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

import numpy as np

WIDTH = 480  # drawn larger on a large screen; on a phone its text stays readable
SHOWN = 640
EDGE = 20
ROW = 62
BARS = 34
LETTER = 8  # about as wide as one is, in px
BINS = 25
BOTTOM = 300  # of the plot of speed and quality
COLOURS = ("#3264a8", "#c2541b", "#2c8a57", "#8a4bb0", "#b0892b", "#c03a5b", "#3d99a8", "#6b6f7a", "#7d9a2e", "#a0522d")


def colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def distribution(values: Mapping[str, Sequence[float]]) -> str:
    """A histogram of IoU from 0 to 1 for each method, of one scale, with its median as a line."""
    height = ROW * len(values) + 34
    rows = [_histogram(label, ious, index) for index, (label, ious) in enumerate(values.items())]
    ticks = "".join(
        f'<text x="{_across(tick):.1f}" y="{height - 10}" class="tick" text-anchor="middle">{tick:.1f}</text>'
        for tick in (0, 0.2, 0.4, 0.6, 0.8, 1)
    )
    return _svg(height, "How many pictures have which IoU, by method", "".join(rows) + ticks)


def speed_quality(points: Mapping[str, tuple[float, float]], order: Sequence[str] = ()) -> str:
    """Median milliseconds a frame (logarithmic) against mean IoU; up and left is better.

    order: all methods in the order of `distribution`, so that each has one colour in both.
    """
    height, bottom = BOTTOM + 40, BOTTOM
    if not points:
        return ""
    times = [time for time, _ in points.values()]
    decades = range(int(np.floor(np.log10(min(times)))), int(np.ceil(np.log10(max(times) * 1.01))) + 1)

    def place(time_ms: float, iou: float) -> tuple[float, float]:
        share = (np.log10(time_ms) - decades[0]) / max(1, len(decades) - 1)
        return 52 + share * (WIDTH - 52 - 28), bottom - iou * (bottom - 20)

    parts = [_grid(*place(10.0**power, 0), f"{10.0**power:g} ms") for power in decades]
    parts += [
        f'<line x1="44" x2="{WIDTH - 10}" y1="{place(1, tick)[1]:.1f}" y2="{place(1, tick)[1]:.1f}" class="grid"/>'
        f'<text x="38" y="{place(1, tick)[1] + 4:.1f}" class="tick" text-anchor="end">{tick:.1f}</text>'
        for tick in (0, 0.2, 0.4, 0.6, 0.8, 1)
    ]
    places = {label: place(*point) for label, point in points.items()}
    numbers = {label: index for index, label in enumerate(order or places)}
    parts += [_dot(x, y, colour(numbers[label])) for label, (x, y) in places.items()]
    return _svg(height, "Median time a frame against mean IoU, by method", "".join(parts) + "".join(_labels(places)))


def _histogram(label: str, ious: Sequence[float], index: int) -> str:
    counts, edges = np.histogram(ious, bins=BINS, range=(0, 1))
    base, tallest = ROW * (index + 1), max(1, counts.max())
    width = _across(edges[1]) - _across(edges[0]) - 1
    bars = "".join(
        f'<rect x="{_across(edge):.1f}" y="{base - share:.1f}" width="{width:.1f}" height="{share:.1f}" '
        f'fill="{colour(index)}"><title>{count} of {len(ious)}</title></rect>'
        for count, edge in zip(counts, edges[:-1], strict=True)
        if (share := BARS * count / tallest)
    )
    median = _across(float(np.median(ious)))
    return (
        f"{_text(EDGE, base - BARS - 8, label, WIDTH - 2 * EDGE)}"
        f'<line x1="{EDGE}" x2="{WIDTH - EDGE}" y1="{base}" y2="{base}" class="grid"/>{bars}'
        f'<line x1="{median:.1f}" x2="{median:.1f}" y1="{base - BARS - 3}" y2="{base + 3}" class="median"/>'
    )


def _grid(x: float, bottom: float, text: str) -> str:
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="20" y2="{bottom:.1f}" class="grid"/>'
        f'<text x="{x:.1f}" y="{bottom + 22:.1f}" class="tick" text-anchor="middle">{text}</text>'
    )


def _dot(x: float, y: float, fill: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{fill}"/>'


def _labels(places: Mapping[str, tuple[float, float]]) -> Iterator[str]:
    """A label beside each dot, where there is more room; higher or lower where others, or dots, are in its way."""
    taken = [(x - 7, x + 7, y - 7, y + 7) for x, y in places.values()]
    for label, (x, y) in places.items():
        left = x > WIDTH / 2
        room = x - 10 - 44 if left else WIDTH - x - 10
        width = LETTER * len(_short(label, room))
        start, end = (x - 10 - width, x - 10) if left else (x + 10, x + 10 + width)
        at = _free(start, end, y, taken)
        taken.append((start, end, at - 8, at + 8))
        if abs(at - y) > 12:
            yield f'<line x1="{x:.1f}" x2="{end if left else start:.1f}" y1="{y:.1f}" y2="{at:.1f}" class="lead"/>'
        yield _text(end if left else start, at + 4, label, room, anchor="end" if left else "start")


def _free(start: float, end: float, y: float, taken: Sequence[tuple[float, float, float, float]]) -> float:
    """The height next to `y` at which 16 px from `start` to `end` overlap nothing of `taken`."""
    for at in sorted((y + away for away in range(-BOTTOM, BOTTOM)), key=lambda at: abs(at - y)):
        apart = all(end < a or b < start or at + 8 < c or d < at - 8 for a, b, c, d in taken)
        if apart and 10 <= at <= BOTTOM - 10:
            return at
    return y


def _across(iou: float) -> float:
    return EDGE + iou * (WIDTH - 2 * EDGE)


def _text(x: float, y: float, label: str, room: float, *, anchor: str = "start") -> str:
    """The label, shortened to `room` px; whole where a pointer rests on it."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"><title>{escape(label)}</title>'
        f"{escape(_short(label, room))}</text>"
    )


def _short(label: str, room: float) -> str:
    """Without its middle where it is longer than `room` px: options that differ stand at either end."""
    most = int(room / LETTER)
    half = (most - 1) // 2
    return label if len(label) <= most else f"{label[: most - 1 - half]}…{label[len(label) - half :]}"


def _svg(height: int, title: str, inside: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}" '
        f'style="max-width:{SHOWN}px">{inside}</svg>'
    )
