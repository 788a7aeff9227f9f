"""What a run over a clip tells: a record a frame, and one for the whole."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from bgdl.pipeline.video_pump import StageTimes


@dataclass(frozen=True)
class FrameRecord:
    """time_s: in the output. coverage: mean alpha. confidence: mean alpha weighted by alpha, 1 for a crisp matte."""

    frame: int
    time_s: float
    coverage: float
    confidence: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class VideoReport:
    """What `convert_video` did.

    frames, batch: counts. seconds: of the stages' own work, the wall clock beside them, both passes of `crop` together.
    peak_memory_mb: of this process since it began, None where the system does not say; peak_device_mb: of the GPU.
    sidecar: the matte's file.
    """

    source: str
    target: Path
    sidecar: Path | None
    frames: int
    batch: int
    seconds: StageTimes
    encoder: str
    size_hw: tuple[int, int]
    notes: tuple[str, ...]
    peak_memory_mb: float | None
    peak_device_mb: float | None

    @property
    def fps(self) -> float:
        return self.frames / self.seconds.wall if self.seconds.wall else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        seconds = asdict(self.seconds)
        return {
            **asdict(self),
            "target": str(self.target),
            "sidecar": str(self.sidecar) if self.sidecar else None,
            "seconds": {name: round(value, 3) for name, value in seconds.items()},
            "fps": {name: round(self.frames / value, 2) if value else None for name, value in seconds.items()},
            "slowest": self.seconds.slowest,
        }


def frame_records(first: int, times_s: list[Fraction], judged: list[tuple[float, float]]) -> list[FrameRecord]:
    """Records of consecutive frames, the first of which is number `first`."""
    return [
        FrameRecord(first + index, round(float(time_s), 6), round(coverage, 4), round(confidence, 4))
        for index, (time_s, (coverage, confidence)) in enumerate(zip(times_s, judged, strict=True))
    ]
