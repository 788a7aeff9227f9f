"""Runs of an evaluation, for its tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bgdl.evaluation.protocol import Rules
from bgdl.evaluation.records import Record, Store
from bgdl.evaluation.runner import Progress, Runner
from bgdl.evaluation.sources import open_sources
from bgdl.types import Matter

NO_RULES = Rules()
AS_CLIP = Rules(kind="sequence")
HEADER = {"rules": {}, "methods": {"bright": {}}}


def run(
    path: Path,
    matters: Sequence[Matter],
    rules: Rules = NO_RULES,
    *,
    store: Store | None = None,
    jobs: int = 1,
    mattes: Path | None = None,
) -> tuple[list[Record], list[Progress]]:
    """What was scored of the data at `path`, and the steps of this run."""
    store = store or Store(None, HEADER)
    every = Runner({matter.name: matter for matter in matters}, rules, store, mattes, jobs)
    done = list(every.run(open_sources((str(path),), rules)))
    return store.pictures([matter.name for matter in matters]), done
