"""What engines keep on disk between runs: compiled networks, and what each precision was measured to cost."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from pathlib import Path

from bgdl import weights


def folder() -> Path:
    """$BGDL_CACHE, else `engines` in the user's cache of weights."""
    chosen = os.environ.get("BGDL_CACHE")
    return Path(chosen).expanduser() if chosen else weights.cache_folder() / "engines"


def load(name: str) -> bytes | None:
    """What was stored under `name`; None where nothing was, or where the file is no longer what was stored."""
    try:
        digest, data = _parted((folder() / name).read_bytes())
    except OSError:
        return None
    return data if hashlib.sha256(data).digest() == digest else None


def store(name: str, data: bytes) -> None:
    """Keep `data` under `name`: temporary file, rename. A folder that cannot be written is no error: it is a cache."""
    target = folder() / name
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{name}.{secrets.token_hex(4)}.part")
        try:
            part.write_bytes(hashlib.sha256(data).digest() + data)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


def _parted(stored: bytes) -> tuple[bytes, bytes]:
    return stored[:32], stored[32:]


def measured_cost(key: str) -> dict[str, float]:
    """mIoU lost by precision, as `bgdl bench` measured it here for the network called `key`."""
    try:
        found = json.loads(load(f"cost-{key}.json") or b"{}")
        return {str(name): float(cost) for name, cost in found.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def remember_cost(key: str, cost: dict[str, float]) -> None:
    """Keep what `bgdl bench` measured, so that `auto` can go by it."""
    store(f"cost-{key}.json", json.dumps({**measured_cost(key), **cost}).encode())
