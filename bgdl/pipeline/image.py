"""One picture through a Matter and a Look, and the two functions that a notebook needs: `remove` and `matte`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from bgdl import convert, registry
from bgdl.errors import InputError
from bgdl.matters.wrapped import Refine
from bgdl.media import image as files
from bgdl.media.image import Picture
from bgdl.pipeline.looks import is_picture, make_look
from bgdl.pipeline.records import judge
from bgdl.refine.edges import DEFAULT as DEFAULT_EDGE
from bgdl.refine.edges import EDGES, EdgeName
from bgdl.refine.matte import Keep, Margin, bounding_box, check_level, keep_parts, parse_keep, threshold_at
from bgdl.types import EngineName, Fit, Look, Matter, Precision, is_primed

AnyImage = TypeVar("AnyImage", str, Path, bytes, Image.Image, NDArray[np.uint8])


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
    what they are put before is in sRGB.
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

    def __call__(self, picture: Picture) -> Result:
        return self.finish(picture, *self.matted(picture))

    @torch.inference_mode()
    def matted(self, picture: Picture) -> tuple[Tensor, Tensor]:
        """The frame on the matter's device, uploaded once, and the matter's own matte, float32 (1,H,W,1)."""
        picture = files.in_srgb(picture) if self.in_srgb else picture
        frames = picture.frames.to(self.matter.device)
        self.matter.reset()
        if self.plate is not None and is_primed(self.matter):
            self.matter.prime(self.plate)
        return frames, self.matter.alpha(frames)

    @torch.inference_mode()
    def finish(self, picture: Picture, frames: Tensor, alpha: Tensor) -> Result:
        """What is made of a frame and its matte; may run in another thread than `matted`."""
        alpha = self.shaped(picture, frames, alpha)
        shown = self.look(frames, alpha)[0]
        if self.crop is not None:
            top, left, bottom, right = bounding_box(alpha, self.crop)
            shown = shown[top:bottom, left:right]
        ((coverage, confidence),) = judge(alpha)
        profile = None if self.in_srgb else picture.icc_profile
        return Result(shown.cpu(), round(coverage, 4), round(confidence, 4), profile)

    def shaped(self, picture: Picture, frames: Tensor, alpha: Tensor) -> Tensor:
        """The matte with its edges, shaped as asked, times the file's own alpha."""
        if self.refine is not None:
            alpha = self.refine(frames, alpha)
        if self.keep is not None:
            alpha = keep_parts(alpha, self.keep)
        if self.threshold is not None:
            alpha = threshold_at(alpha, self.threshold)
        if self.invert:
            alpha = 1 - alpha
        return alpha if picture.alpha is None else alpha * picture.alpha.to(alpha.device)


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
        in_srgb=is_picture(background) and not only_matte,
    )  # fmt: skip


def _plate(matter: Matter, path: Path) -> Tensor:
    if not is_primed(matter):
        raise InputError(f"{matter.name} learns no empty scene; leave --prime out")
    return files.read(path).frames


def remove(
    image: AnyImage,
    background: str = "transparent",
    model: str | Path | Matter = "portrait",
    *,
    target: str | Path | None = None,
    fit: Fit = "cover",
    edge: EdgeName = DEFAULT_EDGE,
    only_matte: bool = False,
) -> AnyImage:
    """Cut the subject out of a picture: path, bytes, PIL image or array in, the same kind out.

    image: a path, the bytes of a file, a PIL image, or a uint8 array (H,W), (H,W,3) RGB or (H,W,4) RGBA.
    background: "transparent", a CSS colour, the path of a picture, or "blur[:SIGMA]".
    model: a name from `bgdl models`, a weights file, or a Matter made by `bgdl.load`.
    target: for a path, where the result goes (default: `photo-cutout.png` beside it); its path is returned.
    Bytes give the bytes of a PNG; arrays give uint8 (H,W,4) for a transparent result, (H,W,3) over a
    background, (H,W) with only_matte.
    Raises InputError for what is no picture and for an unknown model, background or edge.

    >>> import bgdl, numpy
    >>> photo = numpy.zeros((90, 120, 3), dtype=numpy.uint8)
    >>> bgdl.remove(photo).shape
    (90, 120, 4)
    >>> bgdl.remove(photo, background="white").shape
    (90, 120, 3)
    """
    picture = _picture(image)
    treat = build(_matter(model), background=background, fit=fit, edge=edge, only_matte=only_matte)
    return cast(AnyImage, _same_kind(image, picture, treat(picture), target))


def matte(
    image: str | Path | bytes | Image.Image | NDArray[np.uint8], matter: str | Path | Matter = "portrait"
) -> NDArray[np.float32]:
    """The alpha matte of a picture at its full size: float32 (H,W) in [0,1].

    image: as `remove` takes it. matter: a name, a weights file, or a Matter made by `bgdl.load`.

    >>> import bgdl, numpy
    >>> alpha = bgdl.matte(numpy.zeros((90, 120, 3), dtype=numpy.uint8))
    >>> alpha.shape, alpha.dtype
    ((90, 120), dtype('float32'))
    """
    picture = _picture(image)
    treat = Treatment(_matter(matter), make_look())
    alpha = treat.shaped(picture, *treat.matted(picture))
    return cast(NDArray[np.float32], alpha[0, ..., 0].cpu().numpy())


@lru_cache(maxsize=2)
def _loaded(model: str) -> Matter:
    return registry.load(model)


def _matter(model: str | Path | Matter) -> Matter:
    return _loaded(str(model)) if isinstance(model, (str, Path)) else model


def _picture(image: object) -> Picture:
    if isinstance(image, (str, Path, bytes)):
        return files.read(image)
    if isinstance(image, Image.Image):
        return files.from_pil(image)
    if isinstance(image, np.ndarray):
        return _from_array(image)
    raise InputError(f"a picture is a path, bytes, a PIL image or a uint8 array, not {type(image).__name__}")


def _from_array(array: NDArray[np.uint8]) -> Picture:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or channels not in (1, 3, 4) or not array.size:
        raise InputError(
            f"an array picture is uint8 (H,W), (H,W,3) RGB or (H,W,4) RGBA, not {array.dtype} {array.shape}"
        )
    pixels = array.reshape(*array.shape[:2], channels)
    frames = convert.frame_to_tensor(np.repeat(pixels, 3, axis=2) if channels == 1 else pixels[..., :3])
    picture = Picture(frames)
    if channels < 4:
        return picture
    return replace(picture, alpha=convert.to_unit(convert.frame_to_tensor(pixels[..., 3:])))


def _same_kind(image: object, source: Picture, result: Result, target: str | Path | None) -> object:
    shown, profile = result.picture, result.icc_profile
    if isinstance(image, (str, Path)):
        path = Path(target) if target else Path(image).with_name(Path(image).stem + "-cutout.png")
        files.write(shown, path, icc_profile=profile, exif=source.exif)
        return type(image)(path)
    if isinstance(image, bytes):
        buffer = BytesIO()
        files.write(shown, buffer, icc_profile=profile, exif=source.exif)
        return buffer.getvalue()
    if isinstance(image, Image.Image):
        pil = convert.tensor_to_pil(shown)
        pil.info |= {"icc_profile": profile} if profile and shown.shape[2] > 1 else {}  # which Pillow saves
        return pil
    array = shown.numpy()
    return array[..., 0] if array.shape[2] == 1 else array
