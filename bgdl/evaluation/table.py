"""One source's figures as a table of text, which the terminal, Markdown and HTML each dress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bgdl.evaluation.scores import MEASURES
from bgdl.evaluation.summary import Figures

MAIN = ("iou", "best_iou", "failures", "boundary_iou", "mae", "median_ms")
MAIN_SEQUENCE = ("iou", "j_decay", "boundary_f", "failures", "mae", "dtssd", "flicker", "median_ms")


@dataclass(frozen=True)
class Cell:
    """text: the figure. value: for sorting, None where there is none. best: of its column."""

    text: str
    value: float | None = None
    best: bool = False


@dataclass(frozen=True)
class Table:
    """names: the columns' measures; method, difference and pictures beside them. titles: with their units.

    rows: cells, the first being the method; best IoU first.
    """

    names: tuple[str, ...]
    titles: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def make_table(data: Figures, reference: str, *, measures: Sequence[str] | None = None) -> Table:
    """The table of one entry of a report's `data`; measures: names in `MEASURES`, by default the main ones."""
    summary: Figures = data["summary"]
    names = [
        name for name in measures or _main_measures(summary) if any(name in figures for figures in summary.values())
    ]
    best = {name: _best(name, summary) for name in names}
    order = sorted(summary, key=lambda label: -summary[label]["iou"]["mean"])
    titles = ("Method", *(_title(name) for name in names), f"IoU − {reference}", "Pictures")
    rows = tuple(
        (
            Cell(label),
            *(_cell(name, summary[label], best[name]) for name in names),
            _difference(data["paired"].get(label, {}).get("iou")),
            Cell(str(summary[label]["pictures"]), summary[label]["pictures"]),
        )
        for label in order
    )
    return Table(("method", *names, "difference", "pictures"), titles, rows)


def _main_measures(summary: Figures) -> tuple[str, ...]:
    """What fits on a terminal: the measures of steadiness only where there are sequences."""
    return MAIN_SEQUENCE if any("j_decay" in figures for figures in summary.values()) else MAIN


def markdown(table: Table) -> str:
    """A GitHub table, the best in bold."""
    lines = [_line(table.titles), _line(["---", *["---:"] * (len(table.titles) - 1)])]
    lines += [_line([f"**{cell.text}**" if cell.best else cell.text for cell in row]) for row in table.rows]
    return "\n".join(lines)


def number(name: str, value: float, *, sign: bool = False) -> str:
    """A figure with the digits of its measure."""
    return f"{value:{'+' if sign else ''}.{MEASURES[name].digits}f}"


def _title(name: str) -> str:
    measure = MEASURES[name]
    arrow = "↑" if measure.better == "higher" else "↓"
    return f"{measure.title} {arrow}" + (f" ({measure.unit})" if measure.unit else "")


def _best(name: str, summary: Figures) -> str | None:
    """The best figure as it is printed, so that equals are all bold; None where all are equal."""
    values = [figures[name]["mean"] for figures in summary.values() if name in figures]
    if name in ("j_decay", "f_decay"):  # a low decay of a bad method is no merit
        return None
    ordered = [number(name, value) for value in sorted(values, reverse=MEASURES[name].better == "higher")]
    return None if not ordered or ordered[0] == ordered[-1] else ordered[0]


def _cell(name: str, figures: Figures, best: str | None) -> Cell:
    if name not in figures:
        return Cell("–")
    figure = figures[name]
    text = number(name, figure["mean"])
    more = ""
    if name == "iou" and figure["low"] is not None:
        more = f" ±{number(name, (figure['high'] - figure['low']) / 2)}"
    elif name == "best_iou":
        more = f" at {figures['threshold']:.2f}"
    return Cell(text + more, figure["mean"], best=text == best)


def _difference(figure: dict[str, Any] | None) -> Cell:
    """With its interval, if it has one; an interval without 0 is a difference that the pictures support."""
    if figure is None:
        return Cell("–")
    mean = number("iou", figure["mean"], sign=True)
    if figure["low"] is None:
        return Cell(mean, figure["mean"])
    low, high = number("iou", figure["low"], sign=True), number("iou", figure["high"], sign=True)
    return Cell(f"{mean} [{low}, {high}]", figure["mean"])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
