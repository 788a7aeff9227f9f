"""Files that appear under their final name only when they are whole; until then they are called NAME.part."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from bgdl.errors import InputError
from bgdl.media.target import Target

if sys.platform != "win32":
    import fcntl


class PartFile:
    """A file, or a folder of numbered files, that is being written.

    target: the final name; for a sequence a folder, or a pattern such as frames/%05d.png.
    Raises InputError where the target exists and `overwrite` is not set, cannot be written, or is being written by
    another run; what an earlier run left under NAME.part is replaced.
    """

    def __init__(self, target: Path, *, sequence: bool = False, overwrite: bool = False) -> None:
        self.target = Target.of(target, sequence=sequence)
        self.final, self.part, self.sequence = self.target.final, self.target.part, sequence
        self._lock: int | None = None
        self.target.check(overwrite=overwrite)
        try:
            self._claim()
        except OSError as error:
            raise InputError(f"cannot write {self.part} ({error.strerror})") from error

    @property
    def path(self) -> Path:
        """Where to write meanwhile; for a sequence a pattern, in which only the number is one."""
        if self.target.names is None:
            return self.part.absolute()
        return Path(str(self.part.absolute()).replace("%", "%%")) / self.target.names

    def _claim(self) -> None:
        """Clear away what an earlier run left, and hold the name until this one ends."""
        if self.part.is_symlink():
            self.part.unlink()
        if self.part.exists():
            self._lock = self._locked()
            self.discard()
        (self.part if self.sequence else self.part.parent).mkdir(parents=True, exist_ok=True)
        if not self.sequence:
            self.part.touch()
        self._lock = self._locked()

    def _locked(self) -> int | None:
        """A lock on the unfinished file, which ends with the process however that ends.

        Windows needs none: there a file that is open elsewhere cannot be deleted.
        """
        if sys.platform == "win32":
            return None
        handle = os.open(self.part, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine = os.path.samestat(os.fstat(handle), os.stat(self.part))
        except (BlockingIOError, FileNotFoundError):
            mine = False
        except OSError:  # a file system without locks
            mine = True
        if not mine:
            os.close(handle)
            raise InputError(f"{self.final} is being written by another run ({self.part}); wait, or use another name")
        return handle

    def release(self) -> None:
        """Leave what was written under its unfinished name."""
        if self._lock is not None:
            os.close(self._lock)
        self._lock = None

    def commit(self) -> None:
        """Give the whole file its final name; of an older sequence no picture stays, of other files all do."""
        try:
            self._rename()
        except OSError as error:
            raise InputError(f"{self.final} cannot be written ({error.strerror}); the result is {self.part}") from error
        finally:
            self.release()

    def _rename(self) -> None:
        if self.sequence and self.final.is_dir():
            for old in list(self.target.numbered()):
                old.unlink()
            for file in list(self.part.iterdir()):
                os.replace(file, self.final / file.name)
            self.part.rmdir()
        else:
            os.replace(self.part, os.path.realpath(self.final))  # a link stays one

    def discard(self) -> None:
        """Delete what was written."""
        if self.part.is_dir():
            shutil.rmtree(self.part)
        else:
            self.part.unlink(missing_ok=True)
        self.release()
