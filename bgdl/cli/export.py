"""`bgdl export`: a trained checkpoint as one file that `--model` takes everywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from bgdl.cli import console
from bgdl.errors import InputError


def export(
    checkpoint: Annotated[
        str,
        typer.Argument(metavar="CHECKPOINT", help="A .ckpt from `bgdl train`, any weights file, or a model's name."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write: .safetensors, .onnx or .xml (OpenVINO).")
    ],
    precision: Annotated[
        Literal["half", "full"], typer.Option("--precision", help="Store values as float16 (half) or float32 (full).")
    ] = "half",
    licence: Annotated[
        str | None,
        typer.Option("--licence", "--license", metavar="TEXT", help="Licence of the weights, to record in the file."),
    ] = None,
    scores: Annotated[
        Path | None, typer.Option("--scores", help="JSON file with scores, to record in the file.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--blend", metavar="WEIGHTS", help="Average with these weights (file or name), such as training's start."
        ),
    ] = None,
    share: Annotated[
        float, typer.Option("--share", help="With --blend: weight of the checkpoint in the average, 0 to 1.")
    ] = 0.5,
    pictures: Annotated[
        Path | None,
        typer.Option(
            "--int8", metavar="FOLDER", help="Calibrate int8 on pictures from this folder (.safetensors only)."
        ),
    ] = None,
    register: Annotated[
        str | None,
        typer.Option("--register", metavar="NAME", help="Also install the file for this user, as `--model NAME`."),
    ] = None,
) -> None:
    """Turn a trained checkpoint into one file that --model accepts, and check it against torch."""
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
    console.note(f"{output}: {size_mb:.2f} MB, mean difference from torch {difference:.1e}")
    if register:
        path = model.register(output, register)
        console.note(f"--model {register} now means {path}")
