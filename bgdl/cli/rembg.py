"""`bgdl i`: rembg's own way of saying `bgdl image`, for scripts that move over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bgdl.cli import options
from bgdl.cli.image import image


def i(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="A picture, or - for stdin.")] = "-",
    target: Annotated[Path | None, typer.Argument(metavar="OUTPUT", help="A file, or - for stdout.")] = None,
    model: options.Model = "portrait",
    only_mask: Annotated[bool, typer.Option("--only-mask", "-om", help="Write the grey matte.")] = False,
    alpha_matting: Annotated[bool, typer.Option("--alpha-matting", "-a", help="--edge matting.")] = False,
    bgcolor: Annotated[
        tuple[int, int, int, int] | None, typer.Option("--bgcolor", "-bgc", metavar="R G B A", help="0 to 255 each.")
    ] = None,
) -> None:
    """`rembg i` by its own options: rembg i -m MODEL -om -a -bgc R G B A INPUT OUTPUT."""
    if bgcolor and not all(0 <= value <= 255 for value in bgcolor):
        raise typer.BadParameter(f"{bgcolor} holds values outside 0 to 255", param_hint="-bgc")
    background = "#{:02x}{:02x}{:02x}{:02x}".format(*bgcolor) if bgcolor else "transparent"
    image(
        [source],
        target or Path("-"),
        model=model,
        only_matte=only_mask,
        edge="matting" if alpha_matting else "decontaminate",
        background=background,
        overwrite=True,
    )
