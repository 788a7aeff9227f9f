"""What is made of a method's matte before it is looked at: one order for pictures, clips and live."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from bgdl import checks
from bgdl.choices import EdgeName
from bgdl.refine.edges import EDGES
from bgdl.refine.matte import check_level, keep_parts, parse_keep, threshold_at


@dataclass(frozen=True)
class MatteShape:
    """The matte's edges, then its parts, then a threshold, then the background in the subject's place.

    Parts come after edges, along which a matte may fall apart: what is asked for is true of the finished matte.

    edge: the matte half of `bgdl.refine.edges`. keep: "largest" drops all but the largest part, a number all but so
    many of the largest, "all" only islands under 1 % of the largest. threshold: alpha at or above it becomes 1, the
    rest 0. invert: keep the background.
    Raises InputError for what is none of that.
    """

    edge: EdgeName = "none"
    keep: int | str | None = None
    threshold: float | None = None
    invert: bool = False

    def __post_init__(self) -> None:
        checks.one_of("edge", self.edge, EdgeName)
        if self.keep is not None:
            parse_keep(self.keep)
        if self.threshold is not None:
            check_level(self.threshold)

    def __call__(self, frames: Tensor, alpha: Tensor) -> Tensor:
        """uint8 (N,H,W,3), float32 (N,H,W,1) -> float32 (N,H,W,1)."""
        refine = EDGES[self.edge].refine
        if refine is not None:
            alpha = refine(frames, alpha)
        if self.keep is not None:
            alpha = keep_parts(alpha, parse_keep(self.keep))
        if self.threshold is not None:
            alpha = threshold_at(alpha, self.threshold)
        return 1 - alpha if self.invert else alpha
