"""What a run over a clip tells: a record a frame, and one for the whole."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

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

    frames, batch: counts. seconds: of the stages' own work, the wall clock beside them. peak_memory_mb: of this
    process since it began, None where the system does not say; peak_device_mb: of the GPU. sidecar: the matte's file.
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


def judge(alpha: Tensor) -> list[tuple[float, float]]:
    """Coverage and confidence of each matte of float32 (N,H,W,1)."""
    flat = alpha.flatten(1)
    total, sure = flat.sum(1).cpu().double(), torch.linalg.vecdot(flat, flat).cpu().double()  # MPS has no float64
    coverage = total / max(1, flat.shape[1])
    confidence = torch.where(total > 0, sure / total.clamp_min(1e-12), 0)
    return list(zip(coverage.tolist(), confidence.tolist(), strict=True))


def frame_records(first: int, times_s: list[Fraction], judged: list[tuple[float, float]]) -> list[FrameRecord]:
    """Records of consecutive frames, the first of which is number `first`."""
    return [
        FrameRecord(first + index, round(float(time_s), 6), round(coverage, 4), round(confidence, 4))
        for index, (time_s, (coverage, confidence)) in enumerate(zip(times_s, judged, strict=True))
    ]


def peak_device_mb(device: torch.device) -> float | None:
    """The most memory that torch has held on a CUDA device, or None for others."""
    return round(torch.cuda.max_memory_allocated(device) / (1 << 20), 1) if device.type == "cuda" else None
