"""One picture through a Matter and a Look: everything that happens to it, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bgdl import registry
from bgdl.matters.wrapped import Refine
from bgdl.media import image as files
from bgdl.media.image import Picture
from bgdl.pipeline.looks import brings_colours, make_look
from bgdl.pipeline.records import judge
from bgdl.refine.edges import DEFAULT as DEFAULT_EDGE
from bgdl.refine.edges import EDGES, EdgeName
from bgdl.refine.matte import Keep, Margin, bounding_box, check_level, keep_parts, parse_keep, threshold_at
from bgdl.types import EngineName, Fit, Look, Matter, Precision, is_primed


@dataclass(frozen=True)
class Result:
    """A finished picture, uint8 (H,W,1|3|4), and what its matte says.

    icc_profile: that its colours are in, None for sRGB. coverage: mean alpha. confidence: mean alpha of what is not
    background, weighted by alpha: 1 for a crisp matte, low for a grey one, 0 for an empty one.
    """

    picture: Tensor
    coverage: float
    confidence: float
    icc_profile: bytes | None = None


@dataclass(frozen=True)
class Treatment:
    """Everything that happens to a decoded picture, as one callable, or in two steps: `matted`, then `finish`.

    refine: (frames, alpha) -> alpha, along the edges. threshold: alpha at or above it becomes 1, the rest 0. invert:
    keep the background. keep: "largest" drops all but the largest part, a number all but so many of the largest, "all"
    drops only islands under 1 % of the largest. crop: cut to the subject with this margin. plate: uint8 (1,H,W,3), the
    empty scene, for methods that learn one. in_srgb: pictures with a profile of their own are converted first, since
    what they are put before is in sRGB. afresh: the matter forgets before each picture what it has seen and learnt.
    """

    matter: Matter
    look: Look
    refine: Refine | None = None
    threshold: float | None = None
    invert: bool = False
    keep: Keep | None = None
    crop: Margin | None = None
    plate: Tensor | None = None
    in_srgb: bool = False
    afresh: bool = True

    def __call__(self, picture: Picture) -> Result:
        return self.finish(picture, *self.matted(picture))

    @torch.inference_mode()
    def matted(self, picture: Picture) -> tuple[Tensor, Tensor]:
        """The frame on the matter's device, uploaded once, and the matter's own matte, float32 (1,H,W,1)."""
        picture = files.in_srgb(picture) if self.in_srgb else picture
        frames = picture.frames.to(self.matter.device)
        if self.afresh:
            self.matter.reset()
        if self.plate is not None and is_primed(self.matter):
            self.matter.prime(self.plate)
        return frames, self.matter.alpha(frames)

    @torch.inference_mode()
    def finish(self, picture: Picture, frames: Tensor, alpha: Tensor) -> Result:
        """What is made of a frame and its matte; may run in another thread than `matted`."""
        alpha, own = self.shaped(frames, alpha), own_alpha(picture, alpha)
        shown = self.look(frames, alpha, own)[0]  # which estimates colours by the matte alone
        alpha = alpha if own is None else alpha * own
        if self.crop is not None:
            top, left, bottom, right = bounding_box(alpha, self.crop)
            shown = shown[top:bottom, left:right]
        ((coverage, confidence),) = judge(alpha)
        profile = None if self.in_srgb else picture.icc_profile
        return Result(shown.cpu(), round(coverage, 4), round(confidence, 4), profile)

    def shaped(self, frames: Tensor, alpha: Tensor) -> Tensor:
        """The matte with its edges, shaped as asked."""
        if self.refine is not None:
            alpha = self.refine(frames, alpha)
        if self.keep is not None:
            alpha = keep_parts(alpha, self.keep)
        if self.threshold is not None:
            alpha = threshold_at(alpha, self.threshold)
        if self.invert:
            alpha = 1 - alpha
        return alpha


def own_alpha(picture: Picture, alpha: Tensor) -> Tensor | None:
    """The file's own alpha beside `alpha` on its device, or None where it is opaque all over."""
    if picture.alpha is None or bool((picture.alpha == 1).all()):
        return None
    return picture.alpha.to(alpha.device)


def build(
    model: str | Path | Matter = "portrait",
    *,
    device: str = "auto",
    engine: EngineName = "auto",
    precision: Precision = "auto",
    prime: Path | None = None,
    background: str = "transparent",
    fit: Fit = "cover",
    edge: EdgeName = DEFAULT_EDGE,
    only_matte: bool = False,
    threshold: float | None = None,
    invert: bool = False,
    keep: int | str | None = None,
    crop: str | None = None,
    max_pixels: int = files.MAX_PIXELS,
    **options: Any,
) -> Treatment:
    """A Treatment from what a user writes; `options` go to `bgdl.load`, the rest is as in `Treatment` and `remove`.

    prime: a picture of the empty scene, for the methods that learn one. crop: "20" (px) or "5%". max_pixels: of a
    background picture.
    """
    words: dict[str, Any] = {"fit": fit, "only_matte": only_matte, "edge": edge, "max_pixels": max_pixels}
    make_look(background, **words)  # refused before the network is loaded
    if threshold is not None:
        check_level(threshold)
    margin = Margin.parse(crop) if crop is not None else None
    parts = parse_keep(keep) if keep is not None else None
    if isinstance(model, (str, Path)):
        model = registry.load(model, device=device, engine=engine, precision=precision, **options)
    plate = _plate(model, prime) if prime else None
    look = make_look(background, **words, matter=model)
    return Treatment(
        model, look, EDGES[edge].refine, threshold=threshold, invert=invert, keep=parts, crop=margin, plate=plate,
        in_srgb=brings_colours(background) and not only_matte,
    )  # fmt: skip


def _plate(matter: Matter, path: Path) -> Tensor:
    from bgdl.pipeline.prime import learner_of

    learner_of(matter)
    return files.read(path).frames
