"""The result as files: report.json, report.csv (a row a picture and method), report.md and report.html."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from io import StringIO
from pathlib import Path
from typing import Any

from bgdl import whole
from bgdl.errors import InputError
from bgdl.evaluation.gallery import gather, worst
from bgdl.evaluation.methods import describe_machine, describe_method
from bgdl.evaluation.page import make_page
from bgdl.evaluation.protocol import Plan, Rules
from bgdl.evaluation.records import Record
from bgdl.evaluation.scores import MEASURES
from bgdl.evaluation.sources import Source
from bgdl.evaluation.stamps import stamp
from bgdl.evaluation.summary import Figures, summarise
from bgdl.evaluation.table import make_table, markdown
from bgdl.types import Matter

FORMAT = 1


def header(plan: Plan, matters: Mapping[str, Matter], sources: Sequence[Source], *, version: str) -> Figures:
    """What every figure depends on; a stopped run goes on only under the same one, see `Store`."""
    return {
        **_facts(plan, matters, version),
        "data": {source.name: str(Path(source.path).expanduser().resolve()) for source in sources},
        "files": {source.name: stamp(source, plan.rules.prime) for source in sources},
    }


def build(
    plan: Plan,
    matters: Mapping[str, Matter],
    sources: Sequence[Source],
    records: Sequence[Record],
    *,
    version: str,
    jobs: int = 1,
) -> Figures:
    """The whole result as plain values, ready for JSON. version: of bgdl. jobs: above 1, times are disturbed."""
    labels = [spec.label for spec in plan.methods]
    data = []
    for source in sources:
        mine = [record for record in records if record.data == source.name]
        figures = summarise(mine, labels, plan.reference)
        data.append({"name": source.name, "path": source.path, **figures, "broken": _broken(mine)})
    return {
        **_facts(plan, matters, version),
        "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "jobs": jobs,
        "reference": plan.reference,
        "measures": {name: vars(measure) for name, measure in MEASURES.items()},
        "data": data,
        "pictures": [_row(record) for record in records if record.scores],
    }


def write_all(
    report: Figures, records: Sequence[Record], sources: Sequence[Source], rules: Rules, folder: Path
) -> None:
    """report.json, report.csv, report.md and report.html into `folder`, which holds the run's mattes."""
    write_json(report, folder / "report.json")
    _write_csv(records, folder / "report.csv")
    _write_markdown(report, folder / "report.md")
    _write_page(report, records, sources, rules, folder)


def _write_page(
    report: Figures, records: Sequence[Record], sources: Sequence[Source], rules: Rules, folder: Path
) -> None:
    """report.html, with the worst pictures of the reference on each source."""
    sights = {}
    for source in sources:
        mine = [record for record in records if record.data == source.name]
        chosen = worst(mine, report["reference"])
        sights[source.name] = gather(source, chosen, mine, rules, folder / "mattes")
    _write(make_page(report, sights), folder / "report.html")


def _write_markdown(report: Figures, path: Path) -> None:
    """The main table of each source, to paste."""
    tables = [(data["name"], make_table(data, report["reference"])) for data in report["data"] if data["summary"]]
    _write("\n".join(f"## {name}\n\n{markdown(table)}\n" for name, table in tables), path)


def write_json(report: Figures, path: Path) -> None:
    """Floats with six digits."""
    _write(json.dumps(_rounded(report), indent=1, allow_nan=False) + "\n", path)


def _write_csv(records: Sequence[Record], path: Path) -> None:
    """A row for each picture and method, broken ones with their reason."""
    measures = [name for name in MEASURES if any(name in record.scores for record in records)]
    text = StringIO()
    writer = csv.DictWriter(text, ["data", "clip", "name", "method", "sequence", "seconds", *measures, "error"])
    writer.writeheader()
    for record in records:
        writer.writerow({**_row(record), "error": record.error})
    _write(text.getvalue(), path)


def read_json(path: Path) -> Figures:
    """An earlier report. Raises InputError for a file that is none, or not whole."""
    try:
        report = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is not a report.json of bgdl eval: {error}") from error
    if not isinstance(report, dict) or report.get("format") != FORMAT:
        raise InputError(f"{path} is not a report.json of this version of bgdl; run bgdl eval again")
    if not isinstance(report.get("rules"), dict) or not _are_rows(report.get("pictures")):
        raise InputError(f"{path} is an incomplete report; run bgdl eval again")
    return report


def _write(text: str, path: Path) -> None:
    """Whole or not at all; bytes of a file's name that are no UTF-8 as escapes, line ends as they are."""
    whole.write(path, text.encode("utf-8", "backslashreplace"))


def _facts(plan: Plan, matters: Mapping[str, Matter], version: str) -> Figures:
    return {
        "format": FORMAT,
        "bgdl": version,
        "rules": plan.rules.to_dict(),
        "methods": {spec.label: describe_method(spec, matters[spec.label]) for spec in plan.methods},
    }


def _are_rows(pictures: Any) -> bool:
    """Whether each holds what `compare` reads."""
    names = {"data", "clip", "name", "method", "sequence"}
    return isinstance(pictures, list) and all(isinstance(row, dict) and names <= row.keys() for row in pictures)


def _row(record: Record) -> dict[str, Any]:
    named = {"data": record.data, "clip": record.clip, "name": record.name, "method": record.method}
    return {**named, "sequence": record.sequence, "seconds": record.seconds, **record.scores}


def _broken(records: Sequence[Record]) -> list[dict[str, str]]:
    return [
        {"clip": record.clip, "name": record.name, "method": record.method, "reason": record.error}
        for record in records
        if record.error
    ]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, Mapping):
        return {key: _rounded(part) for key, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, (list, tuple)) else value
