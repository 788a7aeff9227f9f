"""`bgdl export`: a trained checkpoint as one file that `--model` takes everywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from bgdl.cli import console
from bgdl.errors import InputError


def export(
    checkpoint: Annotated[str, typer.Argument(help="A .ckpt of `bgdl train`, any weights file, or a model's name.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="NAME.safetensors, NAME.onnx or NAME.xml.")],
    precision: Annotated[Literal["half", "full"], typer.Option("--precision", help="Of the floats written.")] = "half",
    licence: Annotated[str | None, typer.Option("--licence", help="Under which the weights are passed on.")] = None,
    scores: Annotated[Path | None, typer.Option("--scores", help="JSON file that goes into the output.")] = None,
    start: Annotated[
        str | None, typer.Option("--blend", help="Weights that training started from, to average with: file or name.")
    ] = None,
    share: Annotated[float, typer.Option("--share", help="Of the checkpoint in that average, 0 to 1.")] = 0.5,
    pictures: Annotated[
        Path | None, typer.Option("--int8", metavar="FOLDER", help="Measure on its pictures what int8 needs.")
    ] = None,
    register: Annotated[str | None, typer.Option("--register", help="Also make it `--model NAME` for you.")] = None,
) -> None:
    """Write a checkpoint as self-describing .safetensors, .onnx or .xml, checked against torch."""
    from bgdl.engines.network import files_of
    from bgdl.export import model

    facts: dict[str, Any] = {"licence": licence} if licence else {}
    if scores:
        try:
            facts["scores"] = json.loads(scores.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{scores} cannot be read as JSON: {error}") from error
    difference = model.export(
        checkpoint, output, half=precision == "half", start=start, share=share, pictures=pictures, **facts
    )
    size_mb = sum(file.stat().st_size for file in files_of(output)) / 1e6
    console.note(f"{output}: {size_mb:.2f} MB, differs from torch by {difference:.1e} on average")
    if register:
        path = model.register(output, register)
        console.note(f"--model {register} is {path}")
