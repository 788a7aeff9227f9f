"""What an exported file says of itself, without torch and without reading its weights into memory as such."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_card(path: Path) -> dict[str, Any]:
    """Licence, scores, arch and so on, as `bgdl export` wrote them; {} where it did not write the file."""
    try:
        found = json.loads(_READERS[path.suffix](path) or "{}")
    except Exception:  # damaged: told by whoever loads it
        return {}
    return found if isinstance(found, dict) else {}


def _of_safetensors(path: Path) -> str | None:
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return header.get("__metadata__", {}).get("bgdl")  # type: ignore[no-any-return]


def _of_onnx(path: Path) -> str | None:
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    return {entry.key: entry.value for entry in model.metadata_props}.get("bgdl")


def _of_openvino(path: Path) -> str | None:
    from xml.etree import ElementTree

    entry = ElementTree.parse(path).find(".//rt_info/bgdl")
    return entry.get("value") if entry is not None else None


_READERS = {".safetensors": _of_safetensors, ".onnx": _of_onnx, ".xml": _of_openvino}
