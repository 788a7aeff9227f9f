"""Pairs as datasets: whole pictures for validation, augmented ones of one size for training."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from bgdl import convert
from bgdl.data.augment import Augment, Size, nobody
from bgdl.data.chance import chance
from bgdl.data.layers import background, beside, cutout, row
from bgdl.data.pairs import Pair, Picture, read_pair
from bgdl.data.things import plain_background
from bgdl.opencv import cv2

LONGEST_PX = 4096
"""Of the pictures that are held in memory."""

AS_IT_IS = Augment(replace=0, portrait=0, whole=1, crowd=0, flip=0, occlude=0)
"""The whole picture, or as much of it as has the aspect that is asked for."""


class Sample(TypedDict):
    """frames: uint8 (N,H,W,3); masks: float32 (N,1,H,W) in [0,1]; names: the files that went in; seeds: of each."""

    frames: Tensor
    masks: Tensor
    names: list[str]
    seeds: list[int]


class WholePictures(Dataset[Sample]):
    """Each pair as it is: uint8 (1,H,W,3) and float32 (1,1,H,W); no picture for the index None."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.pairs = list(pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int | None) -> Sample:
        if index is None:
            return Sample(frames=torch.zeros(0, 1, 1, 3).byte(), masks=torch.zeros(0, 1, 1, 1), names=[], seeds=[])
        rgb, mask = read_pair(self.pairs[index])
        frames, masks = convert.frame_to_tensor(rgb), convert.to_unit(torch.from_numpy(mask))[None, None]
        return Sample(frames=frames, masks=masks, names=[self.pairs[index].name], seeds=[0])


class TrainingPictures(Dataset[Sample]):
    """Augmented pictures: uint8 (1,h,w,3) and float32 (1,1,h,w).

    An index is (draw, number, (h, w)): the same one always gives the same picture, in whatever process and order, and
    another draw of the same number another picture.
    natural: proportions stay. person_px: pictures of higher people are made smaller when they are read. cache_bytes:
    of decoded pairs kept in memory, those used last.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        augment: Augment | None,
        *,
        seed: int,
        natural: bool = False,
        person_px: int = 4096,
        cache_bytes: int = 10**9,
    ) -> None:
        self.pairs = list(pairs)
        self.augment = augment
        self.seed = seed
        self.natural = natural
        self._decoded = _Recent(person_px, cache_bytes)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: tuple[int, int, Size]) -> Sample:
        draw, number, size_hw = index
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(hash((self.seed, draw, number)) % 2**63)
            rgba = self._picture(number, size_hw)
            seed = int(torch.randint(2**62, ()))
        frames = rgba[:3].permute(1, 2, 0)[None].contiguous()
        return Sample(
            frames=frames, masks=convert.to_unit(rgba[3:])[None], names=[self.pairs[number].name], seeds=[seed]
        )

    def _picture(self, number: int, size_hw: Size) -> Tensor:
        """uint8 (4,h,w) RGBA."""
        augment = self.augment or AS_IT_IS

        def scene() -> Tensor:
            return plain_background(max(size_hw)) if chance(augment.plain) else self._other_background()

        if chance(augment.empty):
            canvas = nobody(scene(), size_hw, natural=self.natural)
        elif chance(augment.replace):
            people = iter([number])
            canvas = augment.before(scene(), lambda: self._cutout(next(people, None)), size_hw, natural=self.natural)
        elif chance(augment.mosaic):
            canvas = augment.tiled(self._rgba(number), lambda: self._rgba(self._any()), size_hw, natural=self.natural)
        elif chance(augment.wide):
            around = background(*self._read(number))
            canvas = augment.widened(self._rgba(number), around, size_hw, natural=self.natural)
        else:
            canvas = augment.own(self._rgba(number), size_hw, natural=self.natural)
            canvas = augment.joined(canvas, lambda: self._cutout(None), natural=self.natural)
        canvas = augment.camouflaged(canvas)
        canvas = augment.passed(canvas, lambda: self._cutout(None), natural=self.natural)
        canvas = augment.furnished(canvas, self._other_background)
        return augment.occluded(canvas, self._other_background)

    def _rgba(self, number: int) -> Tensor:
        rgb, mask = self._read(number)
        return torch.cat([torch.from_numpy(rgb).permute(2, 0, 1), torch.from_numpy(mask)[None]])

    def _cutout(self, number: int | None) -> Tensor:
        return cutout(*self._read(self._any() if number is None else number))

    def _other_background(self) -> Tensor:
        """A picture with its person painted over, or a row of what stands beside the people of several."""
        if chance(0.3):
            return background(*self._read(self._any()))
        return row([beside(*self._read(self._any())) for _ in range(4)])

    def _any(self) -> int:
        return int(torch.randint(len(self.pairs), ()))

    def _read(self, number: int) -> tuple[Picture, Picture]:
        return self._decoded.get(self.pairs[number])


class _Recent:
    """The pairs decoded last, as many as fit into so many bytes, and always the very last."""

    def __init__(self, person_px: int, limit_bytes: int) -> None:
        self._person_px, self._limit, self._held = person_px, limit_bytes, 0
        self._pairs: OrderedDict[tuple[Path, Path | None], tuple[Picture, Picture]] = OrderedDict()

    def get(self, pair: Pair) -> tuple[Picture, Picture]:
        key = (pair.image, pair.mask)
        if key not in self._pairs:
            self._pairs[key] = _at_most(self._person_px, read_pair(pair))
            self._held += _bytes(self._pairs[key])
        self._pairs.move_to_end(key)
        while self._held > self._limit and len(self._pairs) > 1:
            self._held -= _bytes(self._pairs.popitem(last=False)[1])
        return self._pairs[key]


def _at_most(person_px: int, pair: tuple[Picture, Picture]) -> tuple[Picture, Picture]:
    """A pair whose person is at most so high, and no side longer than LONGEST_PX."""
    height, width = pair[1].shape
    rows = np.flatnonzero(pair[1].max(axis=1))
    person = int(rows[-1] - rows[0]) + 1 if len(rows) else max(height, width)
    scale = min(person_px / person, LONGEST_PX / max(height, width))
    if scale >= 1:
        return pair
    size_wh = max(1, round(width * scale)), max(1, round(height * scale))
    rgb, mask = (np.asarray(cv2.resize(part, size_wh, interpolation=cv2.INTER_AREA), np.uint8) for part in pair)
    return rgb, mask


def _bytes(pair: tuple[Picture, Picture]) -> int:
    return sum(part.nbytes for part in pair)


def collate(samples: Sequence[Sample]) -> Sample:
    """Samples of one size -> one batch."""
    return Sample(
        frames=torch.cat([sample["frames"] for sample in samples]),
        masks=torch.cat([sample["masks"] for sample in samples]),
        names=[name for sample in samples for name in sample["names"]],
        seeds=[seed for sample in samples for seed in sample["seeds"]],
    )
