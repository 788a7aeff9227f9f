"""The bar of a download on stderr."""

from __future__ import annotations

from bgdl.cli import console


class DownloadBar:
    """A rich progress bar as `bgdl.download.Bar`."""

    def __init__(self, title: str) -> None:
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        text = TextColumn("{task.description}", markup=False)
        self._bar = Progress(text, BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=console.err)
        self._task = self._bar.add_task(title, total=None)
        self._total = 0
        self._bar.start()

    @property
    def total(self) -> int:
        return self._total

    @total.setter
    def total(self, value: int) -> None:
        self._total = value
        self._bar.update(self._task, total=value or None)

    def update(self, count: int) -> None:
        self._bar.update(self._task, advance=count)

    def reset(self) -> None:
        self._bar.update(self._task, completed=0)

    def close(self) -> None:
        self._bar.stop()
