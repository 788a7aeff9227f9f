"""`bgdl data check`: what is wrong with a folder of pictures and masks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bgdl.cli import console
from bgdl.errors import InputError

app = typer.Typer(help="Check training data before training.", no_args_is_help=True)


@app.callback()
def _verbs() -> None:
    """Keeps `check` a verb of its own."""


@app.command()
def check(
    root: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="Folder with images/ and masks/, folder of pictures with transparency, or .csv."
        ),
    ],
    grid: Annotated[Path, typer.Option("--grid", help="File for a contact sheet of up to 16 samples.")] = Path(
        "data-check.png"
    ),
) -> None:
    """Find missing masks, mismatched sizes, inverted, empty or wrongly scaled masks, and duplicates."""
    from PIL import Image

    from bgdl.data.check import check_folder, sample_grid, spread
    from bgdl.data.pairs import read_pair

    if not grid.parent.is_dir():
        raise InputError(f"cannot write {grid.name}: there is no folder {grid.parent}; create it first")
    if Image.registered_extensions().get(grid.suffix.lower()) not in Image.SAVE:
        raise InputError(f"cannot write {grid.name!r}; use .png or .jpg")
    pairs, findings = check_folder(root)
    for finding in findings:
        console.out.print(f"{finding.severity}: {finding.name} {finding.text}", markup=False)
    faulty = {finding.name for finding in findings if finding.severity == "error"}
    samples = spread([pair for pair in pairs if pair.name not in faulty], 16)
    if samples:
        sample_grid(map(read_pair, samples)).save(grid)
        console.note(f"{grid}: {len(samples)} samples, each beside its cutout over green")
    console.note(f"{len(pairs)} pairs, {len(faulty)} with errors, {len(findings) - len(faulty)} warnings")
    if faulty:
        raise InputError(f"{root} has {len(faulty)} unusable pictures; see the list above")
