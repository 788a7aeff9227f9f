"""Options that several verbs share, each defined once."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from bgdl.choices import EdgeName, EngineName, Fit, Precision, SmoothName
from bgdl.errors import InputError

METHOD = "Method"
LOOK = "Look"
MATTE = "Matte"
FILES = "Files"

Model = Annotated[
    str,
    typer.Option(
        "--model", "-m", rich_help_panel=METHOD,
        help="A name from `bgdl models`, with options as NAME:option=value, or a weights file.",
    ),
]  # fmt: skip
Device = Annotated[
    str, typer.Option("--device", help="Where to compute: auto, cpu, cuda, cuda:N or mps.", rich_help_panel=METHOD)
]
Engine = Annotated[
    EngineName,
    typer.Option(
        "--engine", rich_help_panel=METHOD,
        help="Runtime for the network; auto picks the fastest that is installed (see `bgdl doctor`).",
    ),
]  # fmt: skip
PrecisionOption = Annotated[
    Precision,
    typer.Option(
        "--precision", rich_help_panel=METHOD,
        help="Number format of the network; auto gives up at most 0.002 of mean IoU for speed.",
    ),
]  # fmt: skip
Size = Annotated[
    int | None,
    typer.Option(
        "--size", min=32, metavar="PX", rich_help_panel=METHOD,
        help="Input size of the network: smaller is faster and coarser (default: the weights' own).",
    ),
]  # fmt: skip
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        max=1024,
        metavar="N",
        help="CPU threads to use (default: all that are allowed).",
        rich_help_panel=METHOD,
    ),
]
Background = Annotated[
    str,
    typer.Option(
        "--background", "-b", rich_help_panel=LOOK,
        help="What goes behind the subject: transparent, a CSS colour, a picture, or blur[:SIGMA] (in px).",
    ),
]  # fmt: skip
FitOption = Annotated[
    Fit,
    typer.Option(
        "--fit", rich_help_panel=LOOK,
        help="How a background file fills the frame: cropped (cover), with borders (contain) or distorted (stretch).",
    ),
]  # fmt: skip
EDGES = (
    "Treatment of hair and soft edges: none, guided (follows the picture's edges), decontaminate (also removes the "
    "old background's colour) or matting (solves the edge anew, which takes seconds)."
)
EdgeOption = Annotated[
    EdgeName,
    typer.Option("--edge", metavar="MODE", help=EDGES, rich_help_panel=LOOK),
]
ClipEdgeOption = Annotated[
    EdgeName,
    typer.Option(
        "--edge", metavar="MODE", rich_help_panel=LOOK,
        help=f"{EDGES} Off by default, unlike for pictures, because it costs as much time as the network or more.",
    ),
]  # fmt: skip
SmoothOption = Annotated[
    SmoothName | None,
    typer.Option(
        "--smooth", rich_help_panel=MATTE,
        help="Reduce flicker: ema averages over time where nothing moves, flow follows motion as well "
        "(default: ema for networks, off for classical methods).",
    ),
]  # fmt: skip
Threshold = Annotated[
    float | None,
    typer.Option(
        "--threshold",
        min=0,
        max=1,
        metavar="ALPHA",
        help="Binarise: alpha at or above this becomes 1, the rest 0.",
        rich_help_panel=MATTE,
    ),
]
Invert = Annotated[
    bool, typer.Option("--invert", help="Keep the background and remove the subject.", rich_help_panel=MATTE)
]
Keep = Annotated[
    str | None,
    typer.Option(
        "--keep", metavar="largest|N|all", rich_help_panel=MATTE,
        help="Parts of the matte to keep: the largest, the N largest, or all except islands under 1 % of the largest.",
    ),
]  # fmt: skip
Prime = Annotated[
    str | None,
    typer.Option(
        "--prime", metavar="2s|60|FILE", rich_help_panel=METHOD,
        help="The empty scene, for methods that learn one: the first 2 seconds, the first 60 frames, "
        "or a picture or clip.",
    ),
]  # fmt: skip
OnlyMatte = Annotated[
    bool,
    typer.Option("--only-matte", help="Write the matte itself, in grey, instead of a cutout.", rich_help_panel=LOOK),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace results that already exist.", rich_help_panel=FILES)
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON records to stdout, one per line.", rich_help_panel=FILES)
]


def for_network(size: int | None) -> dict[str, int]:
    """The options of `bgdl.load` that only networks have, those that were given."""
    return {} if size is None else {"size": size}


def parse_size(text: str, option: str) -> tuple[int, int]:
    """ "1280x720" -> (1280, 720)."""
    asked = re.fullmatch("([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", text.lower())
    if not asked:
        raise InputError(f"{option} {text!r} is not WIDTHxHEIGHT, for instance 1280x720")
    return int(asked[1]), int(asked[2])
