"""The matte's parts, its threshold and the box around it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bgdl.errors import InputError
from bgdl.refine.matte import Keep, Margin, bounding_box, keep_parts, parse_keep, threshold_at
from tests.small_pictures import matte


def two_people() -> Tensor:
    """A large part with a soft rim, a smaller one with a soft rim, an island and a far haze."""
    alpha = matte(0, (100, 100))
    alpha[:, 10:50, 10:50] = 1
    alpha[:, 5:10, 10:50] = 0.3
    alpha[:, 60:80, 60:90] = 0.9
    alpha[:, 55:60, 60:90] = 0.2
    alpha[:, 95:97, 2:4] = 1
    alpha[:, 90:92, 40:50] = 0.3
    return alpha


def test_keep_all_drops_islands_and_haze_only() -> None:
    kept, alpha = keep_parts(two_people(), "all"), two_people()
    assert torch.equal(kept[:, :85], alpha[:, :85])
    assert kept[:, 85:].max() == 0


def test_keep_largest_takes_its_soft_rim_along() -> None:
    kept, alpha = keep_parts(two_people(), "largest"), two_people()
    assert torch.equal(kept[:, :52, :55], alpha[:, :52, :55])
    assert kept[:, 52:].max() == 0


@pytest.mark.parametrize(("number", "same_as"), [(1, "largest"), (2, "all")])
def test_keep_a_number_of_parts(number: int, same_as: Keep) -> None:
    assert torch.equal(keep_parts(two_people(), number), keep_parts(two_people(), same_as))


def test_keep_more_parts_than_there_are_keeps_the_islands_too() -> None:
    kept = keep_parts(two_people(), 9)
    assert kept[:, 95:97, 2:4].min() == 1
    assert torch.equal(kept[:, :85], two_people()[:, :85])


def test_keep_is_largest_all_or_a_number() -> None:
    assert [parse_keep(text) for text in ("largest", "all", "2", 3)] == ["largest", "all", 2, 3]
    for wrong in ("0", "-1", "two", "1.5", "", 0):
        with pytest.raises(InputError, match="not largest, all or a number of parts from 1"):
            parse_keep(wrong)


def test_keep_tells_people_apart_that_haze_connects() -> None:
    alpha = matte(0, (20, 60))
    alpha[:, :, :25], alpha[:, :, 25:45], alpha[:, :, 45:] = 1, 0.2, 0.9
    kept = keep_parts(alpha, "largest")[0, 10, :, 0]
    assert kept[:25].min() == 1
    assert kept[45:].max() == 0
    assert kept[27] == pytest.approx(0.2)
    assert kept[43] == 0


def test_keep_leaves_an_empty_matte_alone() -> None:
    alpha = matte(0.3)
    assert torch.equal(keep_parts(alpha, "largest"), alpha)


def test_threshold_is_inclusive_and_bounded() -> None:
    assert threshold_at(torch.tensor([0.49, 0.5, 1.0]), 0.5).tolist() == [0, 1, 1]
    assert threshold_at(torch.tensor([0.99, 1.0]), 1).tolist() == [0, 1]
    for level, sentence in ((0, "give a level above 0"), (1.1, "lie between 0 and 1"), (True, "must be a number")):
        with pytest.raises(InputError, match=sentence):
            threshold_at(matte(1), level)


def test_bounding_box_with_margins_ends_at_the_border() -> None:
    alpha = two_people()[:, :85]
    assert bounding_box(alpha, Margin()) == (5, 10, 80, 90)
    assert bounding_box(alpha, Margin.parse(" 5 % ")) == (1, 6, 84, 94)
    assert bounding_box(alpha, Margin.parse("50")) == (0, 0, 85, 100)
    assert bounding_box(matte(0), Margin.parse("3px")) == (0, 0, 4, 5)


@pytest.mark.parametrize("text", ["", "5 %%", "-3", "a lot"])
def test_nonsense_margins_say_what_is_allowed(text: str) -> None:
    with pytest.raises(InputError, match=r"not a number of px or a share; write it as 20 or 5%"):
        Margin.parse(text)
