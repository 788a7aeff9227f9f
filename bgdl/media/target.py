"""What a target names: one file, or a folder of numbered pictures; and whether it may be written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bgdl.errors import InputError

_PATTERN = re.compile(r"([^%]*)%(\d*)d([^%]*)")


@dataclass(frozen=True)
class Target:
    """Where a run writes.

    final: the file, or the folder of a sequence. names: the pattern of the files in that folder; None for one file.
    """

    final: Path
    names: str | None = None

    @classmethod
    def of(cls, path: Path, *, sequence: bool) -> Target:
        """path: a file; for a sequence a folder, or a pattern such as frames/%05d.png, else InputError is raised."""
        if not sequence:
            return cls(path)
        if not path.suffix:
            return cls(_named(path), "%06d.png")
        if not _PATTERN.fullmatch(path.name):
            raise InputError(f"{path.name}: a sequence needs a folder, or a pattern such as {path.stem}/%05d.png")
        return cls(_named(path.parent), path.name)

    @property
    def part(self) -> Path:
        """What `final` is called while it is written."""
        return self.final.with_name(f"{self.final.name}.part")

    @property
    def path(self) -> Path:
        """The file, or the pattern of the files."""
        return self.final / self.names if self.names else self.final

    @property
    def sidecar(self) -> Target:
        """That of a matte beside it: clip.mp4 -> clip_alpha.mp4, frames/%05d.png -> frames_alpha/%05d.png."""
        stem, suffix = (self.final.name, "") if self.names else (self.final.stem, self.final.suffix)
        return replace(self, final=self.final.with_name(f"{stem}_alpha{suffix}"))

    def check(self, *, overwrite: bool, reads: Iterable[str | None] = ()) -> None:
        """Raises InputError where `final` is there and may not be replaced, or one of `reads` would be."""
        for source in filter(None, reads):
            if self.replaces(source):
                raise replacing(source)
        final = self.final.resolve()  # new/../clip.mp4 is clip.mp4 as soon as the folder "new" is made
        taken = any(final.iterdir()) if final.is_dir() else os.path.lexists(self.final) or final.exists()
        if taken and not overwrite:
            raise InputError(f"{self.final} exists; use overwrite or another name")
        if final.is_dir() and self.names is None:
            raise InputError(f"{self.final} is a folder; give a file name with an extension, or format png")
        if str(self.final) == "-" or (final.exists() and not (final.is_file() or final.is_dir())):
            raise InputError(f"{self.final} is not a file; clips are written to files, not to a pipe or a device")
        if final.is_file() and self.names is not None:
            raise InputError(f"{self.final} is a file; pictures need a folder, give another name")

    def replaces(self, source: str) -> bool:
        """Whether writing would replace or delete `source`: a file, or a pattern of numbered ones."""
        source = source.removeprefix("file:")
        if self.names is None:
            return any(same_file(source, path) for path in (self.final, self.part))
        folder, name = os.path.split(source)
        numbered = _PATTERN.sub(lambda found: found[1] + "1".zfill(int(found[2] or 1)) + found[3], name)
        folder = folder or "."
        return same_file(folder, self.part) or (same_file(folder, self.final) and self._makes(numbered))

    def numbered(self) -> Iterator[Path]:
        """The pictures in the folder that bear this sequence's names."""
        return (path for path in self.final.iterdir() if self._makes(path.name))

    def _makes(self, name: str) -> bool:
        """Whether this sequence may write a file of that name."""
        found = _PATTERN.fullmatch(self.names or "")
        if not found:
            return False
        before, digits, after = found.groups()
        return bool(re.fullmatch(rf"{re.escape(before)}\d{{{int(digits or 1)},}}{re.escape(after)}", name))


def replacing(read: object) -> InputError:
    """What is raised where a result would replace what is read."""
    return InputError(f"{read} is an input and would be replaced by the result; choose another output")


def same_file(read: str | Path, written: str | Path) -> bool:
    """Whether what is read is what will be written, by whatever name."""
    written = os.path.realpath(written)  # also where its folder is yet to be made
    return os.path.exists(read) and os.path.exists(written) and os.path.samefile(read, written)


def _named(folder: Path) -> Path:
    """The folder by a name of its own, which "." and ".." have not."""
    if folder.name in ("", ".."):
        folder = folder.resolve()
    if not folder.name:
        raise InputError(f"{folder} cannot be written as a whole; give the name of a folder in it")
    return folder
