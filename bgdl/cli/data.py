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
    grid: Annotated[
        Path | None,
        typer.Option("--grid", help="File for a contact sheet of up to 16 samples (default: FOLDER-check.png beside)."),
    ] = None,
) -> None:
    """Find missing masks, mismatched sizes, inverted, empty or wrongly scaled masks, and duplicates."""
    from bgdl.data.check import check_folder, check_sheet, sample_grid, save_sheet, spread
    from bgdl.data.pairs import read_pair
    from bgdl.media.image import format_of

    root = root.expanduser()
    sheet = grid or _beside(root)
    if not sheet.parent.is_dir():
        raise InputError(f"cannot write {sheet.name}: there is no folder {sheet.parent}; create it first")
    format_of(sheet)  # says what is written
    check_sheet(sheet, root)
    pairs, findings = check_folder(root)
    for finding in findings:
        line = f"{finding.severity}: {finding.name} {finding.text}"
        console.out.print(console.harmless(line), markup=False)
    faulty = {finding.name for finding in findings if finding.severity == "error"}
    samples = spread([pair for pair in pairs if pair.name not in faulty], 16)
    console.note(f"{len(pairs)} pairs, {len(faulty)} with errors, {len(findings) - len(faulty)} warnings")
    if samples:
        try:
            save_sheet(sample_grid(map(read_pair, samples)), sheet)
            console.note(f"{sheet}: {len(samples)} samples, each beside its cutout over green")
        except InputError as error:
            if grid:
                raise
            console.note(f"{error}; --grid FILE draws the samples elsewhere")  # data are often where nobody may write
    if faulty:
        raise InputError(f"{root} has {len(faulty)} unusable pictures; see the list above")


def _beside(root: Path) -> Path:
    """people/ -> people-check.png; not in it, where it would be one of the pictures."""
    root = root.resolve() if root.name in ("", "..") else root
    return root.parent / f"{root.stem if root.is_file() else root.name}-check.png"
