"""Which pictures an epoch takes, and how processes share them."""

from __future__ import annotations

from bgdl.data.sampler import EpochSampler, EverySampler


def test_sampler_covers_all_and_splits_over_processes() -> None:
    def size_hw(epoch: int, number: int) -> tuple[int, int]:
        return 32, 32

    def draw(rank: int, epoch: int) -> list[int]:
        sampler = EpochSampler([1.0] * 10, samples=10, seed=5, size_hw=size_hw, batch=2, rank=rank, processes=2)
        sampler.set_epoch(epoch)
        assert len(sampler) == 5
        return [number for _, number, _ in sampler]

    assert sorted(draw(0, 0) + draw(1, 0)) == list(range(10))
    assert draw(0, 0) == draw(0, 0) and draw(0, 0) != draw(0, 1)


def test_sampler_draws_by_weight() -> None:
    sampler = EpochSampler([9.0, 1.0], samples=2000, seed=0, size_hw=lambda epoch, number: (32, 32), batch=8)
    numbers = [number for _, number, _ in sampler]
    assert 0.87 < numbers.count(0) / len(numbers) < 0.93


def test_a_picture_drawn_again_is_another_draw() -> None:
    """Else few pictures would be shown again and again in one and the same way."""
    sampler = EpochSampler([1.0] * 3, samples=12, seed=0, size_hw=lambda epoch, number: (32, 32), batch=2)
    indices = []
    for epoch in range(2):
        sampler.set_epoch(epoch)
        indices += list(sampler)
    assert len(indices) == 24 and len({(draw, number) for draw, number, _ in indices}) == 24


def test_every_picture_is_validated_once_in_as_many_steps_everywhere() -> None:
    for count, steps in ((5, 3), (1, 1)):
        taken = [list(EverySampler(count, rank=rank, processes=2)) for rank in range(2)]
        assert [len(mine) for mine in taken] == [len(EverySampler(count, processes=2))] * 2 == [steps] * 2
        assert sorted(number for mine in taken for number in mine if number is not None) == list(range(count))
