"""Files that appear under their final name only when they are whole; until then they are called NAME.part."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from bgdl.errors import InputError


class PartFile:
    """A file, or a folder of numbered files, that is being written.

    target: the final name; for a sequence a folder, or a pattern such as frames/%05d.png.
    Raises InputError where the target exists and `overwrite` is not set, or cannot be written.
    """

    def __init__(self, target: Path, *, sequence: bool = False, overwrite: bool = False) -> None:
        if sequence and target.suffix and "%" not in target.name:
            raise InputError(f"{target.name}: a sequence needs a folder, or a pattern such as {target.stem}/%05d.png")
        pattern = sequence and "%" in target.name
        self.final = target.parent if pattern else target
        self.sequence = sequence
        self._names = target.name if pattern else "%06d.png"
        self.part = self.final.with_name(self.final.name + ".part")
        taken = any(self.final.iterdir()) if self.final.is_dir() else self.final.exists()
        if taken and not overwrite:
            raise InputError(f"{self.final} exists; use --overwrite or another name")
        if self.final.is_dir() and not sequence:
            raise InputError(f"{self.final} is a folder; give a file name with an extension, or --format png")
        try:
            self.discard()
            (self.part if sequence else self.part.parent).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot write {self.part} ({error.strerror})") from error

    @property
    def path(self) -> Path:
        """Where to write meanwhile."""
        return self.part / self._names if self.sequence else self.part

    def commit(self) -> None:
        """Give the whole file its final name."""
        if self.sequence and self.final.is_dir():
            for file in self.part.iterdir():
                os.replace(file, self.final / file.name)
            self.part.rmdir()
        else:
            os.replace(self.part, self.final)

    def discard(self) -> None:
        """Delete what was written."""
        if self.part.is_dir():
            shutil.rmtree(self.part)
        else:
            self.part.unlink(missing_ok=True)
