"""Data for evaluation: folders, manifests, DAVIS, clips with matte clips; each becomes clips of scored frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bgdl import convert
from bgdl.data.check import too_dark
from bgdl.data.pairs import Pair, find_pairs, is_hidden, natural, read_pair
from bgdl.data.split import split_pairs
from bgdl.errors import BgdlError, InputError
from bgdl.evaluation.protocol import Rules
from bgdl.media.opening import CLIP_SUFFIXES
from bgdl.media.reader import VideoReader
from bgdl.opencv import cv2

MATTE_ENDINGS = ("-matte", "_matte", ".matte", "-alpha", "_alpha")
_DAVIS_SIZES = ("480p", "Full-Resolution", "1080p")


@dataclass(frozen=True)
class Frame:
    """A picture and its truth, or why there is none.

    picture: uint8 (1,H,W,3). truth: float32 (H,W) in [0,1]. scored: False for frames that only lead up to others.
    """

    name: str
    picture: Tensor | None = None
    truth: Tensor | None = None
    scored: bool = True
    error: str | None = None


@dataclass(frozen=True)
class Clip:
    """Frames in order. sequence: they follow each other in time. rate: frames a second, where known.

    files: that `read` reads.
    """

    name: str
    sequence: bool
    count: int | None
    rate: Fraction | None
    read: Callable[[], Iterator[Frame]]
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Source:
    """One DATA argument: its name in tables, the path as given, and its clips."""

    name: str
    path: str
    clips: tuple[Clip, ...]

    def describe(self) -> str:
        """How it was taken, in a line: as pictures, as one clip or as several."""
        if len(self.clips) > 1:
            return f"data {self.name}: {len(self.clips)} clips"
        (clip,) = self.clips
        count = f"{clip.count} " if clip.count else ""
        if clip.sequence:
            return f"data {self.name}: one clip of {count}frames"
        return f"data {self.name}: {count}pictures, unrelated to each other (kind sequence: frames of one clip)"


def open_sources(paths: tuple[str, ...], rules: Rules) -> list[Source]:
    """The data at each path; names that would be the same get as many folders before them as tell them apart.

    Raises InputError for data that is named twice.
    """
    whole = [_named(Path(path)).absolute() for path in paths]
    for number, place in enumerate(whole):
        if place.resolve() in [earlier.resolve() for earlier in whole[:number]]:
            raise InputError(f"the data {paths[number]} is given twice; name each once")
    short = [_clean(place) for place in whole]
    places = short if len(set(short)) == len(short) else whole  # which tells data/ from data.csv
    names = [place.name for place in places]
    depth = 1
    while len(set(names)) < len(names):
        depth += 1
        names = ["/".join(place.parts[-depth:]) for place in places]
    return [Source(name, path, _clips(Path(path).expanduser(), rules)) for name, path in zip(names, paths, strict=True)]


def shrink(frame: Frame, long_side_px: int | None) -> Frame:
    """The frame with its long side at most `long_side_px`, averaged over areas; smaller ones stay."""
    if frame.picture is None or frame.truth is None:
        return frame
    picture = shrink_picture(frame.picture, long_side_px)
    height, width = picture.shape[1:3]
    if (height, width) == frame.truth.shape:
        return frame
    truth = cv2.resize(frame.truth.numpy(), (width, height), interpolation=cv2.INTER_AREA)
    return replace(frame, picture=picture, truth=torch.from_numpy(np.asarray(truth, np.float32)))


def shrink_picture(picture: Tensor, long_side_px: int | None) -> Tensor:
    """uint8 (1,H,W,3) with its long side at most `long_side_px`; None leaves it."""
    size_hw = shrunk_hw(picture.shape[1:3], long_side_px)
    if size_hw == picture.shape[1:3]:
        return picture
    small = cv2.resize(picture[0].numpy(), size_hw[::-1], interpolation=cv2.INTER_AREA)
    return convert.frame_to_tensor(np.asarray(small, np.uint8))


def shrunk_hw(size_hw: Sequence[int], long_side_px: int | None) -> tuple[int, int]:
    """A picture's height and width in px once its long side is at most `long_side_px`; None leaves them."""
    height, width = size_hw
    share = (long_side_px or max(height, width)) / max(height, width)
    return (height, width) if share >= 1 else (max(1, round(height * share)), max(1, round(width * share)))


def _matte_of(clip: Path) -> Path | None:
    """The matte clip that lies beside `clip`: matte.* beside clip.*, else NAME-matte.* beside NAME.*."""
    stems = ["matte", "alpha"] if clip.stem == "clip" else []
    stems += [clip.stem + ending for ending in MATTE_ENDINGS]
    files = (clip.with_name(stem + suffix) for stem in stems for suffix in CLIP_SUFFIXES)
    return next((file for file in files if file.is_file()), None)


def _clips(path: Path, rules: Rules) -> tuple[Clip, ...]:
    found: tuple[Clip, ...] = ()
    if (path / "JPEGImages").is_dir() and (path / "Annotations").is_dir():
        found = _davis(path)
    elif path.suffix.lower() in CLIP_SUFFIXES:
        found = (_matte_clip(path, path.stem),)
    elif path.is_dir() and not (path / "images").is_dir():
        found = _clip_folder(path)
    if found and rules.split:
        raise InputError(f"{path} holds clips; split is for folders and manifests of pictures")
    return found or (_folder(path, rules),)


def _clip_folder(path: Path) -> tuple[Clip, ...]:
    """Each clip with its mattes, called by its whole name where two are of one stem; none is a folder of pictures."""
    clips = [file for file in clip_files(path) if not _is_matte(file)]
    alone = [file.name for file in clips if not _matte_of(file)]
    if len(alone) == len(clips):
        return ()
    if alone:
        raise InputError(f"{len(alone)} clips of {path} have no matte clip beside them, {alone[0]} among them")
    stems = [file.stem for file in clips]
    return tuple(_matte_clip(file, file.name if stems.count(file.stem) > 1 else file.stem) for file in clips)


def _is_matte(file: Path) -> bool:
    """By its name, and no clip with mattes of its own."""
    return (file.stem in ("matte", "alpha") or file.stem.endswith(MATTE_ENDINGS)) and not _matte_of(file)


def _folder(path: Path, rules: Rules) -> Clip:
    pairs = find_pairs(path)
    if rules.split:
        pairs = split_pairs(pairs, rules.split)[1]
    if not pairs:
        raise InputError(f"the split {rules.split!r} keeps none of the pictures of {path}")
    return _of_pairs(_clean(path).name, pairs, sequence=rules.kind == "sequence")


def _of_pairs(name: str, pairs: list[Pair], *, sequence: bool) -> Clip:
    def frames() -> Iterator[Frame]:
        for pair in pairs:
            try:
                picture, mask = read_pair(pair)
            except BgdlError as error:
                yield Frame(pair.name, error=str(error).removeprefix(f"{pair.name}: "))
                continue
            if not sequence and (dark := too_dark(mask)):  # in a clip, a subject that fades
                yield Frame(pair.name, error=dark)
                continue
            yield _frame(pair.name, convert.frame_to_tensor(picture), convert.frame_to_tensor(mask))

    files = tuple(file for pair in pairs for file in (pair.image, pair.mask) if file)
    return Clip(name, sequence, len(pairs), None, frames, files)


def _davis(root: Path) -> tuple[Clip, ...]:
    """JPEGImages/480p/NAME/*.jpg and Annotations/480p/NAME/*.png; every object of a palette mask is the subject."""
    sizes = [size for size in _DAVIS_SIZES if (root / "JPEGImages" / size).is_dir()]
    if not sizes:
        raise InputError(f"{root / 'JPEGImages'} has none of the folders {', '.join(_DAVIS_SIZES)}")
    images, masks = root / "JPEGImages" / sizes[0], root / "Annotations" / sizes[0]
    clips = []
    for folder in sorted(entry for entry in images.iterdir() if entry.is_dir() and not is_hidden(entry.name)):
        files = sorted(folder.glob("[!.]*.jpg"), key=lambda file: natural(file.stem))
        pairs = [Pair(file.stem, file, masks / folder.name / f"{file.stem}.png") for file in files]
        clips.append(_of_pairs(folder.name, pairs, sequence=True))
    if not clips:
        raise InputError(f"{images} holds no sequence")
    return tuple(clips)


def _matte_clip(path: Path, name: str) -> Clip:
    if not path.is_file():
        raise InputError(f"no clip at {path}")
    matte = _matte_of(path)
    if matte is None:
        raise InputError(f"{path} has no matte clip beside it; name it {path.stem}-matte{path.suffix}")

    def frames() -> Iterator[Frame]:
        with VideoReader(path) as pictures, VideoReader(matte) as truths:
            number = -1
            both = zip(pictures.batches(1), truths.batches(1), strict=True)
            try:
                for number, (picture, truth) in enumerate(both):
                    yield _frame(f"{number:05d}", picture.data, truth.data[..., 0])
            except ValueError:
                reason = f"{path.name} and {matte.name} have different numbers of frames"
                yield Frame(f"{number + 1:05d}", error=reason)

    with VideoReader(path) as reader:
        return Clip(name, True, reader.info.frames, reader.info.rate, frames, (path, matte))


def _frame(name: str, picture: Tensor, mask: Tensor) -> Frame:
    if picture.shape[:3] != mask.shape:
        return Frame(name, error=f"picture and mask are {tuple(picture.shape[1:3])} and {tuple(mask.shape[1:])}")
    return Frame(name, picture, convert.to_unit(mask)[0])


def clip_files(folder: Path) -> list[Path]:
    """The clips in `folder`, sorted; hidden ones are left out."""
    files = (file for file in folder.iterdir() if file.suffix.lower() in CLIP_SUFFIXES)
    return sorted(file for file in files if not is_hidden(file.name))


def _clean(path: Path) -> Path:
    """Without a trailing `.` or `..`, and a file without its suffix, so that it has a name."""
    path = _named(path)
    return path.with_suffix("") if path.suffix.lower() in (".csv", *CLIP_SUFFIXES) else path


def _named(path: Path) -> Path:
    path = path.expanduser()
    return path.resolve() if path.name in ("", "..") else path
