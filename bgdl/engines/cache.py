"""What engines keep on disk between runs: compiled networks, and what each precision was measured to cost."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from bgdl import weights, whole

BUDGET_BYTES = 2_000_000_000
"""Of compiled networks on the disk; above it those go that were longest not used."""


def folder() -> Path:
    """$BGDL_CACHE, else `engines` in the user's cache of weights."""
    chosen = os.environ.get("BGDL_CACHE")
    return Path(chosen).expanduser() if chosen else weights.cache_folder() / "engines"


def load(name: str) -> bytes | None:
    """What was stored under `name`; None where nothing was, or where the file is no longer what was stored."""
    path = folder() / name
    try:
        digest, data = _parted(path.read_bytes())
    except OSError:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # it was used
    return data if hashlib.sha256(data).digest() == digest else None


def store(name: str, data: bytes) -> None:
    """Keep `data` under `name`: whole or not at all; then what is above the budget goes.

    A folder that cannot be written is no error: it is a cache.
    """
    target = folder() / name
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole.part(target) as part:
            part.write_bytes(hashlib.sha256(data).digest() + data)
        _prune(target)


def size_bytes() -> int:
    """What the compiled networks take on the disk."""
    return sum(size for _, size, _ in _networks())


def _prune(kept: Path) -> None:
    """Delete what is above the budget, but for `kept`; another process may be at the same."""
    networks = sorted(_networks())
    above = sum(size for _, size, _ in networks) - BUDGET_BYTES
    for _, size, path in networks:
        if above > 0 and path != kept:
            path.unlink(missing_ok=True)
            above -= size


def _networks() -> Iterator[tuple[int, int, Path]]:
    """When each was last used, its size and its file, those that a stopped process left half-written as well."""
    with contextlib.suppress(OSError):  # a folder that cannot be looked into
        for path in folder().glob("*.blob*"):
            with contextlib.suppress(OSError):  # gone meanwhile
                found = path.stat()
                yield found.st_mtime_ns, found.st_size, path


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
