"""Pictures and their masks on disk: which belong together."""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bgdl import convert
from bgdl.data.masks import read_mask
from bgdl.errors import InputError
from bgdl.media import image
from bgdl.media.image import READ_SUFFIXES

LAYOUTS = "a folder with images/ and masks/, a folder of pictures with transparency, or a .csv"
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Pair:
    """A picture and its mask; mask None means that the picture's own alpha channel is the mask."""

    name: str
    image: Path
    mask: Path | None
    split: str | None = None


def find_pairs(root: str | Path) -> list[Pair]:
    """The pairs under `root`, 2 before 10: see `docs/fine-tuning.md` for the three layouts.

    A folder with `images/` and `masks/` is matched by path without suffix; a `.csv` file has the columns image,
    mask and, if wanted, split (train, val or test), its paths relative to it and its rows in order; any other folder
    holds pictures with alpha.
    Raises InputError where nothing is found, a mask is missing or two files have one name.
    """
    root = Path(root).expanduser()
    if root.suffix.lower() == ".csv":
        pairs = _from_manifest(root)
    elif (root / "images").is_dir():
        pairs = _from_folders(root)
    elif root.is_dir():
        pairs = [Pair(_name(file, root), file, None) for file in pictures_under(root)]
    else:
        raise InputError(f"no data at {root}; give {LAYOUTS}")
    if not pairs:
        raise InputError(f"{root} holds no pictures ({', '.join(sorted(READ_SUFFIXES))})")
    return pairs if root.suffix.lower() == ".csv" else sorted(pairs, key=lambda pair: natural(pair.name))


def natural(name: str) -> tuple[list[str | int], str]:
    """To sort by, numbers as numbers: frame2 before frame10."""
    return [int(part) if index % 2 else part for index, part in enumerate(re.split(r"(\d+)", name))], name


def composed(name: str) -> str:
    """The name with each accented letter as one character (NFC): macOS may write two, and the names then differ."""
    return unicodedata.normalize("NFC", name)


def read_pair(pair: Pair) -> tuple[Picture, Picture]:
    """The picture, uint8 (H,W,3) RGB, and its mask, uint8 (H,W) coverage, both upright.

    Raises InputError for what cannot be read, where the sizes disagree, and where there is neither a mask nor
    transparency.
    """
    picture = image.read(pair.image)
    rgb = picture.frames[0].numpy()
    if pair.mask is None:
        if picture.alpha is None:
            raise InputError(f"{pair.name}: no mask, and no transparency to use as one; give images/ and masks/")
        return rgb, convert.to_bytes(picture.alpha)[0, ..., 0].numpy()
    mask = read_mask(pair.mask)
    if mask.shape != rgb.shape[:2]:
        sizes = f"{rgb.shape[1]}x{rgb.shape[0]} and {mask.shape[1]}x{mask.shape[0]}"
        raise InputError(f"{pair.name}: picture and mask are {sizes} px; make them the same size")
    return rgb, mask


def pictures_under(folder: Path) -> list[Path]:
    """The picture files under `folder`, sorted; hidden files and folders are left out."""
    files = (file for file in folder.rglob("*") if file.suffix.lower() in READ_SUFFIXES)
    return sorted(file for file in files if not any(map(is_hidden, file.relative_to(folder).parts)))


def is_hidden(name: str) -> bool:
    """Whether a file or folder is one that programs keep for themselves: `.ipynb_checkpoints`, macOS's `._clip.mp4`."""
    return name.startswith(".")


def files_by_name(folder: Path) -> dict[str, Path]:
    """Path without suffix, relative to `folder` -> picture file; raises InputError where two have one name."""
    files: dict[str, Path] = {}
    for file in pictures_under(folder):
        _claim(files, _name(file, folder), file)
    return files


def match_folders(root: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Name -> file of `root`'s images/ and masks/; raises InputError where two files have one name."""
    return files_by_name(root / "images"), files_by_name(root / "masks")


def _from_folders(root: Path) -> list[Pair]:
    images, masks = match_folders(root)
    missing = sorted(images.keys() - masks.keys())
    if missing:
        raise InputError(
            f"pictures without a mask in {root}: {len(missing)}, such as {missing[0]}; run bgdl data check to list them"
        )
    return [Pair(name, file, masks[name]) for name, file in images.items()]


def _from_manifest(path: Path) -> list[Pair]:
    if not path.is_file():
        raise InputError(f"no data at {path}; give {LAYOUTS}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if not {"image", "mask"} <= set(reader.fieldnames or ()):
                raise InputError(f"{path.name} has the columns {reader.fieldnames}; it needs image and mask")
            rows = [row for row in reader if row["image"]]
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is not UTF-8; save it as CSV UTF-8") from error
    except csv.Error as error:
        line = reader.line_num + 1  # where the row begins
        raise InputError(f"{path.name} is no CSV from line {line} on: {error}; close each quotation mark") from error
    pairs: dict[str, Pair] = {}
    for row in rows:
        picture = path.parent / row["image"]
        if not Path(row["image"]).name:
            raise InputError(f"{path.name} lists the image {row['image']!r}, which does not exist")
        name = composed(Path(row["image"]).with_suffix("").as_posix())
        if name in pairs:
            raise InputError(f"{path.name} lists {name} twice; remove one")
        mask = path.parent / row["mask"] if row["mask"] else None
        pairs[name] = Pair(name, picture, mask, row.get("split") or None)
    return list(pairs.values())


def _name(file: Path, root: Path) -> str:
    return composed(file.relative_to(root).with_suffix("").as_posix())


def _claim(files: dict[str, Path], name: str, file: Path) -> None:
    if name in files:
        raise InputError(f"{files[name].name} and {file.name} in {file.parent} share the name {name}; rename one")
    files[name] = file
