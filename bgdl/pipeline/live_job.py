"""Everything that is asked of a live run, checked before anything is opened, and what it reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bgdl.errors import InputError
from bgdl.media import formats
from bgdl.media.empty_scene import parse_prime
from bgdl.media.target import Target
from bgdl.pipeline.backdrop import is_video
from bgdl.pipeline.looks import make_look
from bgdl.refine.edges import EdgeName
from bgdl.refine.smooth import SmoothName
from bgdl.types import Fit


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


@dataclass(frozen=True)
class LiveReport:
    """frames: shown. dropped: came while another was worked on. latency_ms: mean from camera to output."""

    frames: int
    dropped: int
    seconds: float
    latency_ms: float

    @property
    def fps(self) -> float:
        return self.frames / self.seconds if self.seconds else 0.0


def check(job: LiveJob) -> None:
    """Refuse what cannot be shown to a method or recorded, and to replace what is read, before anything is opened."""
    if job.prime is not None:
        parse_prime(job.prime)
    if job.record is None:
        return
    channels = _channels_under(job.backgrounds[0])
    chosen = formats.pick(job.record, channels=channels, flatten=True)
    if channels not in chosen.pix_fmts:
        raise InputError(
            f"{job.record.name}: {chosen.name} holds no transparency; record .webm, .mov or .mkv, "
            "or give an opaque --background"
        )
    target = Target.of(job.record, sequence=chosen.sequence)
    target.check(overwrite=job.overwrite, reads=(job.source, *job.backgrounds, job.prime))


def _channels_under(background: str) -> int:
    """Of the pictures over a background: 4 where one sees through, else 3."""
    return 3 if is_video(background) else make_look(background).channels
