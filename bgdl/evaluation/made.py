"""Mattes that another program made, scored beside those of methods: the `mattes:FOLDER` among them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePath
from typing import Protocol, TypeGuard

import numpy as np
import torch
from torch import Tensor

from bgdl import convert
from bgdl.data.masks import COLOURED
from bgdl.data.pairs import files_by_name
from bgdl.errors import InputError
from bgdl.evaluation.sources import Clip, clip_files, shrunk_hw
from bgdl.media import image
from bgdl.media.reader import VideoReader
from bgdl.opencv import cv2
from bgdl.types import Matter


class Told(Matter, Protocol):
    """A Matter that is told which picture it sees next, since frames have no names."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything that it may read."""
        ...

    def turn_to(self, data: str, clip: Clip, name: str, long_side_px: int | None) -> None:
        """The next frame is the picture `name` of that clip, shrunk to so long a side (None: as it is)."""
        ...


def is_told(matter: Matter) -> TypeGuard[Told]:
    """Whether a method is told its pictures' names; what is around one passes them on."""
    return callable(getattr(matter, "turn_to", None))


class MadeMattes:
    """A Matter that reads its mattes from `folder`: FOLDER/NAME.png, of a clip FOLDER/CLIP/NAME.png or FOLDER/CLIP.mkv.

    Their size is the picture's. They are grey, or pictures with transparency, which is then the matte.
    Raises InputError where the folder holds neither pictures nor clips.
    """

    stateful = False
    device = torch.device("cpu")

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.folder = folder
        if not folder.is_dir():
            raise InputError(f"no folder of mattes at {folder}")
        self.pictures = files_by_name(folder)
        self.clips = {key: file for file in clip_files(folder) for key in (file.name, file.stem)}
        if not self.files:
            raise InputError(f"{folder} holds no mattes; give a folder of pictures or clips")
        self._taken: dict[Path, str] = {}
        self._next: tuple[str, Clip, str, int | None] | None = None
        self.reset()

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything that it may read."""
        return tuple(dict.fromkeys((*self.pictures.values(), *self.clips.values())))

    def turn_to(self, data: str, clip: Clip, name: str, long_side_px: int | None) -> None:
        """The next frame is the picture `name` of that clip, shrunk to so long a side (None: as it is)."""
        self._next = (data, clip, name, long_side_px)

    def alpha(self, frames: Tensor) -> Tensor:
        """uint8 (1,H,W,3) RGB -> float32 (1,H,W,1) in [0,1]: the matte of the picture that it was turned to.

        Raises InputError where that picture has no matte, or one of another size.
        """
        if self._next is None:
            raise InputError(f"{self.name} is not told the picture's name; its mattes are for bgdl eval alone")
        data, clip, name, long_side_px = self._next
        matte = self._read(data, clip, name)
        size_hw = frames.shape[1:3]
        if shrunk_hw(matte.shape, long_side_px) != size_hw:
            sizes = f"{matte.shape[1]}x{matte.shape[0]} and the picture {size_hw[1]}x{size_hw[0]}"
            raise InputError(f"its matte is {sizes} px; they must agree")
        if matte.shape != size_hw:
            small = cv2.resize(matte.numpy(), size_hw[::-1], interpolation=cv2.INTER_AREA)
            matte = torch.from_numpy(np.asarray(small, np.float32))
        return matte[None, ..., None]

    def reset(self) -> None:
        """Forget where in a clip it is."""
        self._next = None
        self._frames: Iterator[Tensor] = iter(())
        self._number = -1

    def _read(self, data: str, clip: Clip, name: str) -> Tensor:
        """float32 (H,W) in [0,1]."""
        if clip.rate is not None and clip.name in self.clips:
            return self._frame(self.clips[clip.name], int(name))
        names = (f"{clip.name}/{name}", name, PurePath(name).name)
        file = next((self.pictures[name] for name in names if name in self.pictures), None)
        if file is None:
            raise InputError(f"{self.folder} has no matte of its name")
        whose = self._taken.setdefault(file, f"{data}/{clip.name}")
        if whose != f"{data}/{clip.name}":
            raise InputError(f"its matte is that of a picture of {whose}; give each clip a folder of its name")
        return read_matte(file)

    def _frame(self, file: Path, number: int) -> Tensor:
        """The matte of a clip's frame; frames are asked for in order."""
        if self._number < 0:
            self._frames = _frames(file)
        skipped = number - self._number - 1
        self._number = number
        matte = next(islice(self._frames, skipped, None), None)
        if matte is None:
            raise InputError(f"{file.name} has fewer frames than the clip")
        return matte


def read_matte(path: Path) -> Tensor:
    """float32 (H,W) in [0,1]: a picture's transparency where it has some, else its grey.

    Raises InputError for what cannot be read, and for colours without transparency.
    """
    picture = image.read(path)
    if picture.alpha is not None and bool((picture.alpha < 1).any()):
        return picture.alpha[0, ..., 0]
    rgb = picture.frames[0]
    if bool((rgb.amax(dim=-1) - rgb.amin(dim=-1)).max() > COLOURED):
        raise InputError(f"{path.name} is no matte: it has colours but no transparency")
    return convert.to_unit(rgb[..., 1])


def _frames(file: Path) -> Iterator[Tensor]:
    with VideoReader(file) as reader:
        for batch in reader.batches(1):
            yield convert.to_unit(batch.data[0, ..., 1])
