"""Picture files: read whatever a camera, scanner or web page made into frames; write without half-written files."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from bgdl import checks, convert, whole
from bgdl.errors import InputError, MissingExtra
from bgdl.media import modes, png, tiff
from bgdl.media.dpi import stated_dpi
from bgdl.opencv import cv2

MAX_PIXELS = 100_000_000
"""Larger pictures are refused unless asked for: a few kilobytes of file can claim terabytes of picture."""

READS = ("PNG", "JPEG", "WEBP", "TIFF", "AVIF", "HEIF", "GIF", "BMP", "PPM", "JPEG2000", "TGA")
FORMATS = {
    ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF", ".avif": "AVIF",
    ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP",
}  # fmt: skip
"""What is written, by the ending of the name."""
READ_SUFFIXES = frozenset(FORMATS) | {".heic", ".heif", ".gif", ".jfif", ".ppm", ".pgm", ".jp2", ".tga"}
OPAQUE_FORMATS = frozenset({"JPEG", "BMP"})

ENCODERS: dict[str, dict[str, Any]] = {
    "PNG": {},  # bgdl.media.png
    "WEBP": {"quality": 90},
    "TIFF": {},  # bgdl.media.tiff
    "AVIF": {"quality": 80, "speed": 8},
    "JPEG": {"quality": 92},
    "BMP": {"dpi": (0, 0)},  # unknown; Pillow would say 96
}
OWN = {"PNG": png.encode, "TIFF": tiff.encode}
KEEPS_METADATA = frozenset({"PNG", "WEBP", "TIFF", "AVIF", "JPEG"})
KEEPS_DPI = frozenset({"PNG", "TIFF", "JPEG", "BMP"})

_opening = threading.Lock()


@dataclass(frozen=True)
class Picture:
    """A decoded picture, upright.

    frames: uint8 (1,H,W,3) RGB. alpha: the file's own, float32 (1,H,W,1) in [0,1], or None where it has none.
    icc_profile: the RGB profile that the colours are in (None: sRGB). exif: without the orientation tag.
    format: Pillow's name. notes: sentences on what was decided for the reader, for instance "animated ...".
    dpi: dots per inch, across and down, or None where the file states none.
    """

    frames: Tensor
    alpha: Tensor | None = None
    icc_profile: bytes | None = None
    exif: bytes | None = None
    format: str = "PNG"
    notes: tuple[str, ...] = ()
    dpi: tuple[float, float] | None = None


def read(source: str | Path | bytes | BinaryIO, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode a picture: EXIF orientation 1 to 8 applied, 16-bit, CMYK, palette and grey+alpha handled on purpose.

    source: a path, the bytes of a file, or an open binary file. Animations give their first frame and a note.
    Raises InputError for what is missing, no picture, damaged or larger than `max_pixels`, and MissingExtra for
    HEIC without pillow-heif.
    """
    data, name = _bytes_of(source)
    limit = checks.count("max_pixels", max_pixels, at_least=1, at_most=math.inf)
    return _decoded(_open(data, name, limit), data, name)


def in_srgb(picture: Picture) -> Picture:
    """The same picture in sRGB: colours that an RGB profile of its own describes are converted."""
    if picture.icc_profile is None:
        return picture
    pixels = modes.to_srgb(picture.frames[0].numpy(), picture.icc_profile)
    return replace(picture, frames=convert.frame_to_tensor(pixels), icc_profile=None)


def from_pil(image: Image.Image) -> Picture:
    """A Picture of an image that Pillow holds, treated like a file: orientation, modes, profile, EXIF.

    Raises InputError for an image without pixels, and for one of a damaged file that Pillow opened but did not load.
    """
    if not (image.width and image.height):
        raise InputError(f"the picture is {image.width}×{image.height}: it has no pixels")
    return _decoded(image, b"", "the picture")


def write(
    picture: Tensor,
    target: str | Path | BinaryIO,
    *,
    format: str | None = None,
    icc_profile: bytes | None = None,
    exif: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    quality: int | None = None,
) -> None:
    """Encode uint8 (H,W,1|3|4) RGB with straight alpha to a path (whole or not at all) or an open binary file.

    format: Pillow's name; by default from the path's ending, PNG for an open file.
    quality: 1 to 100 for JPEG, WebP and AVIF; 100 makes WebP lossless. exif: without an orientation tag.
    icc_profile: that the colours are in; BMP, which holds none, gets them in sRGB. dpi: not in WebP and AVIF.
    Raises InputError for an unknown ending, transparency in an opaque format, or what the format cannot hold.
    """
    path = Path(target) if isinstance(target, (str, Path)) else None
    format = format or (format_of(path) if path else "PNG")
    if picture.shape[-1] == 4 and format in OPAQUE_FORMATS:
        raise InputError(no_transparency(f"{path or format}"))
    data = _encode(picture, format, icc_profile, exif, dpi, quality)
    if path:
        whole.write(path, data)
    else:
        _put(data, target)  # type: ignore[arg-type]


def _put(data: bytes, file: BinaryIO) -> None:
    """Write all of it: an unbuffered file, as stdout may be one, takes as much as fits and says how much."""
    while data:
        written = file.write(data)
        data = b"" if written is None else data[written:]


def format_of(path: str | Path) -> str:
    """The format that a path's ending, or an ending alone (".png"), names; raises InputError with those known."""
    suffix = (Path(path).suffix or Path(path).name).lower()
    if suffix not in FORMATS:
        said = f"ends in {suffix!r}" if suffix.startswith(".") else "has no ending"
        raise InputError(f"{path} {said}; pictures are written as {', '.join(FORMATS)}")
    return FORMATS[suffix]


def supports_alpha(path: str | Path) -> bool:
    """Whether the format that a path's ending names can hold transparency."""
    return format_of(path) not in OPAQUE_FORMATS


def no_transparency(name: str) -> str:
    """The sentence for a file whose format is opaque where a transparent picture is asked for."""
    return (
        f"{name} cannot hold transparency; write .png, .webp, .tiff or .avif, "
        "or give an opaque background, for instance white"
    )


def _bytes_of(source: str | Path | bytes | BinaryIO) -> tuple[bytes, str]:
    """The file's bytes and what to call it in messages."""
    if isinstance(source, bytes):
        data, name = source, "the picture"
    elif isinstance(source, (str, Path)):
        name = str(source)
        try:
            data = Path(source).read_bytes()
        except OSError as error:
            raise InputError(f"cannot read {name}: {error.strerror or error}") from error
        except ValueError as error:
            raise InputError(f"cannot read {name!r}, which no file is called ({error})") from error
    else:
        data, name = source.read(), str(getattr(source, "name", "the picture"))
    if not data:
        raise InputError(f"{name} is empty")
    return data, name


def _open(data: bytes, name: str, max_pixels: int) -> Image.Image:
    """The picture's header, its size checked; Pillow's own limit is replaced by ours."""
    Image.init()
    if _is_heif(data):
        _register_heif()
    try:
        with _without_pillow_limit():
            image = Image.open(BytesIO(data), formats=[name for name in READS if name in Image.OPEN])
    except UnidentifiedImageError:
        raise InputError(f"{name} is not a picture that bgdl reads ({', '.join(READS)})") from None
    except Exception as error:
        raise InputError(f"{name} is damaged or cut short ({error}); get the file again") from error
    if image.width * image.height > max_pixels:
        raise InputError(
            f"{name} is {image.width}×{image.height}, more than the limit of {max_pixels} pixels; "
            f"set max-pixels to {image.width * image.height} if you trust the file"
        )
    return image


@contextmanager
def _without_pillow_limit() -> Iterator[None]:
    with _opening:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _is_heif(data: bytes) -> bool:
    """Whether the brands in the file's first box name HEVC pictures (AVIF is the same box with others)."""
    brands = data[8 : int.from_bytes(data[:4], "big")]
    return data[4:8] == b"ftyp" and any(brand in brands for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc"))


def _register_heif() -> None:
    try:
        import pillow_heif
    except ImportError:
        raise MissingExtra("HEIC", "heif") from None
    pillow_heif.register_heif_opener()


def _decoded(image: Image.Image, data: bytes, name: str) -> Picture:
    try:
        return _decode(image, data)
    except Exception as error:  # Pillow's decoders raise whatever their libraries do
        raise InputError(f"{name} is damaged or cut short ({error}); get the file again") from error


def _decode(image: Image.Image, data: bytes) -> Picture:
    notes: list[str] = []
    frames_in_file = getattr(image, "n_frames", 1)
    if frames_in_file > 1 and image.format != "MPO":
        notes.append(f"holds {frames_in_file} pictures (animation or pages): only the first is used")
    turn, dpi = modes.turn_needed(image, data), stated_dpi(image)
    image.load()
    rgb, alpha, profile, said = modes.to_rgb(image, data, image.info.get("icc_profile") or None)
    rgb, alpha = modes.upright(rgb, turn), None if alpha is None else modes.upright(alpha, turn)
    return Picture(
        convert.frame_to_tensor(rgb),
        None if alpha is None else convert.to_unit(convert.frame_to_tensor(alpha[..., None])),
        profile,
        modes.kept_exif(image),
        image.format or "PNG",
        (*notes, *said),
        dpi,
    )


def _encode(
    picture: Tensor,
    format: str,
    icc_profile: bytes | None,
    exif: bytes | None,
    dpi: tuple[float, float] | None,
    quality: int | None,
) -> bytes:
    if format not in ENCODERS:
        raise InputError(f"format {format!r} cannot be written; choose from {', '.join(ENCODERS)}")
    options = dict(ENCODERS[format])
    if quality is not None and "quality" in options:
        options["quality"] = quality
        if format == "WEBP" and quality == 100:
            options.update(lossless=True, quality=25, method=1)
    if format in KEEPS_METADATA:
        options["icc_profile"] = icc_profile if picture.shape[-1] > 1 else None
        options |= {"exif": exif} if exif else {}
    elif icc_profile and picture.shape[-1] == 3:
        picture = torch.from_numpy(modes.to_srgb(picture.numpy(), icc_profile))
    options |= {"dpi": dpi} if dpi and format in KEEPS_DPI else {}
    buffer = BytesIO()
    try:
        if format in OWN:
            return OWN[format](picture.numpy(), **options)
        convert.tensor_to_pil(picture).save(buffer, format, **options)
    except (OSError, ValueError, RuntimeError, SystemError, MemoryError, cv2.error) as error:
        size = f"{picture.shape[1]}×{picture.shape[0]}"
        raise InputError(f"cannot write a picture of {size} as {format} ({error}); try .png") from error
    return buffer.getvalue()
