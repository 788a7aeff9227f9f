"""Downloads a file whole or not at all: temporary file, hash check, rename."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from bgdl.errors import WeightsError


class Bar(Protocol):
    """A progress bar as pooch drives one; counts are bytes."""

    total: int

    def update(self, count: int) -> None: ...

    def reset(self) -> None: ...

    def close(self) -> None: ...


make_bar: Callable[[str], Bar] | None = None
"""Makes the bar of a download, given what it is called; the command line sets it. Without one, pooch logs a line that
says what is downloaded to where (`pooch.get_logger()`)."""


def download(url: str, target: Path, *, known_hash: str | None, title: str) -> None:
    """Put what is at `url` into the file `target`; raises WeightsError where that fails, with the manual steps.

    known_hash: "md5:..." or "sha256:...". title: of the bar.
    """
    import pooch

    bar = make_bar(title) if make_bar else None
    logger = pooch.get_logger()
    logger.disabled = bar is not None  # it belongs to no hierarchy, where setLevel alone would do
    downloader = pooch.HTTPDownloader(progressbar=bar or False, timeout=30)
    try:
        pooch.retrieve(url, known_hash=known_hash, fname=target.name, path=target.parent, downloader=downloader)
    except OSError as error:  # every requests exception is one, and some are ValueErrors too
        raise WeightsError(
            f"cannot download {target.name} ({type(error).__name__}); without a network, fetch {url} "
            f"elsewhere and put it into {target.parent}, or give its path as the model"
        ) from error
    except ValueError as error:  # pooch's hash mismatch
        raise WeightsError(f"{target.name}: what was downloaded does not match its hash; try again later") from error
    finally:
        logger.disabled = False
        if bar:
            bar.close()
