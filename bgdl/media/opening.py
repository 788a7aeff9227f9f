"""Opening a file or URL for reading, in a way that one that gives nothing cannot hang."""

from __future__ import annotations

import errno
import os
import re
import stat
import threading
from collections.abc import Callable
from typing import TypeVar

import av

from bgdl.errors import InputError

T = TypeVar("T")

CLIP_SUFFIXES = (
    ".mp4", ".mkv", ".mov", ".webm", ".avi", ".m4v",
    ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv", ".ogv", ".3gp", ".y4m",
)  # fmt: skip
"""What tells a clip from a picture where either could be meant; where only a clip can be, every file is tried."""

_OPEN_S, _READ_S = 20.0, 20.0
_ATTACHED_PICTURE = 0x400
_NAP_S = 0.2  # Ctrl-C is looked for so often on Windows


def is_url(source: str) -> bool:
    """Whether a source is read over a protocol; a file called 12:30.mkv is not one of the protocol "12"."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", source) is not None and not os.path.exists(source)


def _address(source: str) -> str:
    """What FFmpeg is given to read: a URL as it is, a file by its whole path."""
    return source if is_url(source) else os.path.abspath(source)


def is_pipe(source: str) -> bool:
    """Whether a source can be read a single time."""
    return source.startswith(("pipe:", "fd:")) or (os.path.exists(source) and stat.S_ISFIFO(os.stat(source).st_mode))


def may_stall(source: str) -> bool:
    """Whether FFmpeg may wait for what never comes: a URL's server, or the rest of a playlist in a file."""
    return is_url(source) or os.path.isfile(source)


def open_input(source: str, purpose: str = "as a video") -> av.container.InputContainer:
    """An open container, which waits at most 20 s for data, then and later. Raises InputError."""
    if os.path.isdir(source):
        raise InputError(f"{source}: a folder cannot be opened {purpose}; give one clip, or pictures to `bgdl image`")
    try:
        container = _opened(source)
    except av.error.FFmpegError as error:
        raise InputError(f"{source}: cannot be opened {purpose} ({reason(error)})") from error
    if container.format.name == "tty":  # FFmpeg draws text as a terminal would
        container.close()
        raise InputError(f"{source}: cannot be opened {purpose} (it is a text file)")
    return container


def _opened(source: str) -> av.container.InputContainer:
    if may_stall(source):
        return interruptible(lambda: av.open(_address(source), timeout=(_OPEN_S, _READ_S)))
    return av.open(_address(source))


def picture_of(container: av.container.InputContainer) -> av.VideoStream | None:
    """The video stream that is shown, which a cover picture is not; None in a file without one."""
    shown = (stream for stream in container.streams.video if not int(stream.disposition) & _ATTACHED_PICTURE)
    return next(shown, None)


def at_end(source: str, container: av.container.InputContainer, error: av.error.FFmpegError) -> bool:
    """Whether an error is the end of an HTTP response without a length, which FFmpeg takes for a broken one."""
    if error.errno != errno.EIO or not source.lower().startswith(("http:", "https:")):
        return False
    told = container.size  # negative or, since PyAV 19, None where the length is not known
    return told is None or told < 0


def broken(source: str, error: av.error.FFmpegError) -> InputError:
    """What ends a run in the middle of a URL."""
    return InputError(f"{source}: the connection broke ({reason(error)}); check the network and start again")


def reason(error: av.error.FFmpegError) -> str:
    """FFmpeg's words for an error; a timeout is called one."""
    return f"no data for {_READ_S:.0f} s" if isinstance(error, av.error.ExitError) else str(error.strerror)


def interruptible(work: Callable[[], T]) -> T:
    """What `work` gives, done in a thread of its own: so Ctrl-C is heard while FFmpeg waits for data."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="bgdl-open", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_NAP_S)
    if errors:
        raise errors[0]
    return results[0]
