"""The report's two plots as inline SVG: how IoU is distributed, and speed against quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

WIDTH = 480  # drawn larger on a large screen; on a phone its text stays readable
SHOWN = 640
LABELS = 130
ROW = 44
BINS = 25
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


def speed_quality(points: Mapping[str, tuple[float, float]]) -> str:
    """Median milliseconds a frame (logarithmic) against mean IoU; up and left is better."""
    height, bottom = 340, 300
    if not points:
        return ""
    times = [time for time, _ in points.values()]
    decades = range(int(np.floor(np.log10(min(times)))), int(np.ceil(np.log10(max(times) * 1.01))) + 1)

    def place(time_ms: float, iou: float) -> tuple[float, float]:
        share = (np.log10(time_ms) - decades[0]) / max(1, len(decades) - 1)
        return 44 + share * (WIDTH - 160), bottom - iou * (bottom - 20)

    parts = [_grid(*place(10.0**power, 0), f"{10.0**power:g} ms") for power in decades]
    parts += [
        f'<line x1="44" x2="{WIDTH - 10}" y1="{place(1, tick)[1]:.1f}" y2="{place(1, tick)[1]:.1f}" class="grid"/>'
        f'<text x="38" y="{place(1, tick)[1] + 4:.1f}" class="tick" text-anchor="end">{tick:.1f}</text>'
        for tick in (0, 0.2, 0.4, 0.6, 0.8, 1)
    ]
    places = {label: place(*point) for label, point in points.items()}
    heights = _apart(places)
    parts += [_dot(*places[label], heights[label], label, index) for index, label in enumerate(places)]
    return _svg(height, "Median time a frame against mean IoU, by method", "".join(parts))


def _histogram(label: str, ious: Sequence[float], index: int) -> str:
    counts, edges = np.histogram(ious, bins=BINS, range=(0, 1))
    base, tallest = ROW * (index + 1), max(1, counts.max())
    width = _across(edges[1]) - _across(edges[0]) - 1
    bars = "".join(
        f'<rect x="{_across(edge):.1f}" y="{base - share:.1f}" width="{width:.1f}" height="{share:.1f}" '
        f'fill="{colour(index)}"><title>{count} of {len(ious)}</title></rect>'
        for count, edge in zip(counts, edges[:-1], strict=True)
        if (share := (ROW - 10) * count / tallest)
    )
    median = _across(float(np.median(ious)))
    return (
        f'<text x="{LABELS - 12}" y="{base - 8}" text-anchor="end">{escape(_short(label))}</text>'
        f'<line x1="{LABELS}" x2="{WIDTH - 20}" y1="{base}" y2="{base}" class="grid"/>{bars}'
        f'<line x1="{median:.1f}" x2="{median:.1f}" y1="{base - ROW + 6}" y2="{base + 3}" class="median"/>'
    )


def _grid(x: float, bottom: float, text: str) -> str:
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="20" y2="{bottom:.1f}" class="grid"/>'
        f'<text x="{x:.1f}" y="{bottom + 22:.1f}" class="tick" text-anchor="middle">{text}</text>'
    )


def _dot(x: float, y: float, text_y: float, label: str, index: int) -> str:
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour(index)}"/>'
        f'<text x="{x + 9:.1f}" y="{text_y + 4:.1f}">{escape(_short(label))}</text>'
    )


def _apart(places: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Heights of the labels: each at its dot, or lower where it would lie on another."""
    heights: dict[str, float] = {}
    for label, (x, y) in sorted(places.items(), key=lambda item: item[1][1]):
        near = [heights[other] for other in heights if abs(places[other][0] - x) < 110]
        while any(abs(y - other) < 15 for other in near):
            y += 1
        heights[label] = y
    return heights


def _across(iou: float) -> float:
    return LABELS + iou * (WIDTH - LABELS - 20)


def _short(label: str) -> str:
    return label if len(label) <= 16 else label[:15] + "…"


def _svg(height: int, title: str, inside: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}" '
        f'style="max-width:{SHOWN}px">{inside}</svg>'
    )
