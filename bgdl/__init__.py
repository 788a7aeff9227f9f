"""Takes people and things out of their background in pictures, videos and live."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bgdl.pipeline.image import matte as matte
    from bgdl.pipeline.image import remove as remove
    from bgdl.pipeline.video import convert_video as convert_video
    from bgdl.registry import load as load

__version__ = "0.1.0"
__all__ = ["__version__", "convert_video", "load", "matte", "remove"]

_HOMES = {
    "convert_video": "bgdl.pipeline.video",
    "load": "bgdl.registry",
    "matte": "bgdl.pipeline.image",
    "remove": "bgdl.pipeline.image",
}


def __getattr__(name: str) -> Any:
    """Import a public function when it is first used, so that `import bgdl` loads no torch."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'bgdl' has no attribute {name!r}")
