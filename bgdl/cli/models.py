"""`bgdl models`: what there is to choose from; `bgdl models fetch NAME`: download weights ahead of time."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from bgdl.cli import console

app = typer.Typer(help="List the models and methods; fetch weights.", invoke_without_command=True)


@app.callback()
def models(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON record a model.")] = False,
) -> None:
    """List the models and methods, with licence, source and where the weights are."""
    if context.invoked_subcommand:
        return
    rows = _rows()
    if as_json:
        console.out.print("\n".join(json.dumps(row) for row in rows), markup=False)
        return
    table = Table(
        "name", "for", "scores", "licence", "source", "weights", box=None, header_style="bold", pad_edge=False
    )
    for row in rows:
        scores = " ".join(f"{key} {value:.3f}" for key, value in row["scores"].items())
        table.add_row(row["name"], row["summary"], scores, row["licence"], row["source"], row["weights"])
    console.out.print(table)


@app.command()
def fetch(names: Annotated[list[str], typer.Argument(help="Names from `bgdl models`.", metavar="NAME...")]) -> None:
    """Download weights into the user cache, so that they are there offline."""
    from bgdl import weights

    for name in names:
        console.out.print(f"{name}: {weights.find(name)}", markup=False)


def _rows() -> list[dict[str, Any]]:
    from bgdl.registry import METHODS
    from bgdl.weights import RECORDS, TFLITE, locate

    rows = []
    for name, method in METHODS.items():
        record = (RECORDS | TFLITE).get(name)
        found = record and locate(record)
        rows.append(
            {
                "name": name,
                "summary": method.summary,
                "scores": dict(record.scores) if record else {},
                "licence": record.licence if record else "",
                "source": record.source if record else "",
                "weights": str(found) if found else f"bgdl models fetch {name}" if record else "none needed",
            }
        )
    return rows
