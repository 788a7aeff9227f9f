"""What is wrong with a folder of pictures and masks, found before hours of training."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps
from PIL.TiffImagePlugin import TiffImageFile

from bgdl import convert
from bgdl.data.masks import CLASSES, holds_01, holds_void, opened
from bgdl.data.pairs import Pair, Picture, find_pairs, match_folders, pictures_under, read_pair
from bgdl.errors import BgdlError, InputError
from bgdl.media import image
from bgdl.media.target import replacing, same_file

Item = TypeVar("Item")
MANY = 0.6  # share of the border that only an inverted mask covers
QUICK = 8  # pairs that are read before training


@dataclass(frozen=True)
class Finding:
    """One fault. severity "error" stops training; "warning" is worth a look."""

    severity: str
    name: str
    text: str


def check_folder(root: str | Path) -> tuple[list[Pair], list[Finding]]:
    """Every readable pair under `root`, and everything found wrong with it, missing partners first."""
    root = Path(root).expanduser()
    if (root / "images").is_dir():
        pairs, findings = _check_partners(root)
    else:
        pairs, findings = find_pairs(root), []
    for pair in pairs:
        findings += _check_pair(pair)
    return pairs, findings + list(_duplicates(pairs))


def check_files(pairs: Sequence[Pair], root: str | Path) -> None:
    """Raises InputError for files that are missing and sizes that disagree, as the headers of all of them tell."""
    files = [file for pair in pairs for file in (pair.image, pair.mask) if file is not None]
    missing = [file for file in files if not file.is_file()]
    if missing:
        hint = "; use / in paths, not \\" if "\\" in missing[0].name else ""
        raise InputError(f"{len(missing)} of the files of {root} are missing, {missing[0]} among them{hint}")
    apart = [text for pair in pairs if (text := _sizes_apart(pair))]
    if apart:
        raise InputError(f"{apart[0]} ({len(apart)} such in {root}); run bgdl data check to list all")


def _sizes_apart(pair: Pair) -> str | None:
    if pair.mask is None:
        return None
    try:
        picture, mask = _upright_size(pair.image), _upright_size(pair.mask)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):  # told where it is read
        return None
    sizes = "{}x{} and {}x{}".format(*picture, *mask)
    return None if picture == mask else f"{pair.name}: picture and mask are {sizes} px; they must agree"


def _upright_size(file: Path) -> tuple[int, int]:
    """Width and height, read without the pixels."""
    with opened(file) as picture:
        # Pillow itself swaps those of a TIFF, but some versions before the pixels are read and some after
        size = (picture.tag_v2[256], picture.tag_v2[257]) if isinstance(picture, TiffImageFile) else picture.size
        turned = picture.getexif().get(ExifTags.Base.Orientation, 1) >= 5
        return (size[1], size[0]) if turned else size


def check_quickly(pairs: Sequence[Pair]) -> None:
    """Read a few pairs spread over the list; raises the first error among what is found."""
    for pair in spread(pairs, QUICK):
        for finding in _check_pair(pair):
            if finding.severity == "error":
                raise BgdlError(f"{finding.name}: {finding.text}; run bgdl data check to list all")


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """At most `count` of the items, from the whole length of the list."""
    count = min(count, len(items))
    return [items[number * len(items) // count] for number in range(count)]


def _check_pair(pair: Pair) -> list[Finding]:
    """What is wrong with one pair: unreadable, sizes that disagree, a mask in 0..1, empty, full or inverted."""
    try:
        _, mask = read_pair(pair)
    except BgdlError as error:
        return [Finding("error", pair.name, str(error).removeprefix(f"{pair.name}: "))]
    findings = []
    if pair.mask is not None and holds_01(pair.mask):
        findings.append(Finding("warning", pair.name, "the mask holds 0 and 1; it is read as 0 and 255"))
    if pair.mask is not None and holds_void(pair.mask):
        findings.append(Finding("warning", pair.name, "the mask has a void class, 255; it is read as background"))
    person = mask >= 128
    if dark := too_dark(mask):
        findings.append(Finding("error", pair.name, dark))
    elif not person.any():
        findings.append(Finding("warning", pair.name, "the mask is empty"))
    elif person.all():
        findings.append(Finding("error", pair.name, "the mask is white everywhere"))
    elif _looks_inverted(person):
        findings.append(Finding("error", pair.name, "the mask looks inverted: white is the person"))
    return findings


def too_dark(mask: NDArray[np.uint8]) -> str | None:
    """What is wrong with a mask (H,W) that is neither empty nor anywhere 128 or more; None for others."""
    brightest = int(mask.max(initial=0))
    if not 0 < brightest < 128:
        return None
    return f"the mask's brightest value is {brightest} of 255; {CLASSES}"


def sample_grid(pictures: Iterable[tuple[Picture, Picture]], *, side: int = 192, columns: int = 4) -> Image.Image:
    """Pictures beside their masks' overlay, `columns` in a row: uint8 (H,W,3) and (H,W) each."""
    tiles = [_tile(rgb, mask, side) for rgb, mask in pictures]
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * 2 * side, max(1, rows) * side))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % columns * 2 * side, number // columns * side))
    return sheet


def save_sheet(sheet: Image.Image, file: Path) -> None:
    """Write a drawn sheet whole or not at all, as the kind of picture that the file's ending names."""
    image.write(convert.frame_to_tensor(np.asarray(sheet))[0], file)


def check_sheet(file: Path, root: Path) -> None:
    """Raises InputError for a sheet that would be a picture of the data at `root`, or replace one."""
    folders = listed(root)
    for folder in folders:
        if file.resolve().is_relative_to(folder.resolve()):
            raise InputError(
                f"{file} would lie in {folder.resolve()}, where every picture is data; name a grid elsewhere"
            )
    pairs = [] if folders else find_pairs(root)
    named = [read for pair in pairs for read in (pair.image, pair.mask) if read is not None]
    for read in (*named, *chain.from_iterable(map(pictures_under, folders))):  # which may be links
        if same_file(read, file):
            raise replacing(read)


def listed(root: Path) -> list[Path]:
    """The folders under `root` whose every picture is data; none of a manifest, which names its files."""
    if root.is_file():
        return []
    folders = [root / "images", root / "masks"]
    return folders if folders[0].is_dir() else [root]


def _tile(rgb: Picture, mask: Picture, side: int) -> Image.Image:
    """The picture, and the same with its background in green."""
    cover = (mask.astype(np.float32) / 255)[..., None]
    shown = (rgb * cover + np.array([0, 160, 80], np.float32) * (1 - cover) + 0.5).astype(np.uint8)
    tile = Image.new("RGB", (2 * side, side))
    for number, picture in enumerate((rgb, shown)):
        small = ImageOps.contain(Image.fromarray(picture), (side, side))
        tile.paste(small, (number * side + (side - small.width) // 2, (side - small.height) // 2))
    return tile


def _check_partners(root: Path) -> tuple[list[Pair], list[Finding]]:
    images, masks = match_folders(root)
    findings = [Finding("error", name, "has no mask") for name in sorted(images.keys() - masks.keys())]
    findings += [
        Finding("warning", name, "is a mask without a picture") for name in sorted(masks.keys() - images.keys())
    ]
    return [Pair(name, images[name], masks[name]) for name in sorted(images.keys() & masks.keys())], findings


def _duplicates(pairs: Sequence[Pair]) -> Iterable[Finding]:
    """Pictures whose files hold the same bytes: they leak when the split parts them."""
    seen: dict[bytes, str] = {}
    for pair in pairs:
        if not pair.image.is_file():
            continue  # told already
        digest = hashlib.sha256(pair.image.read_bytes()).digest()
        if digest in seen:
            yield Finding("warning", pair.name, f"is the same picture as {seen[digest]}")
        seen.setdefault(digest, pair.name)


def _looks_inverted(person: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> bool:
    """White nearly all around, and less so in the middle."""
    height, width = person.shape
    top_and_sides = np.concatenate([person[0], person[:, 0], person[:, -1]])
    middle = person[height // 4 : -(height // 4) or None, width // 4 : -(width // 4) or None]
    return bool(top_and_sides.mean() > MANY and middle.mean() < top_and_sides.mean())
