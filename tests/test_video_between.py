"""`--every N`: order, batches, both neighbours, cuts, and what is left at the end."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor

from bgdl.pipeline.video_between import Propagation
from bgdl.types import FrameBatch
from tests.video_clips import BrightSubject, disc

SIZE = (96, 128)
STEP = 40


def wander(count: int) -> Tensor:
    return torch.from_numpy(np.stack([disc(index, SIZE) for index in range(count)]))


def batches(frames: Tensor, size: int, stamps: list[int] | None = None) -> Iterator[FrameBatch]:
    stamps = stamps or [index * STEP for index in range(len(frames))]
    for start in range(0, len(frames), size):
        part = frames[start : start + size]
        yield FrameBatch(part, tuple(stamps[start : start + size]), Fraction(1, 1000))


def propagate(frames: Tensor, every: int, size: int = 4, matter: BrightSubject | None = None) -> tuple[Tensor, Tensor]:
    """All frames and all mattes that come out."""
    matter = matter or BrightSubject()
    pairs = list(Propagation(matter, every)(batches(frames, size)))
    stamps = [stamp for batch, _ in pairs for stamp in batch.pts]
    assert stamps == [index * STEP for index in range(len(frames))]
    return torch.cat([batch.data for batch, _ in pairs]), torch.cat([alpha for _, alpha in pairs])


def overlap(alpha: Tensor, truth: Tensor) -> float:
    mask, true = alpha > 0.5, truth > 0.5
    return float((mask & true).sum() / (mask | true).sum())


@pytest.mark.parametrize(
    ("data", "stamps", "told"),
    [
        (torch.zeros(2, 4, 4, 3), 2, r"is uint8 \(N,H,W,3\), got torch.float32 \(2, 4, 4, 3\)"),
        (torch.zeros(4, 4, 3).byte(), 4, r"got torch.uint8 \(4, 4, 3\)"),
        (torch.zeros(2, 4, 4, 4).byte(), 2, r"got torch.uint8 \(2, 4, 4, 4\)"),
        (torch.zeros(2, 4, 4, 3).byte(), 1, "has 2 frames but 1 timestamps"),
    ],
)
def test_batches_of_another_kind_are_refused(data: Tensor, stamps: int, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        FrameBatch(data, range(stamps), Fraction(1, 25))


@pytest.mark.parametrize("count", [1, 2, 9, 10, 12])
def test_batches_change_nothing_and_every_frame_comes_out_in_order(count: int) -> None:
    frames, matter = wander(count), BrightSubject()
    whole, alpha = propagate(frames, 3, size=count, matter=matter)
    assert torch.equal(whole, frames)
    assert matter.seen == -(-count // 3)
    for size in (1, 4):
        again = propagate(frames, 3, size=size)
        assert torch.equal(again[0], frames)
        assert torch.equal(again[1], alpha)


def test_what_is_between_lies_where_it_moved() -> None:
    frames = wander(10)
    truth = BrightSubject().alpha(frames)
    _, alpha = propagate(frames, 3)
    assert torch.equal(alpha[::3], truth[::3])
    assert overlap(alpha, truth) > 0.93


def test_both_neighbours_count_by_time() -> None:
    """Where nothing moves, a matte between two is their mean, weighted by how near each is."""

    class Growing(BrightSubject):
        def alpha(self, frames: Tensor) -> Tensor:
            self.seen += 1
            return torch.full((*frames.shape[:3], 1), float(self.seen - 1))

    frames = torch.from_numpy(disc(0, SIZE))[None].repeat(5, 1, 1, 1)
    pairs = Propagation(Growing(), 4)(batches(frames, 1, [30, 40, 50, 100, 130]))
    levels = [round(float(alpha.mean()), 4) for _, mattes in pairs for alpha in mattes]
    assert levels == [0, 0.1, 0.2, 0.7, 1]


def test_nothing_is_carried_over_a_cut() -> None:
    frames = torch.cat((torch.full((4, *SIZE, 3), 20), torch.full((4, *SIZE, 3), 200))).to(torch.uint8)
    matter = BrightSubject()
    _, alpha = propagate(frames, 3, matter=matter)
    assert torch.equal(alpha, BrightSubject().alpha(frames))
    assert matter.seen == 4  # frames 0 and 3, and from the cut on 4 and 7


@pytest.mark.parametrize(("every", "size"), [(2, 1), (3, 16), (30, 1), (30, 2), (30, 8)])
def test_few_frames_are_held_however_long_the_clip_is(every: int, size: int) -> None:
    came, gone, most = 0, 0, 0
    frames = wander(1).repeat(150, 1, 1, 1)

    def counted() -> Iterator[FrameBatch]:
        nonlocal came, most
        for batch in batches(frames, size):
            came += len(batch)
            most = max(most, came - gone)
            yield batch

    for batch, _ in Propagation(BrightSubject(), every)(counted()):
        gone += len(batch)
    assert gone == 150
    assert most <= 32 + 2 * size  # the last batch that is handed on is counted gone when the next is asked for
