"""Pictures and their masks on disk: which belong together, and which are kept for validation."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from bgdl.errors import InputError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Pair:
    """A picture and its mask; mask None means that the picture's own alpha channel is the mask."""

    name: str
    image: Path
    mask: Path | None
    split: str | None = None


def find_pairs(root: str | Path) -> list[Pair]:
    """The pairs under `root`, sorted by name: see `docs/fine-tuning.md` for the three layouts.

    A folder with `images/` and `masks/` is matched by path without suffix; a `.csv` file has the columns image,
    mask and, if wanted, split (train or val), its paths relative to it; any other folder holds pictures with alpha.
    Raises InputError where nothing is found, a mask is missing or two files have one name.
    """
    root = Path(root).expanduser()
    if root.suffix == ".csv":
        pairs = _from_manifest(root)
    elif (root / "images").is_dir():
        pairs = _from_folders(root)
    elif root.is_dir():
        pairs = [Pair(_name(file, root), file, None) for file in _pictures(root)]
    else:
        raise InputError(f"no data at {root}; give a folder with images/ and masks/, one of alpha PNGs, or a .csv")
    if not pairs:
        raise InputError(f"{root} holds no pictures ({', '.join(SUFFIXES)})")
    return sorted(pairs, key=lambda pair: pair.name)


def has_mask(pair: Pair) -> bool:
    """Whether there is a mask, or transparency to take for one."""
    if pair.mask is not None:
        return True
    with Image.open(pair.image) as file:
        return bool(file.has_transparency_data)


def read_pair(pair: Pair) -> tuple[Picture, Picture]:
    """The picture, uint8 (H,W,3) RGB, and its mask, uint8 (H,W) coverage, both upright.

    A mask that holds only 0 and 1 is taken as 0 and 255. Raises InputError where the sizes disagree, and
    where there is neither a mask nor transparency.
    """
    with Image.open(pair.image) as file:
        picture = ImageOps.exif_transpose(file) or file
        if pair.mask is None:
            if not picture.has_transparency_data:
                raise InputError(f"{pair.name}: no mask, and no transparency to take for one; give images/ and masks/")
            rgba = np.array(picture.convert("RGBA"))
            return np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3])
        rgb = np.array(picture.convert("RGB"))
    with Image.open(pair.mask) as file:
        mask = np.array(ImageOps.exif_transpose(file).convert("L"))
    if mask.shape != rgb.shape[:2]:
        sizes = f"{rgb.shape[1]}x{rgb.shape[0]} and {mask.shape[1]}x{mask.shape[0]}"
        raise InputError(f"{pair.name}: picture and mask are {sizes} px; they must agree")
    return rgb, mask * 255 if mask.max(initial=0) == 1 else mask


def split_pairs(pairs: Iterable[Pair], rule: str) -> tuple[list[Pair], list[Pair]]:
    """Training and validation pairs by `rule`; the same name always falls on the same side.

    rule: "hash:N" keeps about one in N by a hash of the name, "number:N:R" those whose number in the name leaves R
    when divided by N, "file:PATH" the names that a text file lists, "column" what the manifest's split says.
    """
    pairs = list(pairs)
    kind, _, rest = rule.partition(":")
    try:
        kept = {"hash": _by_hash, "number": _by_number, "file": _by_file, "column": _by_column}[kind](pairs, rest)
    except (KeyError, ValueError) as error:
        raise InputError(f"unknown split {rule!r}; use hash:N, number:N:R, file:PATH or column") from error
    return [p for p in pairs if p.name not in kept], [p for p in pairs if p.name in kept]


def _by_hash(pairs: list[Pair], rest: str) -> set[str]:
    share = int(rest)
    digest = {p.name: int.from_bytes(hashlib.sha256(p.name.encode()).digest()[:8], "big") for p in pairs}
    return {name for name, value in digest.items() if value % share == 0}


def _by_number(pairs: list[Pair], rest: str) -> set[str]:
    modulus, remainder = map(int, rest.split(":"))
    return {p.name for p in pairs if (n := re.findall(r"\d+", p.name)) and int(n[-1]) % modulus == remainder}


def _by_file(pairs: list[Pair], rest: str) -> set[str]:
    listed = {line.strip() for line in Path(rest).expanduser().read_text("utf-8").splitlines() if line.strip()}
    return {p.name for p in pairs if p.name in listed or p.image.name in listed}


def _by_column(pairs: list[Pair], rest: str) -> set[str]:
    if rest or not any(pair.split for pair in pairs):
        raise InputError("split 'column' needs a .csv manifest with a column split (train or val)")
    return {p.name for p in pairs if p.split == "val"}


def match_folders(root: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Name -> file of `root`'s images/ and masks/; raises InputError where two files have one name."""
    found: tuple[dict[str, Path], dict[str, Path]] = ({}, {})
    for files, folder in zip(found, (root / "images", root / "masks"), strict=True):
        for file in _pictures(folder):
            _claim(files, _name(file, folder), file)
    return found


def _from_folders(root: Path) -> list[Pair]:
    images, masks = match_folders(root)
    missing = sorted(images.keys() - masks.keys())
    if missing:
        raise InputError(f"{len(missing)} pictures of {root} have no mask, {missing[0]} among them: bgdl data check")
    return [Pair(name, file, masks[name]) for name, file in images.items()]


def _from_manifest(path: Path) -> list[Pair]:
    if not path.is_file():
        raise InputError(f"no data at {path}; give a folder with images/ and masks/, one of alpha PNGs, or a .csv")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if not {"image", "mask"} <= set(reader.fieldnames or ()):
            raise InputError(f"{path.name} has the columns {reader.fieldnames}; image and mask are needed")
        rows = list(reader)
    pairs: dict[str, Pair] = {}
    for row in rows:
        image = path.parent / row["image"]
        name = Path(row["image"]).with_suffix("").as_posix()
        if name in pairs:
            raise InputError(f"{path.name} names {name} twice")
        mask = path.parent / row["mask"] if row["mask"] else None
        pairs[name] = Pair(name, image, mask, row.get("split") or None)
    return list(pairs.values())


def _pictures(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES and not f.name.startswith("."))


def _name(file: Path, root: Path) -> str:
    return file.relative_to(root).with_suffix("").as_posix()


def _claim(files: dict[str, Path], name: str, file: Path) -> None:
    if name in files:
        raise InputError(f"{files[name].name} and {file.name} in {file.parent} have one name; rename one")
    files[name] = file
