"""Pictures saved during a live run: none replaces another, and one that cannot be saved ends nothing."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

from torch import Tensor

from bgdl.errors import InputError
from bgdl.media import image


def make_folder(folder: Path) -> None:
    """Make the folder for snapshots; raises InputError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"the folder for snapshots, {folder}, cannot be made ({error.strerror})"
        raise InputError(f"{reason}; give a folder that can be written to") from error


def save(picture: Tensor, folder: Path) -> str:
    """Write uint8 (H,W,1|3|4) under a new name by the clock; returns a line on how it went."""
    path = _free_name(folder)
    try:
        image.write(picture, path)
    except InputError as error:
        return f"no snapshot: {error}"
    return f"snapshot: {path}"


def _free_name(folder: Path) -> Path:
    """bgdl-DATE-TIME.png, or with -2, -3, ... behind where the same second has one."""
    stem = time.strftime("bgdl-%Y%m%d-%H%M%S")
    names = (f"{stem}.png" if number == 1 else f"{stem}-{number}.png" for number in itertools.count(1))
    return next(path for name in names if not (path := folder / name).exists())
