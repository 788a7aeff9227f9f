"""Which pictures are trained on and which are kept for validation: a rule on the name, so that none changes sides."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from bgdl.data.pairs import Pair, composed
from bgdl.errors import InputError

RULES = "hash:N, number:N:R, file:PATH, column or all"


def split_pairs(pairs: Iterable[Pair], rule: str) -> tuple[list[Pair], list[Pair]]:
    """Training and validation pairs by `rule`; the same name always falls on the same side.

    rule: "hash:N" keeps about one in N by a hash of the name, "number:N:R" those whose number in the name leaves R
    when divided by N, "file:PATH" the names that a text file lists, "column" what the manifest's split says (those
    marked test are on neither side), "all" keeps every one.
    Raises InputError for another rule, a listed name that no picture has, and a column that says something else.
    """
    pairs = list(pairs)
    kind, _, rest = rule.partition(":")
    rules = {"hash": _by_hash, "number": _by_number, "file": _by_file, "column": _by_column, "all": _all}
    try:
        kept = rules[kind](pairs, rest)
    except InputError:
        raise
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise InputError(f"unknown split {rule!r}; use {RULES}") from error
    aside = {pair for pair in pairs if pair.split == "test"} if kind == "column" else set()
    return [p for p in pairs if p not in kept and p not in aside], [p for p in pairs if p in kept]


def _by_hash(pairs: list[Pair], rest: str) -> set[Pair]:
    share = int(rest)
    return {p for p in pairs if int.from_bytes(hashlib.sha256(p.name.encode()).digest()[:8], "big") % share == 0}


def _by_number(pairs: list[Pair], rest: str) -> set[Pair]:
    modulus, remainder = map(int, rest.split(":"))
    return {p for p in pairs if (n := re.findall(r"\d+", p.name)) and int(n[-1]) % modulus == remainder}


def _by_file(pairs: list[Pair], rest: str) -> set[Pair]:
    path = Path(rest).expanduser()
    try:
        listed = {composed(line.strip()) for line in path.read_text("utf-8-sig").splitlines() if line.strip()}
    except OSError as error:
        raise InputError(f"cannot read the split file {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is not UTF-8; save it as UTF-8") from error
    kept = {p: listed & {p.name, f"{p.name}{p.image.suffix}", composed(p.image.name)} for p in pairs}
    unknown = sorted(listed.difference(*kept.values()))
    if unknown:
        raise InputError(f"{path.name} lists names that no picture has ({len(unknown)}): {', '.join(unknown[:3])}")
    return {p for p, names in kept.items() if names}


def _by_column(pairs: list[Pair], rest: str) -> set[Pair]:
    if rest or not any(pair.split for pair in pairs):
        raise InputError("split 'column' needs a .csv manifest with a column split (train, val or test)")
    unknown = sorted({pair.split for pair in pairs if pair.split} - {"train", "val", "test"})
    if unknown:
        raise InputError(f"the manifest's column split holds {', '.join(map(repr, unknown))}; use train, val or test")
    return {p for p in pairs if p.split == "val"}


def _all(pairs: list[Pair], rest: str) -> set[Pair]:
    if rest:
        raise ValueError(rest)
    return set(pairs)
