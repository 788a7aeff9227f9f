"""What engines keep on disk between runs: compiled networks, and what each precision was measured to cost."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path

from bgdl import weights


def folder() -> Path:
    """$BGDL_CACHE, else `engines` in the user's cache of weights."""
    chosen = os.environ.get("BGDL_CACHE")
    return Path(chosen).expanduser() if chosen else weights.cache_folder() / "engines"


def load(name: str) -> bytes | None:
    """What was stored under `name`, or None."""
    try:
        return (folder() / name).read_bytes()
    except OSError:
        return None


def store(name: str, data: bytes) -> None:
    """Keep `data` under `name`: temporary file, rename. A folder that cannot be written is no error: it is a cache."""
    target = folder() / name
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
            file.write(data)
        os.replace(file.name, target)


def measured_cost(key: str) -> dict[str, float]:
    """mIoU lost by precision, as `bgdl bench` measured it here for the network called `key`."""
    try:
        found = json.loads(load(f"cost-{key}.json") or b"{}")
    except ValueError:
        return {}
    return {str(name): float(cost) for name, cost in found.items()}


def remember_cost(key: str, cost: dict[str, float]) -> None:
    """Keep what `bgdl bench` measured, so that `auto` can go by it."""
    store(f"cost-{key}.json", json.dumps({**measured_cost(key), **cost}).encode())
