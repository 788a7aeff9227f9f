"""In which order pictures are taken, split over processes: for training drawn by weight, alike for seed and epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch.utils.data import DistributedSampler

from bgdl.data.augment import Size


class EpochSampler(DistributedSampler[tuple[int, int, Size]]):
    """Indices (draw, number, (h, w)) for `TrainingPictures`; every draw of a run counts, so none is like another.

    weights: how often each picture is drawn against the others; all alike means each once before any comes again.
    samples: how many an epoch has. batch: pictures in one. size_hw: of a batch, by its epoch and number in it.
    """

    def __init__(
        self,
        weights: Sequence[float],
        *,
        samples: int,
        seed: int,
        size_hw: Callable[[int, int], Size],
        batch: int,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        super().__init__(range(len(weights)), num_replicas=processes, rank=rank, seed=seed)  # type: ignore[arg-type]
        self.weights = torch.tensor(weights, dtype=torch.float64)
        self.samples = samples
        self._size_hw, self._batch = size_hw, batch

    def __iter__(self) -> Iterator[tuple[int, int, Size]]:
        draws = list(enumerate(self._order(), self.epoch * self.samples))
        mine = draws[self.rank :: self.num_replicas][: len(self)]
        for count, start in enumerate(range(0, len(mine), self._batch)):
            size_hw = self._size_hw(self.epoch, count)
            yield from ((draw, number, size_hw) for draw, number in mine[start : start + self._batch])

    def __len__(self) -> int:
        return self.samples // self.num_replicas

    def _order(self) -> list[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        if bool((self.weights != self.weights[0]).any()):
            return torch.multinomial(self.weights, self.samples, replacement=True, generator=generator).tolist()
        order: list[int] = []
        while len(order) < self.samples:
            order += torch.randperm(len(self.weights), generator=generator).tolist()
        return order[: self.samples]


class EverySampler(DistributedSampler[int | None]):
    """Each of `count` pictures once over all processes, whose forward passes meet; None where one has run out."""

    def __init__(self, count: int, *, rank: int = 0, processes: int = 1) -> None:
        super().__init__(range(count), num_replicas=processes, rank=rank)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[int | None]:
        numbers = range(self.rank, self.total_size, self.num_replicas)
        return iter([number if number < len(self.dataset) else None for number in numbers])  # type: ignore[arg-type]
