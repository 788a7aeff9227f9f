"""One or several folders of pairs as a LightningDataModule."""

from __future__ import annotations

import math
import random
from typing import Literal

import torch
from pytorch_lightning import LightningDataModule, Trainer
from torch.utils.data import DataLoader

from bgdl import checks, convert
from bgdl.data.augment import Augment, Size
from bgdl.data.check import check_files, check_quickly
from bgdl.data.colour import colour_transform
from bgdl.data.dataset import Sample, TrainingPictures, WholePictures, collate
from bgdl.data.pairs import Pair, find_pairs
from bgdl.data.sampler import EpochSampler, EverySampler
from bgdl.data.split import split_pairs
from bgdl.errors import InputError
from bgdl.preprocess import InputSpec

ASPECTS = ((16, 9), (3, 2), (4, 3), (1, 1), (3, 4), (2, 3), (9, 16))
"""Height to width, as cameras have them: what shape "area" draws from."""
CLOSEST = 4
"""People are read at most so many times as high as what is trained at; crops show a quarter of them and more."""


class PortraitData(LightningDataModule):
    """Training and validation pictures.

    Args:
        root: A folder with images/ and masks/, a folder of pictures with transparency, or a .csv manifest; or a list.
        root_weights: How often each root is drawn from, relative to the others; null for all alike.
        split: Which pictures are kept for validation: hash:10, number:10:3, file:NAMES.txt, column or all.
        sizes: Sides in px of the training squares, each for an equal share of the training.
        shape: square squeezes pictures into squares; area keeps proportions, in rectangles of as many pixels whose
            aspect changes from batch to batch, for networks whose input_spec says so.
        batch: Pictures in a batch, per process.
        samples: Pictures in an epoch; null for as many as there are to train on.
        augment: How training pictures are made up; null leaves them as they are.
        colour: Strength of colour changes, 0 (none) to 1.25.
        workers: Processes that read and augment pictures; 0 for the main process.
        seed: Seed of what is drawn and how it is augmented.
        limit: Use at most this many pictures of each root for training, and as many for validation.
        cache_mb: Memory in MB for decoded pictures, per process with its workers.
    """

    def __init__(
        self,
        root: str | list[str],
        *,
        root_weights: list[float] | None = None,
        split: str = "hash:10",
        sizes: list[int] = [320],  # noqa: B006 (not changed)
        shape: Literal["square", "area"] = "square",
        batch: int = 8,
        samples: int | None = None,
        augment: Augment | None = Augment(),  # noqa: B008 (frozen)
        colour: float = 1.0,
        workers: int = 0,
        seed: int = 0,
        limit: int | None = None,
        cache_mb: int = 2000,
    ) -> None:
        super().__init__()
        self.roots = [root] if isinstance(root, str) else list(root)
        self.root_weights = root_weights or [1.0] * len(self.roots)
        if len(self.root_weights) != len(self.roots):
            raise InputError(f"{len(self.roots)} roots but {len(self.root_weights)} root_weights; give one per root")
        if min(self.root_weights, default=0) < 0 or not sum(self.root_weights):
            raise InputError(f"data.root_weights are {self.root_weights}; give none below 0, and one above it")
        if not sizes:
            raise InputError("data.sizes is empty; give one side in px or several")
        self.split, self.shape, self.augment, self.seed = split, shape, augment, seed
        self.sizes = [checks.count("data.sizes", side, at_least=1) for side in sizes]
        self.batch = checks.count("data.batch", batch, at_least=1)
        self.samples = None if samples is None else checks.count("data.samples", samples, at_least=1, at_most=10**9)
        self.limit = None if limit is None else checks.count("data.limit", limit, at_least=1, at_most=10**9)
        self.workers = checks.count("data.workers", workers)
        self.cache_mb = checks.count("data.cache_mb", cache_mb)
        self.colour = colour_transform(colour) if colour else None
        self.train_pairs: list[Pair] = []
        self.val_pairs: list[Pair] = []
        self.pair_weights: list[float] = []

    def setup(self, stage: str) -> None:
        if self.train_pairs or self.val_pairs:
            return
        root_of = {pair: number for number, root in enumerate(self.roots) for pair in find_pairs(root)}
        training, validation = split_pairs(root_of, self.split)
        for number, weight in enumerate(self.root_weights):
            mine = [pair for pair in training if root_of[pair] == number][: self.limit]
            self.train_pairs += mine
            kept = [pair for pair in validation if root_of[pair] == number][: self.limit]
            check_files([*mine, *kept], self.roots[number])
            self.val_pairs += kept
            self.pair_weights += [weight / max(1, len(mine))] * len(mine)
        if not self.val_pairs or (stage == "fit" and not self.train_pairs):
            needed = "training needs both" if stage == "fit" else "validation needs some"
            raise InputError(
                f"split {self.split!r} leaves {len(self.train_pairs)} pictures to train and {len(self.val_pairs)} "
                f"to validate; {needed}"
            )
        if self.trainer and stage == "fit":
            self._check_trainer(self.trainer)
        for side in (self.train_pairs, self.val_pairs):
            check_quickly(side)

    def train_dataloader(self) -> DataLoader[Sample]:
        natural = self.shape == "area"
        cache_bytes = self.cache_mb * 1_000_000 // max(1, self.workers)
        pictures = TrainingPictures(
            self.train_pairs,
            self.augment,
            seed=self.seed,
            natural=natural,
            person_px=CLOSEST * max(self.sizes),
            cache_bytes=cache_bytes,
        )
        sampler = EpochSampler(
            self._weights(),
            samples=self.samples or len(self.train_pairs),
            seed=self.seed,
            size_hw=self._size_hw,
            batch=self.batch,
            **self._place(),
        )
        if self.trainer:  # workers begin before Lightning tells the epoch, which is not 0 where a run is resumed
            begun = self.trainer.global_step // self._steps_each(self.trainer)
            sampler.set_epoch(max(self.trainer.current_epoch, begun))
        return DataLoader(
            pictures,
            self.batch,
            sampler=sampler,
            num_workers=self.workers,
            collate_fn=collate,
            persistent_workers=self.workers > 0,
        )

    def val_dataloader(self) -> DataLoader[Sample]:
        sampler = EverySampler(len(self.val_pairs), **self._place())
        pictures = WholePictures(self.val_pairs)
        return DataLoader(pictures, 1, sampler=sampler, num_workers=self.workers, collate_fn=collate)

    test_dataloader = val_dataloader

    def on_after_batch_transfer(self, batch: Sample, dataloader_idx: int) -> Sample:
        """Colour changes, on the device, each picture by its own seed."""
        if self.colour is None or not (self.trainer and self.trainer.training):
            return batch
        planes = convert.to_nchw(batch["frames"])
        device = batch["frames"].device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            changed = [self._coloured(*pair) for pair in zip(planes, batch["seeds"], strict=True)]
        frames = convert.to_nhwc(torch.stack(changed)).contiguous()
        return Sample(frames=frames, masks=batch["masks"], names=batch["names"], seeds=batch["seeds"])

    def _coloured(self, picture: torch.Tensor, seed: int) -> torch.Tensor:
        assert self.colour is not None
        torch.manual_seed(seed)
        return self.colour(picture)  # type: ignore[no-any-return]

    def _check_trainer(self, trainer: Trainer) -> None:
        if trainer.overfit_batches:  # type: ignore[attr-defined]
            raise InputError("trainer.overfit_batches replaces bgdl's sampler; use --data.limit instead")
        drawn, processes = self.samples or len(self.train_pairs), trainer.world_size
        if drawn < processes:
            raise InputError(f"an epoch of {drawn} is too short for {processes} processes; lower --trainer.devices")

    def _place(self) -> dict[str, int]:
        """This process's among all."""
        return {"rank": self.trainer.global_rank, "processes": self.trainer.world_size} if self.trainer else {}

    def _weights(self) -> list[float]:
        """All alike where every root counts by its number of pictures."""
        even = len(self.roots) == 1
        return [1.0] * len(self.train_pairs) if even else self.pair_weights

    def _size_hw(self, epoch: int, number: int) -> Size:
        """Of a batch: the size for the share of the training that is over, in an aspect drawn for the batch."""
        size = self.sizes[min(len(self.sizes) - 1, int(self._share_before(epoch, number) * len(self.sizes)))]
        drawn = random.Random(f"{self.seed} {epoch} {number}").choice(ASPECTS)
        return InputSpec(size=size, shape=self.shape).input_hw(drawn)

    def _share_before(self, epoch: int, number: int) -> float:
        """The share of the training that is over before a batch: by steps, or by time where that is further on."""
        if self.trainer is None:
            return 0.0
        steps_each = self._steps_each(self.trainer)
        ends = (self.trainer.max_steps, (self.trainer.max_epochs or 0) * steps_each)
        steps = min((end for end in ends if end > 0), default=math.inf)
        clock = float(getattr(self.trainer.lightning_module, "clock", 0.0))
        return max((epoch + number / self._batches_each(self.trainer)) * steps_each / steps, clock)

    def _steps_each(self, trainer: Trainer) -> int:
        """Steps of an epoch."""
        return math.ceil(self._batches_each(trainer) / trainer.accumulate_grad_batches)

    def _batches_each(self, trainer: Trainer) -> int:
        """Batches of an epoch in one process; Lightning tells their number only after the workers have begun."""
        batches = math.ceil((self.samples or len(self.train_pairs)) // trainer.world_size / self.batch)
        limit = trainer.limit_train_batches
        return max(1, int(batches * limit) if isinstance(limit, float) else min(batches, limit or batches))
