"""Paths as users give them: what is none is a sentence, and no result replaces what is read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from bgdl.errors import InputError
from bgdl.media.target import replacing, same_file


def path_text(name: str, value: object) -> str:
    """`value`, the option `name`, as text; raises InputError for what is empty (it would be the folder one is in)."""
    if not isinstance(value, (str, Path)):
        raise InputError(f"{name} is a path, not {type(value).__name__}")
    if not str(value):
        raise InputError(f"{name} is empty; give a path")
    if "\0" in str(value):
        raise InputError(f"{name} is {str(value)!r}, which no file is called: it has a NUL; give a path without")
    return str(value)


def check_target(target: Path, reads: Iterable[object]) -> None:
    """Raises InputError where a result would replace one of `reads`, those that are paths, or lie under a file."""
    for read in reads:
        if isinstance(read, (str, Path)) and same_file(read, target):
            raise replacing(read)
    there = next(folder for folder in target.absolute().parents if os.path.lexists(folder))
    if not there.is_dir():
        raise InputError(f"{there} is not a folder; give a folder, or a file name with an ending such as .png")
