"""The scores of each picture by each method, kept in a file as they are made, so that a stopped run goes on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bgdl.errors import InputError

FILE = "records.jsonl"
Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Record:
    """One picture by one method; method "" is a picture that could not be read at all.

    name "" is no picture: it says that the clip was gone through to its end.
    sequence: whether the clip is one in time. curves: see `scores.CURVES`. error: why there are no scores.
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

    @property
    def key(self) -> Key:
        return (self.data, self.clip, self.name, self.method)


class Store:
    """Records in order, each written to `folder` when it is added; without a folder they are only held.

    header: what the figures depend on (rules, methods, weights). A folder whose header differs is refused unless
    `overwrite`, which begins anew; one with the same header goes on where it stopped.
    """

    def __init__(self, folder: Path | None, header: dict[str, Any], *, overwrite: bool = False) -> None:
        self.records: dict[Key, Record] = {}
        self._path = folder / FILE if folder else None
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.is_file() and not overwrite:
            self._read(header)
        else:
            self._path.write_text(json.dumps(header) + "\n", "utf-8")

    def __contains__(self, key: Key) -> bool:
        return key in self.records

    def finish(self, data: str, clip: str) -> None:
        """Remember that nothing of the clip is left to do."""
        self.add([Record(data, clip, "", "")])

    def finished(self, data: str, clip: str) -> bool:
        return (data, clip, "", "") in self.records

    def pictures(self) -> list[Record]:
        """All records of pictures, in the order in which they were made."""
        return [record for record in self.records.values() if record.name]

    def add(self, records: Iterable[Record]) -> None:
        """Keep the records; one with a known key replaces it."""
        records = list(records)
        self.records.update({record.key: record for record in records})
        if self._path and records:
            with self._path.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(asdict(record)) + "\n" for record in records)

    def _read(self, header: dict[str, Any]) -> None:
        assert self._path
        first, *lines = self._path.read_text("utf-8").splitlines() or [""]
        if first != json.dumps(header):
            raise InputError(
                f"{self._path.parent} holds results made with other methods, data or rules; "
                "give another --out, or --overwrite to begin anew"
            )
        for number, line in enumerate(lines):
            try:
                record = Record(**json.loads(line))
            except ValueError:
                if number < len(lines) - 1:  # only the last line can be cut short by a stop
                    raise InputError(f"{self._path} is damaged at line {number + 2}; give --overwrite") from None
                self._rewrite(first)
            else:
                self.records[record.key] = record

    def _rewrite(self, first: str) -> None:
        assert self._path
        self._path.write_text(
            "\n".join([first, *(json.dumps(asdict(record)) for record in self.records.values())]) + "\n", "utf-8"
        )
