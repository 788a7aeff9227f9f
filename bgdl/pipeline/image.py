"""The two functions for pictures that a notebook needs: `bgdl.remove` and `bgdl.matte`."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bgdl import checks
from bgdl.choices import EdgeName, EngineName, Fit, Precision
from bgdl.errors import InputError
from bgdl.media import image as files
from bgdl.pipeline.image_kinds import ImageKind, as_kind, as_picture
from bgdl.pipeline.image_treatment import build
from bgdl.pipeline.looks import Background
from bgdl.pipeline.matte_shape import MatteShape
from bgdl.pipeline.paths import check_target, path_text
from bgdl.refine.edges import DEFAULT as DEFAULT_EDGE
from bgdl.types import Matter

AnyImage = TypeVar("AnyImage", str, Path, bytes, Image.Image, NDArray[np.uint8])


def remove(
    image: AnyImage,
    background: Background = "transparent",
    model: str | Path | Matter = "portrait",
    *,
    target: str | Path | None = None,
    device: str = "auto",
    engine: EngineName = "auto",
    precision: Precision = "auto",
    prime: ImageKind | None = None,
    fit: Fit = "cover",
    edge: EdgeName = DEFAULT_EDGE,
    only_matte: bool = False,
    threshold: float | None = None,
    invert: bool = False,
    keep: int | str | None = None,
    crop: int | str | None = None,
    quality: int | None = None,
    max_pixels: int = files.MAX_PIXELS,
) -> AnyImage:
    """Cut the subject out of a picture: path, bytes, PIL image or array in, the same kind out.

    image: a path, the bytes of a file, a PIL image, or a uint8 array (H,W), (H,W,3) RGB or (H,W,4) RGBA.
    background: "transparent", "blur[:SIGMA]", a CSS colour, numbers (r,g,b) or (r,g,b,a) of 0 to 255, or a picture of
    any of these kinds. fit: how a picture fills the frame.
    model: a name from `bgdl models`, a weights file, or a Matter made by `bgdl.load`; device, engine, precision: of a
    model by name, as `bgdl.load` takes them. Pictures have nothing to do with each other, but for a Matter that learns
    an empty scene: it keeps what it was primed with, and all else it learns.
    prime: a picture of the empty scene, for methods that learn one.
    target: for a path, where the result goes (default: `photo-cutout.png` beside it); a file that is there is replaced.
    The path is returned.
    edge: how hair and soft edges are treated: "none", "guided", "decontaminate" or "matting". only_matte: the grey
    matte. keep: the "largest" part, a number of the largest, or "all" but islands. threshold: alpha from here on
    becomes 1, the rest 0. invert: keep the background. crop: cut to the subject with this margin ("20" px, "5%").
    quality: 1 to 100, of a path's JPEG, WebP or AVIF. max_pixels: larger files are refused.
    Bytes give the bytes of a PNG; arrays give uint8 (H,W,4) for a transparent result, (H,W,3) over a
    background, (H,W) with only_matte.
    Raises InputError for what is no picture, for an unknown word or model, and for a target that cannot be.

    >>> import bgdl, numpy
    >>> photo = numpy.zeros((90, 120, 3), dtype=numpy.uint8)
    >>> bgdl.remove(photo).shape
    (90, 120, 4)
    >>> bgdl.remove(photo, background="white").shape
    (90, 120, 3)
    """
    _check_paths_own(image, target=target, quality=quality)
    path = _target_of(image, target, reads=(image, background, prime)) if isinstance(image, (str, Path)) else None
    picture = as_picture(image, max_pixels=max_pixels)
    treat = build(
        model, background, MatteShape(edge, keep, threshold, invert), fit=fit, only_matte=only_matte, crop=crop,
        prime=prime, max_pixels=max_pixels, device=device, engine=engine, precision=precision,
    )  # fmt: skip
    result = treat(picture)
    if path is None:
        return cast(AnyImage, as_kind(image, picture, result.picture, result.icc_profile))
    _make_folder(path.parent)
    files.write(
        result.picture, path, icc_profile=result.icc_profile, exif=picture.exif, dpi=picture.dpi, quality=quality
    )
    written: object = str(path) if isinstance(image, str) else path
    return cast(AnyImage, written)


def matte(
    image: ImageKind,
    model: str | Path | Matter = "portrait",
    *,
    device: str = "auto",
    engine: EngineName = "auto",
    precision: Precision = "auto",
    prime: ImageKind | None = None,
    edge: EdgeName = DEFAULT_EDGE,
    threshold: float | None = None,
    invert: bool = False,
    keep: int | str | None = None,
    crop: int | str | None = None,
    max_pixels: int = files.MAX_PIXELS,
) -> NDArray[np.float32]:
    """The alpha matte of a picture at its full size: float32 (H,W) in [0,1].

    What `bgdl.remove` puts before a background and writes with `only_matte`; the arguments are as there.
    edge: "none" gives what the network itself says.

    >>> import bgdl, numpy
    >>> alpha = bgdl.matte(numpy.zeros((90, 120, 3), dtype=numpy.uint8))
    >>> alpha.shape, alpha.dtype
    ((90, 120), dtype('float32'))
    """
    picture = as_picture(image, max_pixels=max_pixels)
    treat = build(
        model, "transparent", MatteShape(edge, keep, threshold, invert), only_matte=True, crop=crop,
        prime=prime, max_pixels=max_pixels, device=device, engine=engine, precision=precision,
    )  # fmt: skip
    return cast(NDArray[np.float32], treat.matte(picture).numpy())


def _check_paths_own(image: object, *, target: object, quality: int | None) -> None:
    """Refuse what a picture that is no path has no use for."""
    if quality is not None:
        checks.count("quality", quality, at_least=1, at_most=100)
    for name, value in (("target", target), ("quality", quality)):
        if value is not None and not isinstance(image, (str, Path)):
            raise InputError(
                f"{name} is for a picture given as a path; save the {type(image).__name__} that comes back"
            )


def _target_of(image: str | Path, target: str | Path | None, reads: tuple[object, ...]) -> Path:
    """Where the result goes, refused before any work where it cannot."""
    source = Path(path_text("the picture", image))
    path = source.with_name(source.stem + "-cutout.png") if target is None else Path(path_text("target", target))
    files.format_of(path)
    check_target(path, reads)
    return path


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {path}: {error.strerror}") from error
