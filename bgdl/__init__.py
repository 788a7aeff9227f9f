"""Remove the background from pictures, videos and live camera feeds."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bgdl import errors as errors
    from bgdl.errors import BgdlError as BgdlError
    from bgdl.errors import DeviceError as DeviceError
    from bgdl.errors import InputError as InputError
    from bgdl.errors import MissingExtra as MissingExtra
    from bgdl.errors import WeightsError as WeightsError
    from bgdl.pipeline.image import matte as matte
    from bgdl.pipeline.image import remove as remove
    from bgdl.pipeline.video import convert_video as convert_video
    from bgdl.pipeline.video_records import VideoReport as VideoReport
    from bgdl.preprocess import InputSpec as InputSpec
    from bgdl.registry import load as load
    from bgdl.types import Matter as Matter

__version__ = "0.1.0"
__all__ = [
    "BgdlError",
    "DeviceError",
    "InputError",
    "InputSpec",
    "Matter",
    "MissingExtra",
    "VideoReport",
    "WeightsError",
    "__version__",
    "convert_video",
    "errors",
    "load",
    "matte",
    "remove",
]

_HOMES = {
    "BgdlError": "bgdl.errors",
    "DeviceError": "bgdl.errors",
    "InputError": "bgdl.errors",
    "InputSpec": "bgdl.preprocess",
    "Matter": "bgdl.types",
    "MissingExtra": "bgdl.errors",
    "VideoReport": "bgdl.pipeline.video_records",
    "WeightsError": "bgdl.errors",
    "convert_video": "bgdl.pipeline.video",
    "load": "bgdl.registry",
    "matte": "bgdl.pipeline.image",
    "remove": "bgdl.pipeline.image",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import bgdl` loads no torch."""
    if name == "errors":
        return importlib.import_module("bgdl.errors")
    if name in _HOMES:
        value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
        return value
    raise AttributeError(f"module 'bgdl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
