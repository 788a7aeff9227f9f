"""What the command line prints and how it ends: notes and errors on stderr, results on stdout."""

from __future__ import annotations

import gc
import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console

if TYPE_CHECKING:
    from bgdl.types import Matter

if not os.environ.get("COLUMNS", "").strip("0"):
    os.environ.pop("COLUMNS", None)  # of 0, rich prints tables and help as nothing

out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


_CONTROLS = {code: "\ufffd" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


def harmless(text: str) -> str:
    """Without the control characters that terminals obey and file names may hold."""
    return text.translate(_CONTROLS)


def note(text: str) -> None:
    """One line for the reader, not part of the result."""
    err.print(harmless(text), markup=False)


def error(text: str) -> None:
    """One sentence on what went wrong."""
    err.print("[bold red]error:[/] ", end="")
    err.print(harmless(text), markup=False)


def loaded() -> None:
    """From here on Python looks for unused objects again, if `script` stopped that, but not among what was loaded."""
    gc.freeze()
    gc.enable()


def print_anything() -> None:
    """From here on a character that the output's encoding does not have becomes a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and (stream.errors == "strict" or stream.encoding.lower() != "utf-8"):
            stream.reconfigure(errors="replace")


def flush() -> None:
    """Write what was printed; a stream that was closed from the start is None."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def let_go() -> None:
    """Give up what stdout does not take, which Python would try once more as it ends."""
    try:
        flush()
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def leave() -> NoReturn:
    """End the process, all done, without Python's clearing away of modules: with torch that takes half a second."""
    flush()
    os._exit(0)


def describe(matter: Matter, label: str | None = None) -> str:
    """The first line of every run: model (or what it is called here), device and engine."""
    from bgdl.types import runner_of

    engine = runner_of(matter)
    runs = f"{engine.name} {engine.precision}" if engine else "none"
    return f"model {label or matter.name}, device {matter.device}, engine {runs}"
