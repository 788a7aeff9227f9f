"""The ways to treat a matte's edges, by name: what is done to the matte, and what to the colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from bgdl.choices import EdgeName
from bgdl.refine.foreground import blur_fusion
from bgdl.refine.guided import guided_filter
from bgdl.refine.matting import closed_form

DEFAULT: EdgeName = "decontaminate"


@dataclass(frozen=True)
class Edge:
    """A row of the table; a half that is None leaves the network's matte, or the frame's colours, as they are.

    refine: (frames, alpha) -> alpha float32 (N,H,W,1). foreground: (frames, alpha) -> frames uint8 (N,H,W,3).
    """

    refine: Callable[[Tensor, Tensor], Tensor] | None = None
    foreground: Callable[[Tensor, Tensor], Tensor] | None = None


EDGES: dict[EdgeName, Edge] = {
    "none": Edge(),
    "guided": Edge(refine=guided_filter),
    "decontaminate": Edge(refine=guided_filter, foreground=blur_fusion),
    "matting": Edge(refine=closed_form, foreground=blur_fusion),
}
