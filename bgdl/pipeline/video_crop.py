"""One crop for a whole clip: a first pass keeps every matte and finds the box that holds them all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from bgdl import convert
from bgdl.compose import Foreground
from bgdl.errors import InputError
from bgdl.media.reader import VideoReader
from bgdl.refine.matte import Margin, bounding_box


class BoxFinder:
    """The box around all that is seen in any matte shown to it."""

    def __init__(self, margin: str) -> None:
        self.margin = Margin.parse(margin)
        self._highest: Tensor | None = None

    def __call__(self, alpha: Tensor) -> None:
        """float32 (N,H,W,1)."""
        highest = alpha.amax(dim=0, keepdim=True)
        self._highest = highest if self._highest is None else torch.maximum(self._highest, highest)

    def box(self, *, even: bool) -> tuple[int, int, int, int]:
        """Top, left, bottom, right (exclusive); with `even`, sides of even length where the frame allows."""
        assert self._highest is not None
        box = bounding_box(self._highest, self.margin)
        if not even:
            return box
        height, width = self._highest.shape[1:3]
        (top, bottom), (left, right) = _even(box[0], box[2], height), _even(box[1], box[3], width)
        return top, left, bottom, right


class Recorded:
    """A Matter that plays back the mattes of a first pass, frame by frame.

    foreground: how the first pass's method frees its subject's colours itself, where it does.
    """

    stateful = True

    def __init__(self, path: Path, *, name: str, device: torch.device, foreground: Foreground | None = None) -> None:
        self.name, self.device, self.foreground = name, device, foreground
        self._path = path
        self.reset()

    def alpha(self, frames: Tensor) -> Tensor:
        """uint8 (N,H,W,3) RGB -> float32 (N,H,W,1) in [0,1], on `self.device`."""
        mattes = [next(self._mattes, None) for _ in range(len(frames))]
        if any(matte is None for matte in mattes):
            raise InputError("the clip has more frames than its first pass had; was the file changed meanwhile?")
        return torch.cat([matte for matte in mattes if matte is not None]).to(self.device)

    def reset(self) -> None:
        """Start again with the first frame."""
        self._reader = VideoReader(self._path)
        self._mattes = self._play()

    def close(self) -> None:
        self._reader.close()

    def _play(self) -> Iterator[Tensor]:
        for batch in self._reader.batches(1):
            yield convert.to_unit(batch.data[..., :1])


def _even(low: int, high: int, limit: int) -> tuple[int, int]:
    if (high - low) % 2 == 0:
        return low, high
    return (low, high + 1) if high < limit else (max(0, low - 1), high)
