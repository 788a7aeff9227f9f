"""Matters of one's own scored from Python, as `bgdl eval` scores those that it has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bgdl.errors import InputError
from bgdl.evaluation.protocol import Rules
from bgdl.evaluation.records import Store
from bgdl.evaluation.runner import Runner
from bgdl.evaluation.sources import open_sources
from bgdl.evaluation.summary import Figures, summarise
from bgdl.types import Matter


def evaluate(
    data: str | Path, matters: Mapping[str, Matter], rules: Rules | None = None, *, reference: str | None = None
) -> Figures:
    """The figures of Matters on pictures or clips with masks; nothing is written.

    data: as `bgdl eval` takes it. matters: by what they are called. rules: what is done to the data first. reference:
    whom the others are compared with, by default the first.
    Returns `summary` (by method, then measure: its mean, and low and high of the interval) and `paired` (differences
    from the reference); what a method fails on is left out of its `pictures`.
    Raises InputError where there are no matters or no data, and for a reference that is none of them.
    """
    if not matters:
        raise InputError("no matters; give at least one, by the name that it has in the figures")
    reference = reference or next(iter(matters))
    if reference not in matters:
        raise InputError(f"the reference {reference!r} is not one of the matters: {', '.join(matters)}")
    rules = rules or Rules()
    store = Store(None, {})
    for _ in Runner(matters, rules, store).run(open_sources((str(data),), rules)):
        pass
    return summarise(store.pictures(matters), list(matters), reference)
