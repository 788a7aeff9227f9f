"""What methods are given, checked: their options when a method is made, and frames. What came, what is allowed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from bgdl.errors import InputError

Name = TypeVar("Name", bound=str)


def within(option: str, value: float, low: float, high: float) -> float:
    """`value`, which must lie between `low` and `high` (both allowed)."""
    if not _number(option, value) or not low <= value <= high:
        raise InputError(f"{option} is {value:g}; it must lie between {low:g} and {high:g}")
    return value


def count(option: str, value: int, *, at_least: int = 0, at_most: int = 1_000_000) -> int:
    """`value`, which must be a whole number from `at_least` to `at_most`."""
    if not _number(option, value) or value != int(value) or value < at_least:
        raise InputError(f"{option} is {value}; it must be a whole number, {at_least} or more")
    if value > at_most:
        raise InputError(f"{option} is {value}; it must be {at_most} or less")
    return int(value)


def odd(option: str, value: int, *, at_most: int = 1001) -> int:
    """`value`, which must be an odd number of px up to `at_most`, since a filter is centred on its pixel."""
    if not _number(option, value) or value != int(value) or not 1 <= value <= at_most or value % 2 == 0:
        raise InputError(f"{option} is {value}; it must be an odd number of px: 1, 3, 5, … up to {at_most}")
    return int(value)


def median(option: str, value: int) -> int:
    """`value`, the odd side of a median filter: beyond 255 px OpenCV's 16-bit counters overflow."""
    return odd(option, value, at_most=255)


def numbers(option: str, values: Sequence[float], count: int) -> tuple[Any, ...]:
    """`values`, of which there must be `count`, all numbers."""
    if not isinstance(values, (list, tuple)) or len(values) != count:
        raise InputError(
            f"{option} is {values!r}; it must be {count} numbers, for instance {list(range(1, count + 1))}"
        )
    return tuple(value for value in values if _number(option, value))


def one_of(option: str, value: Name, allowed: Sequence[str]) -> Name:
    """`value`, which must be one of the names `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        raise InputError(f"{option} is {value!r}; it must be one of {', '.join(allowed)}")
    return value


def frames(value: Tensor) -> Tensor:
    """`value`, which must be frames: uint8 (N,H,W,3), none of them without pixels."""
    if not isinstance(value, Tensor):
        raise InputError(f"frames are a tensor, uint8 (N,H,W,3) RGB, not {type(value).__name__}")
    if value.dtype != torch.uint8 or value.ndim != 4 or value.shape[3] != 3 or 0 in value.shape[1:]:
        raise InputError(f"frames are uint8 (N,H,W,3) RGB, not {value.dtype} {tuple(value.shape)}")
    return value


def _number(option: str, value: object) -> bool:
    """True, since all else ends here: what is written on a command line may be a word or nothing."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(f"{option} is {value!r}; it must be a number")
    return True
