"""What an exported file says of itself, without torch and without reading its weights into memory as such."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx


def read_card(path: Path) -> dict[str, Any]:
    """Licence, scores, arch and so on, as `bgdl export` wrote them; {} where it did not write the file."""
    try:
        return _parsed(_READERS[path.suffix](path))
    except Exception:  # damaged: told by whoever loads it
        return {}


def card_of(model: onnx.ModelProto) -> dict[str, Any]:
    """The same of an ONNX file that is loaded already."""
    return _parsed(_in_onnx(model))


def _parsed(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:  # another program's
        return {}
    return found if isinstance(found, dict) else {}


def _of_safetensors(path: Path) -> str | None:
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        return (file.metadata() or {}).get("bgdl")


def _of_onnx(path: Path) -> str | None:
    import onnx

    return _in_onnx(onnx.load(str(path), load_external_data=False))


def _in_onnx(model: onnx.ModelProto) -> str | None:
    return {entry.key: entry.value for entry in model.metadata_props}.get("bgdl")


def _of_openvino(path: Path) -> str | None:
    from xml.etree import ElementTree

    entry = ElementTree.parse(path).find(".//rt_info/bgdl")
    return entry.get("value") if entry is not None else None


_READERS = {".safetensors": _of_safetensors, ".onnx": _of_onnx, ".xml": _of_openvino}
