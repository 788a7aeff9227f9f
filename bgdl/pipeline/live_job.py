"""Everything that is asked of a live run, checked before anything is opened, and what it reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bgdl import checks
from bgdl.choices import EdgeName, Fit, SmoothName
from bgdl.errors import InputError
from bgdl.media import formats
from bgdl.media.empty_scene import parse_prime
from bgdl.media.target import Target
from bgdl.pipeline.backdrop import channels_under


@dataclass(frozen=True)
class LiveJob:
    """What `bgdl live` is asked for.

    source: a camera's number, a file or a URL. backgrounds: what the key `b` goes through. mirror: of the window
    alone; what is recorded or sent is not mirrored. prime: the empty scene: "2s" or "60" (frames) of the source, to
    begin with, or a picture or clip. frames, seconds: stop after so many. snapshots: folder for `s`, made where it is
    missing.
    """

    source: str = "0"
    backgrounds: tuple[str, ...] = ("transparent",)
    fit: Fit = "cover"
    edge: EdgeName = "none"
    smooth: SmoothName | None = None
    prime: str | None = None
    size_wh: tuple[int, int] | None = None
    fps: float | None = None
    mirror: bool = True
    window: bool = True
    virtual_camera: bool = False
    record: Path | None = None
    overwrite: bool = False
    frames: int | None = None
    seconds: float | None = None
    snapshots: Path = Path()
    on_note: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        """Refuse what cannot be done, and to replace what is read, before anything is loaded or opened."""
        if not (self.window or self.virtual_camera or self.record):
            raise InputError("without a window there is nothing to do; record to a file or publish a virtual camera")
        checks.one_of("fit", self.fit, Fit)
        checks.one_of("edge", self.edge, EdgeName)
        checks.one_of("smooth", self.smooth or "off", SmoothName)
        if self.prime is not None:
            parse_prime(self.prime)
        channels = [channels_under(background) for background in self.backgrounds]
        if self.record is not None:
            self._check_record(self.record, channels[0])

    def _check_record(self, record: Path, channels: int) -> None:
        chosen = formats.pick(record, channels=channels, flatten=True)
        if channels not in chosen.pix_fmts:
            raise InputError(
                f"{record.name}: {chosen.name} holds no transparency; record .webm, .mov or .mkv, "
                "or give an opaque background"
            )
        target = Target.of(record, sequence=chosen.sequence)
        target.check(overwrite=self.overwrite, reads=(self.source, *self.backgrounds, self.prime))


@dataclass(frozen=True)
class LiveReport:
    """frames: shown. dropped: came while another was worked on. seconds: without pauses. latency_ms: mean from camera
    to output."""

    frames: int
    dropped: int
    seconds: float
    latency_ms: float

    @property
    def fps(self) -> float:
        return self.frames / self.seconds if self.seconds else 0.0
