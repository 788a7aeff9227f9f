"""The two functions that a notebook needs: `remove` and `matte`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TypeGuard, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bgdl import convert, registry, weights
from bgdl.engines.network import files_of
from bgdl.errors import InputError
from bgdl.media import image as files
from bgdl.media.image import Picture
from bgdl.pipeline.image_treatment import Result, Treatment, build, own_alpha
from bgdl.pipeline.looks import ALLOWED, make_look
from bgdl.refine.edges import DEFAULT as DEFAULT_EDGE
from bgdl.refine.edges import EdgeName
from bgdl.types import Fit, Matter, is_primed

AnyImage = TypeVar("AnyImage", str, Path, bytes, Image.Image, NDArray[np.uint8])


def remove(
    image: AnyImage,
    background: str | Path = "transparent",
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
    model: a name from `bgdl models`, a weights file, or a Matter made by `bgdl.load`. Pictures have nothing to do with
    each other, but for a Matter that learns an empty scene: it keeps what it was primed with, and all else it learns.
    target: for a path, where the result goes (default: `photo-cutout.png` beside it); its path is returned.
    Bytes give the bytes of a PNG; arrays give uint8 (H,W,4) for a transparent result, (H,W,3) over a
    background, (H,W) with only_matte.
    Raises InputError for what is no picture, for an unknown model, background or edge, and for a target that cannot be.

    >>> import bgdl, numpy
    >>> photo = numpy.zeros((90, 120, 3), dtype=numpy.uint8)
    >>> bgdl.remove(photo).shape
    (90, 120, 4)
    >>> bgdl.remove(photo, background="white").shape
    (90, 120, 3)
    """
    picture = _picture(image)
    if target is not None and not isinstance(image, (str, Path)):
        raise InputError(f"target is for a picture given as a path; save the {type(image).__name__} that comes back")
    treat = build(_matter(model), background=_words(background), fit=fit, edge=edge, only_matte=only_matte)
    return cast(AnyImage, _same_kind(image, picture, replace(treat, afresh=_forgets(model))(picture), target))


def matte(
    image: str | Path | bytes | Image.Image | NDArray[np.uint8], matter: str | Path | Matter = "portrait"
) -> NDArray[np.float32]:
    """The alpha matte of a picture at its full size: float32 (H,W) in [0,1].

    image: as `remove` takes it. matter: a name, a weights file, or a Matter made by `bgdl.load`, as in `remove`.

    >>> import bgdl, numpy
    >>> alpha = bgdl.matte(numpy.zeros((90, 120, 3), dtype=numpy.uint8))
    >>> alpha.shape, alpha.dtype
    ((90, 120), dtype('float32'))
    """
    picture = _picture(image)
    treat = Treatment(_matter(matter), make_look(), afresh=_forgets(matter))
    alpha = treat.shaped(*treat.matted(picture))
    own = own_alpha(picture, alpha)
    alpha = alpha if own is None else alpha * own
    return cast(NDArray[np.float32], alpha[0, ..., 0].cpu().numpy())


_loading = threading.Lock()


@lru_cache(maxsize=2)
def _loaded(model: str, files: tuple[tuple[Path, int, int], ...]) -> Matter:
    """files: path, time and size of what is loaded, so that a file that was replaced is loaded again."""
    return registry.load(model)


def _matter(model: str | Path | Matter) -> Matter:
    if not isinstance(model, (str, Path)):
        return _checked(model)
    with _loading:  # threads that begin together share what the first one loads
        return _loaded(str(model), tuple(_stamps(str(model))))


def _checked(model: Matter) -> Matter:
    if isinstance(model, type) or not callable(getattr(model, "alpha", None)):
        raise InputError(f"a model is a name, a weights file or a Matter made by bgdl.load, not {model!r:.60}")
    return model


def _stamps(model: str) -> Iterator[tuple[Path, int, int]]:
    name, options = registry.split_options(model)
    for text in filter(_names_a_file, (name, *options.values())):
        for path in files_of(weights.registered().get(text, Path(text).expanduser())):
            if path.is_file():
                yield path.resolve(), path.stat().st_mtime_ns, path.stat().st_size


def _names_a_file(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(Path(value).name)


def _forgets(model: str | Path | Matter) -> bool:
    """Whether each picture begins anew: not where the caller may have primed the Matter."""
    return isinstance(model, (str, Path)) or not is_primed(model)


def _words(background: str | Path) -> str:
    if isinstance(background, Path):
        return str(background.absolute())  # which is no colour, whatever its name
    if isinstance(background, str):
        return background
    raise InputError(f"background is a {type(background).__name__}; use {ALLOWED}")


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
        _make_folder(path.parent)
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


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {path}: {error.strerror}") from error
