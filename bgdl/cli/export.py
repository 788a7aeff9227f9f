"""`bgdl export`: a trained checkpoint as one file that `--model` takes everywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from bgdl.cli import console
from bgdl.cli.options import Overwrite
from bgdl.errors import InputError

Checkpoint = Annotated[
    str, typer.Argument(metavar="CHECKPOINT", help="A .ckpt from `bgdl train`, any weights file, or a model's name.")
]
Output = Annotated[Path, typer.Option("--output", "-o", help="File to write: .safetensors, .onnx or .xml (OpenVINO).")]
Stored = Annotated[
    Literal["half", "full"], typer.Option("--precision", help="Store values as float16 (half) or float32 (full).")
]
Licence = Annotated[
    str | None,
    typer.Option("--licence", "--license", metavar="TEXT", help="Licence of the weights, to record in the file."),
]
Scores = Annotated[Path | None, typer.Option("--scores", help="JSON file with scores, to record in the file.")]
Start = Annotated[
    str | None,
    typer.Option(
        "--blend", metavar="WEIGHTS", help="Average with these weights (file or name), such as training's start."
    ),
]
Share = Annotated[
    float | None,
    typer.Option("--share", help="With --blend: weight of the checkpoint in the average, 0 to 1 (default: 0.5)."),
]
Int8 = Annotated[
    Path | None,
    typer.Option("--int8", metavar="FOLDER", help="Calibrate int8 on pictures from this folder (.safetensors only)."),
]
Levels = Annotated[
    tuple[float, float] | None,
    typer.Option(
        "--levels",
        metavar="LOW HIGH",
        help="Probabilities that count as empty (LOW and below) and full (HIGH and above), such as 0.1 0.9: less haze, "
        "fewer see-through subjects. Default: those of the checkpoint's start.",
    ),
]
Register = Annotated[
    str | None,
    typer.Option("--register", metavar="NAME", help="Also install the file for this user, as `--model NAME`."),
]


def export(
    checkpoint: Checkpoint,
    output: Output,
    precision: Stored = "half",
    licence: Licence = None,
    scores: Scores = None,
    start: Start = None,
    share: Share = None,
    pictures: Int8 = None,
    levels: Levels = None,
    register: Register = None,
    overwrite: Overwrite = False,
) -> None:
    """Turn a trained checkpoint into one file that --model accepts, and check it against torch."""
    from bgdl.engines.network import files_of
    from bgdl.export import model, user_registry

    facts: dict[str, Any] = {"licence": licence} if licence else {}
    if scores:
        facts["scores"] = _read_scores(scores)
    if share is not None and start is None:
        raise InputError("share is the weight in an average; give blend too")
    if register:
        user_registry.check_name(register, overwrite=overwrite)
    options: dict[str, Any] = {"start": start, "pictures": pictures, "levels": levels}
    if share is not None:
        options["share"] = share
    difference = model.export(checkpoint, output, half=precision == "half", overwrite=overwrite, **options, **facts)
    size_mb = sum(file.stat().st_size for file in files_of(output)) / 1e6
    console.note(f"{output}: {size_mb:.2f} MB, mean difference from torch {difference:.1e}")
    if register:
        path = user_registry.register(output, register, overwrite=overwrite)
        console.note(f"--model {register} now means {path}")


def _read_scores(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f'there is no file {path}; scores takes a JSON file, {{"people": 0.95}} or the like'
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(found, dict) or not _holds_numbers(found):
        raise InputError(f'{path} holds something other than names with numbers; write {{"people": 0.95}} or the like')
    return found


def _holds_numbers(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_holds_numbers, value.values()))
    return isinstance(value, int | float) and not isinstance(value, bool)
