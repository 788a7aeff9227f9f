"""Averaging weights with those that fine-tuning started from: keeps what they knew of other pictures.

Source: Wortsman et al., "Robust fine-tuning of zero-shot models" (WiSE-FT), CVPR 2022.
"""

from __future__ import annotations

from dataclasses import replace

from bgdl.errors import InputError
from bgdl.nets.checkpoint import Checkpoint

MEASURED = ("int8", "precision_cost", "scores")
"""What a file says of its weights that no longer holds for others."""


def blend(tuned: Checkpoint, start: Checkpoint, share: float) -> Checkpoint:
    """`share` of `tuned` and the rest of `start`, value by value; BatchNorm is folded in both where it is in either.

    Raises InputError for a share outside 0..1 and for other architectures.
    """
    if not 0 <= share <= 1:
        raise InputError(f"share is {share}; allowed are 0 (only the start) to 1 (only the checkpoint)")
    if tuned.arch != start.arch:
        raise InputError(f"{tuned.arch} and {start.arch} cannot be blended; both must have the same architecture")
    if tuned.folded or start.folded:
        tuned, start = tuned.fold(), start.fold()
    mixed = {key: share * value + (1 - share) * start.state[key] for key, value in tuned.state.items()}
    facts = {key: value for key, value in tuned.metadata.items() if key not in MEASURED}
    return replace(tuned, state=mixed, metadata=facts)
