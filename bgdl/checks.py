"""Options and frames, checked: what came, what is allowed. Numbers come back as Python's own, whoever made them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, TypeVar, get_args

import torch
from torch import Tensor

from bgdl.errors import InputError

Name = TypeVar("Name", bound=str)


def number(option: str, value: float) -> float:
    """`value`, which must be a finite number."""
    return _number(option, value, "a finite number")


def within(option: str, value: float, low: float, high: float) -> float:
    """`value`, which must lie between `low` and `high` (both allowed)."""
    number = _number(option, value)
    if not low <= number <= high:
        raise InputError(f"{option} is {number:g}; it must lie between {low:g} and {high:g}")
    return number


def whole(option: str, value: float) -> int:
    """`value`, which must be a whole number."""
    return int(_whole(option, value, "a whole number"))


def count(option: str, value: float, *, at_least: int = 0, at_most: float = 1_000_000) -> int:
    """`value`, which must be a whole number from `at_least` to `at_most`."""
    allowed = f"a whole number, {at_least} or more"
    number = _whole(option, value, allowed)
    if number < at_least:
        raise _refusal(option, number, allowed)
    if number > at_most:
        raise _refusal(option, number, f"{at_most} or less")
    return int(number)


def odd(option: str, value: float, *, at_most: int = 1001) -> int:
    """`value`, which must be an odd number of px up to `at_most`, since a filter is centred on its pixel."""
    allowed = f"an odd number of px: 1, 3, 5, … up to {at_most}"
    number = _whole(option, value, allowed)
    if not 1 <= number <= at_most or number % 2 == 0:
        raise _refusal(option, number, allowed)
    return int(number)


def median(option: str, value: float) -> int:
    """`value`, the odd side of a median filter: beyond 255 px OpenCV's 16-bit counters overflow."""
    return odd(option, value, at_most=255)


def numbers(option: str, values: Sequence[float], count: int) -> tuple[Any, ...]:
    """`values`, of which there must be `count`, all numbers."""
    if not isinstance(values, (list, tuple)) or len(values) != count:
        raise _refusal(option, values, f"{count} numbers, for instance {list(range(1, count + 1))}")
    return tuple(_number(option, value) for value in values)


def one_of(option: str, value: Name, choices: Any) -> Name:
    """`value`, which must be one of the words of `choices`, a Literal."""
    if not isinstance(value, str) or value not in get_args(choices):
        raise _refusal(option, value, f"one of {', '.join(get_args(choices))}")
    return value


def switch(option: str, value: bool) -> bool:
    """`value`, which must be true or false."""
    if not isinstance(value, bool):
        raise _refusal(option, value, "true or false")
    return value


def frames(value: Tensor) -> Tensor:
    """`value`, which must be frames: uint8 (N,H,W,3), none of them without pixels."""
    if not isinstance(value, Tensor):
        raise InputError(f"frames are a tensor, uint8 (N,H,W,3) RGB, not {type(value).__name__}")
    if value.dtype != torch.uint8 or value.ndim != 4 or value.shape[3] != 3 or 0 in value.shape[1:]:
        raise InputError(f"frames are uint8 (N,H,W,3) RGB, not {value.dtype} {tuple(value.shape)}")
    return value


def _number(option: str, value: object, allowed: str = "a number") -> float:
    """`value` as int or float: on a command line it may be a word or nothing, in Python a scalar of numpy's."""
    number: float = math.nan
    if isinstance(value, Real) and not isinstance(value, bool):
        number = int(value) if isinstance(value, Integral) else float(value)
    if not abs(number) < math.inf:
        raise _refusal(option, value, allowed)
    return number


def _whole(option: str, value: object, allowed: str) -> float:
    """The same, refused where it is none; a float stays one, for messages: 1e+30."""
    number = _number(option, value, allowed)
    if number != int(number):
        raise _refusal(option, number, allowed)
    return number


def _refusal(option: str, value: object, allowed: str) -> InputError:
    return InputError(f"{option} is {value!r}; it must be {allowed}")
