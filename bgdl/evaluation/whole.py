"""Files of a report: whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bgdl.errors import InputError


def write_whole(path: Path, data: bytes) -> None:
    """Write beside `path`, then under its name. Raises InputError where the disk is full, and leaves nothing half."""
    part = path.with_suffix(".part")
    with told(path):
        try:
            part.write_bytes(data)
            part.replace(path)
        except OSError:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise


@contextmanager
def told(path: Path) -> Iterator[None]:
    """An OSError, which may name no file, as a sentence about `path`."""
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
