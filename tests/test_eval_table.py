"""The table on a terminal: whole in a pipe, and without the least columns where the terminal is narrow."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bgdl.cli import console
from bgdl.cli.eval_table import FIRST_TO_GO, print_table
from bgdl.evaluation.table import MAIN, MAIN_SEQUENCE, Table, make_table

BEST = "best [/b] :x:"
LONG = "static_difference:light=match:shadows=drop:cleanup=tidy"


def figure(mean: float) -> dict[str, float]:
    return {"mean": mean, "low": mean - 0.01, "high": mean + 0.01}


@pytest.fixture
def table() -> Table:
    means = {BEST: 0.9551, LONG: 0.7222}
    summary = {
        label: {"pictures": 24, "threshold": 0.5, **{name: figure(mean) for name in MAIN_SEQUENCE}}
        for label, mean in means.items()
    }
    return make_table({"summary": summary, "paired": {LONG: {"iou": figure(-0.233)}}}, BEST)


def printed(table: Table, monkeypatch: pytest.MonkeyPatch, *, width: int, terminal: bool) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    for name, file in (("out", out), ("err", err)):
        shown = Console(file=file, width=width, force_terminal=terminal, soft_wrap=True, color_system=None)
        monkeypatch.setattr(console, name, shown)
    print_table("data [b]", table)
    return out.getvalue(), err.getvalue()


def test_in_a_pipe_it_is_whole(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = printed(table, monkeypatch, width=80, terminal=False)
    (row,) = (line for line in out.splitlines() if LONG in line)
    assert "0.722 ±0.010" in row
    assert all(text in out for text in ("data [b]", "best [/b]", "IoU − best"))
    assert "-0.233 [-0.243, -0.223]" in row
    assert row.split()[-1] == "24"
    assert not err


@pytest.mark.parametrize("width", [80, 100, 240])
def test_on_a_terminal_it_fits_and_says_what_it_left_out(
    table: Table, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    out, err = printed(table, monkeypatch, width=width, terminal=True)
    assert max(len(line.rstrip()) for line in out.splitlines()) <= width
    assert "0.955 ±0.010" in out
    assert "-0.233 [-0.243, -0.223]" in out  # on one line
    assert ("Pictures" in out) == (width == 240)
    assert ("the terminal is too narrow for: " in err) == (width < 240)


def test_every_main_column_but_the_iou_may_go() -> None:
    assert {*MAIN, *MAIN_SEQUENCE, "pictures"} - {"iou"} == set(FIRST_TO_GO)
