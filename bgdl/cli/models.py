"""`bgdl models`: what there is to choose from; `bgdl models fetch NAME`: download weights ahead of time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bgdl.cli import console

if TYPE_CHECKING:
    from bgdl.registry import Method

NONE = "none needed"

app = typer.Typer(help="List models and methods; download weights.", invoke_without_command=True)


@app.callback()
def models(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one record per model.")] = False,
) -> None:
    """List models and methods, with licence, source and where the weights are."""
    if context.invoked_subcommand:
        return
    rows = _rows()
    if as_json:
        console.out.print("\n".join(json.dumps(row) for row in rows), markup=False)
        return
    width = max(len(row["name"]) for row in rows) + 2
    for row in rows:
        console.out.print(f"[bold]{row['name']:{width}}[/]{row['summary']}")
        for line in _details(row):
            console.out.print(" " * width + line, markup=False)


@app.command()
def fetch(names: Annotated[list[str], typer.Argument(help="Names from `bgdl models`.", metavar="NAME")]) -> None:
    """Download weights into the user cache, for use offline."""
    from bgdl import weights

    for name in names:
        console.out.print(f"{name}: {weights.fetch_again(name)}", markup=False)


def _details(row: dict[str, Any]) -> Iterator[str]:
    if row["licence"]:
        yield ", ".join(filter(None, (row["licence"], row["source"])))
    if row["primed"]:
        yield "learns the empty scene: --prime"
    if row["stateful"]:
        yield "depends on earlier frames: needs every frame of a clip, in order"
    if row["weights"] != NONE:
        yield row["weights"]
    if row["scores"]:
        yield ", ".join(_named(row["scores"]))


def _named(scores: Mapping[str, Any]) -> Iterator[str]:
    """Each score after its name, and of scores in groups also the group's."""
    for name, value in scores.items():
        if isinstance(value, Mapping):
            yield from (f"{name} {text}" for text in _named(value))
        else:
            yield f"{name} {value:.3f}" if isinstance(value, int | float) else f"{name} {value}"


def _rows() -> list[dict[str, Any]]:
    from bgdl.nets.card import read_card
    from bgdl.registry import METHODS
    from bgdl.weights import RECORDS, TFLITE, locate, registered

    rows = []
    for name, method in _with_variants(METHODS):
        record = (RECORDS | TFLITE).get(name)
        found = record and locate(record)
        missing = f"not downloaded yet: bgdl models fetch {name}" if record else NONE
        rows.append(
            {
                "name": name,
                "summary": record.summary if record else method.summary,
                "primed": method.primed,
                "stateful": method.stateful,
                "scores": dict(record.scores) if record else {},
                "licence": record.licence if record else "",
                "source": record.source if record else "",
                "weights": str(found) if found else missing,
                "file": record.file if record else None,
                "url": record.url if record else None,
            }
        )
    own: dict[str, Any] = {
        "summary": "your own, registered with bgdl export", "primed": False, "stateful": False, "source": ""
    }  # fmt: skip
    for name, path in registered().items():
        card = read_card(path)
        scores = card.get("scores")
        told = {"scores": scores if isinstance(scores, dict) else {}, "licence": card.get("licence", "")}
        rows.append({"name": name, **own, **told, "weights": str(path), "file": path.name, "url": None})
    return rows


def _with_variants(methods: dict[str, Method]) -> Iterator[tuple[str, Method]]:
    """The table, each method followed by its options that have weights of their own."""
    from bgdl.weights import TFLITE

    for name, method in methods.items():
        yield name, method
        yield from ((variant, method) for variant in TFLITE if variant.startswith(f"{name}:"))
