"""Random numbers from torch's global generator, so that a seed before the call fixes them."""

from __future__ import annotations

from math import exp, log

import torch


def chance(probability: float) -> bool:
    """True with this probability."""
    return float(torch.rand(())) < probability


def between(low: float, high: float) -> float:
    """Uniform from `low` to `high`."""
    return low + (high - low) * float(torch.rand(()))


def log_between(low: float, high: float) -> float:
    """Uniform in the logarithm, from `low` to `high`."""
    return exp(between(log(low), log(high)))
