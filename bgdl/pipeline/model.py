"""What is given as `model`, by name, by path or ready, as a Matter; those that remember nothing are loaded once."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeGuard

from bgdl import registry, weights
from bgdl.choices import EngineName, Precision
from bgdl.engines.network import files_of
from bgdl.errors import InputError
from bgdl.types import Matter, Primed, is_primed

_loading = threading.Lock()


def as_matter(
    model: str | Path | Matter,
    *,
    device: str = "auto",
    engine: EngineName = "auto",
    precision: Precision = "auto",
    **options: Any,
) -> Matter:
    """The Matter of a name, a weights file, or itself; the rest goes to `bgdl.load`.

    The last two that were loaded are kept, but none that learns: each caller gets such a one of its own.
    Raises InputError for what is no model, and for options of a Matter that is loaded already.
    """
    words = {"device": device, "engine": engine, "precision": precision, **options}
    if not isinstance(model, (str, Path)):
        _check(model)
        if any(word != "auto" for word in words.values()):
            raise InputError(f"{model.name} is loaded already; give device, engine and precision to bgdl.load instead")
        return model
    if _learns(str(model)):
        return registry.load(model, **words)
    with _loading:  # threads that begin together share what the first one loads
        return _loaded(str(model), tuple(sorted(words.items())), tuple(_stamps(str(model))))


def learner_of(matter: Matter) -> Primed:
    """The matter, as one that learns an empty scene; raises InputError for one that learns none."""
    if not is_primed(matter):
        raise InputError(f"{matter.name} does not learn an empty scene; leave prime out")
    return matter


@lru_cache(maxsize=2)
def _loaded(model: str, words: tuple[tuple[str, Any], ...], files: tuple[tuple[Path, int, int], ...]) -> Matter:
    """files: path, time and size of what is loaded, so that a file that was replaced is loaded again."""
    return registry.load(model, **dict(words))


def _check(model: object) -> None:
    if isinstance(model, type) or not callable(getattr(model, "alpha", None)):
        raise InputError(f"a model is a name, a weights file or a Matter made by bgdl.load, not {model!r:.60}")


def _learns(model: str) -> bool:
    name, options = registry.split_options(model)
    method, prior = registry.METHODS.get(name), options.get("prior")
    return method is not None and (method.stateful or method.primed or (isinstance(prior, str) and _learns(prior)))


def _stamps(model: str) -> Iterator[tuple[Path, int, int]]:
    name, options = registry.split_options(model)
    for text in filter(_names_a_file, (name, *options.values())):
        for path in files_of(weights.registered().get(text, Path(text).expanduser())):
            if os.path.isfile(path):  # which a name that is too long is not
                yield path.resolve(), path.stat().st_mtime_ns, path.stat().st_size


def _names_a_file(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(Path(value).name)
