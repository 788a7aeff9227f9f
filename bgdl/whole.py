"""Files that are whole or not there: written beside their name, which they take at the end; a link stays one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bgdl.errors import InputError


def write(path: str | Path, data: bytes) -> None:
    """Give the file these bytes. Raises InputError where the disk does not take them: what was there stays."""
    with told(f"write {path}"), part(path) as beside:
        beside.write_bytes(data)


@contextmanager
def part(path: str | Path, *endings: str) -> Iterator[Path]:
    """Where to write meanwhile: hidden, with the suffix of `path`, whose name it takes when the block ends.

    endings: of files that are written with it, which take their names first (".bin" before an OpenVINO .xml).
    Where the block ends in an error or by Ctrl-C, nothing of it is left.
    """
    path = Path(path)
    beside = Path(os.path.realpath(path)).with_name(f".part-{secrets.token_hex(4)}{path.suffix}")  # short
    files = {beside.with_suffix(ending): path.with_suffix(ending) for ending in (*endings, path.suffix)}
    try:
        yield beside
        for file, final in files.items():
            os.replace(file, os.path.realpath(final))
    finally:
        for file in files:
            with suppress(OSError):
                file.unlink()


@contextmanager
def told(deed: str) -> Iterator[None]:
    """An OSError, which may name no file, as the sentence "cannot `deed`: No space left on device"."""
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot {deed}: {error.strerror or error}") from error
