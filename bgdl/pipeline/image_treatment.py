"""One picture through a Matter and a Look: everything that happens to it, as one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bgdl.choices import Fit
from bgdl.errors import InputError
from bgdl.media import image as files
from bgdl.media.image import Picture
from bgdl.pipeline.image_kinds import ImageKind, as_picture
from bgdl.pipeline.looks import Background, brings_colours, make_look
from bgdl.pipeline.matte_shape import MatteShape
from bgdl.pipeline.model import as_matter, learner_of
from bgdl.refine.matte import Margin, bounding_box, judge
from bgdl.types import Look, Matter, is_primed, is_unmixing


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

    shape: what is made of the matter's matte. crop: cut to the subject with this margin. plate: uint8 (1,H,W,3), the
    empty scene, for methods that learn one. in_srgb: pictures with a profile of their own are converted first, since
    what they are put before is in sRGB. afresh: the matter forgets before each picture what it has seen and learnt.
    """

    matter: Matter
    look: Look
    shape: MatteShape = field(default_factory=MatteShape)
    crop: Margin | None = None
    plate: Tensor | None = None
    in_srgb: bool = False
    afresh: bool = True

    def __call__(self, picture: Picture) -> Result:
        return self.finish(picture, *self.matted(picture))

    @torch.no_grad()
    def matte(self, picture: Picture) -> Tensor:
        """The finished matte alone, float32 (H,W) in [0,1] on the CPU."""
        frames, alpha = self.matted(picture)
        seen = _seen(self.shape(frames, alpha), _own_alpha(picture, alpha))
        return self._cropped(seen, seen)[0, ..., 0].cpu()

    @torch.no_grad()
    def matted(self, picture: Picture) -> tuple[Tensor, Tensor]:
        """The frame on the matter's device, uploaded once, and the matter's own matte, float32 (1,H,W,1)."""
        picture = files.in_srgb(picture) if self.in_srgb else picture
        frames = picture.frames.to(self.matter.device)
        if self.afresh:
            self.matter.reset()
        if self.plate is not None and is_primed(self.matter):
            self.matter.prime(self.plate)
        return frames, self.matter.alpha(frames)

    @torch.no_grad()
    def finish(self, picture: Picture, frames: Tensor, alpha: Tensor) -> Result:
        """What is made of a frame and its matte; may run in another thread than `matted`."""
        alpha, own = self.shape(frames, alpha), _own_alpha(picture, alpha)
        seen = _seen(alpha, own)
        shown = self._cropped(self.look(frames, alpha, own), seen)  # colours are estimated by the matte alone
        ((coverage, confidence),) = judge(seen)
        profile = None if self.in_srgb else picture.icc_profile
        return Result(shown[0].cpu(), round(coverage, 4), round(confidence, 4), profile)

    def _cropped(self, shown: Tensor, seen: Tensor) -> Tensor:
        if self.crop is None:
            return shown
        top, left, bottom, right = bounding_box(seen, self.crop)
        return shown[:, top:bottom, left:right]


def build(
    model: str | Path | Matter,
    background: Background,
    shape: MatteShape,
    *,
    fit: Fit = "cover",
    only_matte: bool = False,
    crop: int | str | None = None,
    prime: ImageKind | None = None,
    max_pixels: int = files.MAX_PIXELS,
    **options: Any,
) -> Treatment:
    """A Treatment from what a user writes, as `bgdl.remove` takes it; `options` go to `bgdl.load`.

    max_pixels: of a background picture and of `prime`.
    """
    words: dict[str, Any] = {"fit": fit, "only_matte": only_matte, "edge": shape.edge, "max_pixels": max_pixels}
    look = make_look(background, **words)  # refused before the network is loaded
    margin = Margin.parse(str(crop)) if crop is not None else None
    words["matter"] = matter = as_matter(model, **options)
    if prime is not None:
        learner_of(matter)
    elif matter.stateful and isinstance(model, (str, Path)):
        way_out = "give prime, the empty scene, or" if is_primed(matter) else "use"
        raise InputError(f"{matter.name} needs the frames before, and a picture has none; {way_out} another model")
    if is_unmixing(matter):  # with others the look stays the same, and a background picture need not be decoded again
        look = make_look(background, **words)
    return Treatment(
        matter, look, shape, margin,
        plate=None if prime is None else as_picture(prime, max_pixels=max_pixels).frames,
        in_srgb=brings_colours(background),
        afresh=prime is not None or isinstance(model, (str, Path)) or not is_primed(matter),
    )  # fmt: skip


def _own_alpha(picture: Picture, alpha: Tensor) -> Tensor | None:
    """The file's own alpha beside `alpha` on its device, or None where it is opaque all over."""
    if picture.alpha is None or bool((picture.alpha == 1).all()):
        return None
    return picture.alpha.to(alpha.device)


def _seen(alpha: Tensor, own: Tensor | None) -> Tensor:
    """What the picture's own alpha leaves of the matte."""
    return alpha if own is None else alpha * own
