"""Averaging weights with those that fine-tuning started from: keeps what they knew of other pictures.

Source: Wortsman et al., "Robust fine-tuning of zero-shot models" (WiSE-FT), CVPR 2022.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from bgdl.errors import InputError
from bgdl.nets.checkpoint import Checkpoint
from bgdl.nets.u2net import fold_batchnorm

MEASURED = ("int8", "precision_cost", "scores")
"""What a file says of its weights that no longer holds for others."""


def blend(tuned: Checkpoint, start: Checkpoint, share: float) -> Checkpoint:
    """`share` of `tuned` and the rest of `start`, value by value; BatchNorm is folded in both where it is in `tuned`.

    Raises InputError for a share outside 0..1, for other architectures and for a pair of which only `start` is folded.
    """
    if not 0 <= share <= 1:
        raise InputError(f"a share of {share} cannot be blended; give 0 (only the start) to 1 (only the tuned)")
    if tuned.arch != start.arch:
        raise InputError(f"{tuned.arch} and {start.arch} cannot be blended; give weights of one architecture")
    if start.folded and not tuned.folded:
        raise InputError("the start has its BatchNorm folded and the tuned weights have not; train with batchnorm fold")
    state, other = tuned.state, start.state
    if tuned.folded:
        state, other = (_folded(one) for one in (tuned, start))
    mixed = {key: share * value + (1 - share) * other[key] for key, value in state.items() if key in other}
    facts = {key: value for key, value in tuned.metadata.items() if key not in MEASURED}
    return replace(tuned, state={**tuned.state, **mixed}, metadata=facts)


def _folded(weights: Checkpoint) -> dict[str, Tensor]:
    """The convolutions with BatchNorm merged into them."""
    return fold_batchnorm(weights.net()).state_dict()
