"""Everything that is asked of one clip, checked as far as it can be before any work."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from bgdl import checks
from bgdl.choices import BackgroundEnd, EdgeName, Fit, FormatName, SmoothName, Sound
from bgdl.errors import InputError
from bgdl.media.empty_scene import parse_prime
from bgdl.pipeline.looks import Background, check_alone
from bgdl.pipeline.matte_shape import MatteShape
from bgdl.pipeline.video_between import MOST
from bgdl.pipeline.video_pump import StageTimes
from bgdl.pipeline.video_records import FrameRecord
from bgdl.refine.matte import Margin
from bgdl.refine.smooth import MOST_STRENGTH, STRENGTH


@dataclass(frozen=True)
class Progress:
    """How far a run is: frames done and expected (None where unknown), the newest records, seconds so far.

    looking: True in the first pass of `crop`, which only makes mattes; it has no records.
    """

    done: int
    total: int | None
    records: list[FrameRecord]
    seconds: StageTimes
    looking: bool = False


@dataclass(frozen=True)
class VideoJob:
    """What is asked of one clip: the options of `bgdl.convert_video`, which says what each means."""

    source: str
    target: Path
    background: Background = "transparent"
    background_end: BackgroundEnd = "loop"
    fit: Fit = "cover"
    edge: EdgeName = "none"
    only_matte: bool = False
    alpha_sidecar: bool = False
    sound: Sound = "source"
    format: FormatName = "auto"
    encoder: str = "auto"
    crf: int | None = None
    preset: str | None = None
    start: float | Fraction | str | None = None
    end: float | Fraction | str | None = None
    frames: int | None = None
    smooth: SmoothName | None = None
    smooth_strength: float = STRENGTH
    every: int = 1
    threshold: float | None = None
    invert: bool = False
    keep: int | str | None = None
    crop: int | str | None = None
    prime: int | str | Path | None = None
    batch: int | None = None
    overwrite: bool = False
    on_note: Callable[[str], None] | None = None
    on_progress: Callable[[Progress], None] | None = None

    def __post_init__(self) -> None:
        if self.only_matte and self.alpha_sidecar:
            raise InputError("only_matte writes the matte alone; leave alpha_sidecar out")
        if self.only_matte:
            check_alone(self.background)
        if self.start_s is not None and self.end_s is not None and self.start_s >= self.end_s:
            raise InputError(f"start {self.start} is not before end {self.end}")
        object.__setattr__(self, "every", checks.count("every", self.every, at_least=1, at_most=MOST))
        for name in (name for name in ("frames", "batch") if getattr(self, name) is not None):
            object.__setattr__(self, name, checks.count(name, getattr(self, name), at_least=1, at_most=10**9))
        if self.crf is not None:
            object.__setattr__(self, "crf", checks.whole("crf", self.crf))
        checks.one_of("fit", self.fit, Fit)
        checks.one_of("background_end", self.background_end, BackgroundEnd)
        checks.one_of("sound", self.sound, Sound)
        checks.one_of("smooth", self.smooth or "off", SmoothName)
        checks.within("smooth_strength", self.smooth_strength, 0, MOST_STRENGTH)
        if self.smooth == "off" and self.smooth_strength != STRENGTH:
            raise InputError("smooth_strength is for smooth ema or flow, but smooth is off; leave one of the two out")
        self.shape  # noqa: B018 (raises for an edge, keep or threshold that is none)
        if self.crop is not None:
            Margin.parse(str(self.crop))
        if self.prime is not None:
            if not isinstance(self.prime, (int, str, Path)):
                raise InputError(f"prime is seconds (2s), frames (60) or a path, not {type(self.prime).__name__}")
            parse_prime(str(self.prime))

    @property
    def shape(self) -> MatteShape:
        return MatteShape(self.edge, self.keep, self.threshold, self.invert)

    def watched(self, on_note: Callable[[str], None], on_progress: Callable[[Progress], None]) -> VideoJob:
        """The same job, telling what happens."""
        return replace(self, on_note=on_note, on_progress=on_progress)

    @property
    def start_s(self) -> Fraction | None:
        return None if self.start is None else parse_time(self.start)

    @property
    def end_s(self) -> Fraction | None:
        return None if self.end is None else parse_time(self.end)


def parse_time(value: float | Fraction | str) -> Fraction:
    """Seconds, or "MM:SS.s" or "H:MM:SS.s", as exact seconds."""
    text = str(value).strip()
    if isinstance(value, (int, float, Fraction)) and not isinstance(value, bool) and 0 <= value < math.inf:
        return Fraction(text)
    if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d+)?", text):
        raise InputError(f"time {text!r} is neither seconds (12.5) nor H:MM:SS")
    total = Fraction(0)
    for part in text.split(":"):
        total = total * 60 + Fraction(part)
    return total
