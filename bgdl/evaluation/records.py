"""The scores of each picture by each method, kept in a file as they are made, so that a stopped run goes on."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bgdl import whole
from bgdl.errors import InputError

FILE = "records.jsonl"
DAMAGE = (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError)
Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Record:
    """One picture by one method; method "" is a picture that could not be read at all.

    name "" is no picture: it says that the method went through the clip to its end.
    sequence: whether the clip is one in time. curves: see `scores.CURVES`. error: why there are no scores.
    What is not finite is left out of scores and curves: no mean could hold it.
    """

    data: str
    clip: str
    name: str
    method: str
    sequence: bool = False
    seconds: float | None = None
    scores: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)
    error: str | None = None

    def __post_init__(self) -> None:
        scores = {name: value for name, value in self.scores.items() if math.isfinite(value)}
        curves = {name: values for name, values in self.curves.items() if all(map(math.isfinite, values))}
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "curves", curves)

    @property
    def key(self) -> Key:
        return (self.data, self.clip, self.name, self.method)


class Store:
    """Records in order, each written to `folder` when it is added; without a folder they are only held.

    header: what the figures depend on; under "methods" what each method depends on, under "files" each source's stamp.
    A folder made with the same goes on where it stopped, and takes new methods in; one made with another is refused
    unless `overwrite`, which begins anew. What failed is tried again. A source of another stamp is scored anew.
    stale: the names of such sources.
    """

    def __init__(self, folder: Path | None, header: dict[str, Any], *, overwrite: bool = False) -> None:
        self.records: dict[Key, Record] = {}
        self.stale: list[str] = []
        self._header = header
        self._path = folder / FILE if folder else None
        if self._path is None:
            return
        if folder is not None and folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file; give a folder for the report")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.is_file() and not overwrite:
            self._read()
        self._rewrite()

    def __contains__(self, key: Key) -> bool:
        return key in self.records

    def finish(self, data: str, clip: str, methods: Iterable[str]) -> None:
        """Remember that the methods went through the clip to its end."""
        self.add(Record(data, clip, "", method) for method in methods)

    def finished(self, data: str, clip: str, method: str) -> bool:
        return (data, clip, "", method) in self.records

    def pictures(self, methods: Iterable[str]) -> list[Record]:
        """The records of pictures by these methods, unreadable pictures included, in the order they were made."""
        wanted = {"", *methods}
        return [record for record in self.records.values() if record.name and record.method in wanted]

    def add(self, records: Iterable[Record]) -> None:
        """Keep the records; one with a known key replaces it."""
        records = list(records)
        self.records.update({record.key: record for record in records})
        if self._path and records:
            with whole.told(f"write {self._path}"), self._path.open("a", encoding="utf-8") as file:
                file.writelines(_line(record) for record in records)

    def _read(self) -> None:
        assert self._path
        first, *lines = self._path.read_bytes().splitlines() or [b""]
        try:
            header = _parse_header(first)
        except DAMAGE:
            raise self._damaged_at(1) from None
        self._header = self._join(header) if lines else self._header  # nothing made yet cannot be made otherwise
        stamps = self._header.get("files", {})
        self.stale = [name for name, stamp in stamps.items() if header.get("files", {}).get(name) != stamp]
        for number, line in enumerate(lines, start=2):
            try:
                record = _parse_record(line)
            except DAMAGE as error:
                if number <= len(lines) or not isinstance(error, ValueError):  # a stop cuts the last line: no JSON
                    raise self._damaged_at(number) from None
            else:
                if record.data not in self.stale:
                    self.records[record.key] = record
        self._drop_failures()

    def _damaged_at(self, line: int) -> InputError:
        return InputError(f"{self._path} is damaged at line {line}; delete it or overwrite the report")

    def _drop_failures(self) -> None:
        """Of pictures what failed, of sequences the whole clip, since its frames are scored in order.

        Frames that cannot be read stay so until their file changes, and then all of its clip is scored anew.
        """
        failed = {key: one for key, one in self.records.items() if one.error and (one.method or not one.sequence)}
        clips = {(record.data, record.clip, record.method) for record in failed.values()}
        sequences = {(record.data, record.clip, record.method) for record in failed.values() if record.sequence}
        for key, record in list(self.records.items()):
            ways = {(record.data, record.clip, record.method), (record.data, record.clip, "")}
            if key in failed or ways & (clips if not record.name else sequences):
                del self.records[key]

    def _join(self, old: dict[str, Any]) -> dict[str, Any]:
        """The header with the methods of both; raises InputError where they do not agree."""
        new = self._header
        changed = [name for name in new if name not in ("methods", "files") and old.get(name) != new[name]]
        changed += [label for label, method in new["methods"].items() if old["methods"].get(label, method) != method]
        if changed:
            raise InputError(
                f"{self._path and self._path.parent} holds results that were made with other {', '.join(changed)}; "
                "choose another folder, or overwrite the report to start again"
            )
        return {**new, "methods": {**old["methods"], **new["methods"]}}

    def _rewrite(self) -> None:
        assert self._path
        text = json.dumps(self._header) + "\n" + "".join(map(_line, self.records.values()))
        whole.write(self._path, text.encode("utf-8"))


def _line(record: Record) -> str:
    return json.dumps(asdict(record)) + "\n"


def _parse_header(line: bytes) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(line)
    if not isinstance(header["methods"], dict) or not isinstance(header.get("files", {}), dict):
        raise TypeError("methods and files are by name")
    return header


def _parse_record(line: bytes) -> Record:
    record = Record(**json.loads(line))
    texts = (*record.key, record.error or "")
    if not all(isinstance(text, str) for text in texts) or not isinstance(record.seconds, int | float | None):
        raise TypeError("texts and numbers have changed places")
    return record
