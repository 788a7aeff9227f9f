"""Which files the scores of a source were made from, as one word: where it differs, they are no longer its scores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from bgdl.evaluation.sources import Source
from bgdl.media.empty_scene import parse_prime


def stamp(source: Source, prime: str | None = None) -> str:
    """Hash over path, size and time of each picture, mask and clip; prime: as in `Rules`, where it is a file."""
    files = [file for clip in source.clips for file in clip.files]
    asked = parse_prime(prime) if prime else None
    if isinstance(asked, Path):
        files.append(asked)
    return stamp_of(files)


def stamp_of(files: Iterable[Path]) -> str:
    """Hash over path, size and time of each file."""
    return hashlib.sha256("\n".join(map(_facts, files)).encode("utf-8", "surrogateescape")).hexdigest()


def _facts(file: Path) -> str:
    try:
        found = file.stat()
    except OSError:  # a mask that is missing is said when the picture is read
        return f"{file.absolute()}"
    return f"{file.absolute()} {found.st_size} {found.st_mtime_ns}"
