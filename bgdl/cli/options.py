"""Options that several verbs share, each defined once."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

METHOD = "Method"
LOOK = "Look"

Model = Annotated[
    str, typer.Option("--model", "-m", help="A name from `bgdl models`, or a weights file.", rich_help_panel=METHOD)
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel=METHOD)]
Engine = Annotated[
    Literal["auto", "torch", "openvino", "onnx"],
    typer.Option("--engine", help="What runs the network.", rich_help_panel=METHOD),
]
PrecisionOption = Annotated[
    Literal["auto", "fp32", "bf16", "fp16", "int8"],
    typer.Option("--precision", help="Arithmetic of the network.", rich_help_panel=METHOD),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, help="Processors to use (default: all allowed).", rich_help_panel=METHOD),
]
Background = Annotated[
    str,
    typer.Option("--background", "-b", help="transparent, a colour, a file, or blur[:SIGMA].", rich_help_panel=LOOK),
]
FitOption = Annotated[
    Literal["cover", "contain", "stretch"],
    typer.Option("--fit", help="How a background file fills the frame.", rich_help_panel=LOOK),
]
OnlyMatte = Annotated[bool, typer.Option("--only-matte", help="Write the grey alpha matte.", rich_help_panel=LOOK)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
