"""Options that several verbs share, each defined once."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import typer

from bgdl.errors import InputError

METHOD = "Method"
LOOK = "Look"
MATTE = "Matte"
FILES = "Files"

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="A name from `bgdl models`, with options as NAME:option=value, or a weights file.",
        rich_help_panel=METHOD,
    ),
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
Size = Annotated[
    int | None,
    typer.Option(
        "--size", min=32, help="Side of the network's input in px (default: the weights').", rich_help_panel=METHOD
    ),
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
EdgeOption = Annotated[
    Literal["none", "guided", "decontaminate", "matting"],
    typer.Option("--edge", help="How hair and soft edges are treated.", rich_help_panel=LOOK),
]
SmoothOption = Annotated[
    Literal["off", "ema", "flow"] | None,
    typer.Option(
        "--smooth", rich_help_panel=MATTE,
        help="Steady mattes (default: ema for networks, off for classical methods).",
    ),
]  # fmt: skip
Keep = Annotated[
    str | None,
    typer.Option(
        "--keep", metavar="largest|N|all", rich_help_panel=MATTE,
        help="Only the largest part, the N largest, or all but islands under 1 %.",
    ),
]  # fmt: skip
Prime = Annotated[
    str | None,
    typer.Option(
        "--prime", metavar="2s|60|FILE", rich_help_panel=METHOD,
        help="The empty scene, for methods that learn one: the first 2s, the first 60, or a picture or clip.",
    ),
]  # fmt: skip
OnlyMatte = Annotated[bool, typer.Option("--only-matte", help="Write the grey alpha matte.", rich_help_panel=LOOK)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.", rich_help_panel=FILES)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON records, one a line.", rich_help_panel=FILES)]


def for_network(size: int | None) -> dict[str, int]:
    """The options of `bgdl.load` that only networks have, those that were given."""
    return {} if size is None else {"size": size}


def parse_size(text: str) -> tuple[int, int]:
    """ "1280x720" -> (1280, 720)."""
    asked = re.fullmatch("([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", text.lower())
    if not asked:
        raise InputError(f"--size {text!r} is not WIDTHxHEIGHT, for instance 1280x720")
    return int(asked[1]), int(asked[2])
