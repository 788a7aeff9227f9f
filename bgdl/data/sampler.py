"""In which order training pictures are drawn: weighted, the same for the same seed and epoch, split over processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch.utils.data import DistributedSampler


class EpochSampler(DistributedSampler[tuple[int, int, int]]):
    """Indices (epoch, number, size) for `TrainingPictures`.

    weights: how often each picture is drawn against the others; all alike means each once before any comes again.
    samples: how many an epoch has. size: asked for at the start of each epoch.
    """

    def __init__(
        self,
        weights: Sequence[float],
        *,
        samples: int,
        seed: int,
        size: Callable[[], int],
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        super().__init__(range(len(weights)), num_replicas=processes, rank=rank, seed=seed)  # type: ignore[arg-type]
        self.weights = torch.tensor(weights, dtype=torch.float64)
        self.samples = samples
        self._size = size

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        size = self._size()
        for number in self._order()[self.rank :: self.num_replicas][: len(self)]:
            yield self.epoch, number, size

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
