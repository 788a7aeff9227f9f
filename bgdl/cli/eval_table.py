"""The table of `bgdl eval` on a terminal: as wide as it is, without the columns that do not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bgdl.cli import console

if TYPE_CHECKING:
    from rich.table import Table as RichTable

    from bgdl.evaluation.table import Table

FIRST_TO_GO = (
    "pictures", "best_iou", "j_decay", "flicker", "boundary_iou", "boundary_f", "mae", "dtssd", "failures", "median_ms",
)  # fmt: skip
"""On a narrow terminal, in this order; the method, its IoU and the difference always stay."""


def print_table(title: str, table: Table) -> None:
    """Print it on stdout, the best in bold; into a pipe or a file always whole."""
    width = console.out.width if console.out.is_terminal else None
    columns, left_out = fit(table, width)
    console.out.print(_dressed(title, table, columns, width))
    if left_out:
        names = ", ".join(table.titles[column] for column in left_out)
        console.note(f"the terminal is too narrow for: {names}")


def fit(table: Table, width: int | None) -> tuple[list[int], list[int]]:
    """The columns that fit into `width` characters (None: all), and those that do not."""
    columns = list(range(len(table.names)))
    for name in FIRST_TO_GO:
        if width is None or _width(_dressed("", table, columns, width)) <= width:
            break
        columns = [column for column in columns if table.names[column] != name]
    return columns, [column for column in range(len(table.names)) if column not in columns]


def _dressed(title: str, table: Table, columns: list[int], width: int | None) -> RichTable:
    """Nothing but long names of methods is broken into lines; names are no markup, whatever they hold."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(title=Text(title, "table.title"), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        if column == 0:
            longest = max(len(text) for text in (table.titles[0], *(row[0].text for row in table.rows)))
            shown.add_column(table.titles[0], overflow="fold", width=min(longest, (width or 1000) // 3))
        else:
            shown.add_column(Text(_two_lines(table.titles[column])), justify="right", no_wrap=True)
    for row in table.rows:
        shown.add_row(*(Text(row[column].text, "bold" if row[column].best else "") for column in columns))
    if width is None:
        shown.width = _width(shown)
    return shown


def _width(shown: RichTable) -> int:
    from rich.measure import Measurement

    return Measurement.get(console.out, console.out.options.update(max_width=10_000), shown).maximum


def _two_lines(title: str) -> str:
    """Broken before the unit, else at the first space that gives two halves."""
    head, bracket, unit = title.partition(" (")
    if bracket:
        return f"{head}\n({unit}"
    words = title.split(" ")
    cut = next((number for number in range(1, len(words)) if 2 * len(" ".join(words[:number])) >= len(title)), 0)
    return "\n".join(filter(None, (" ".join(words[:cut]), " ".join(words[cut:]))))
