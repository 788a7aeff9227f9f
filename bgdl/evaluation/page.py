"""report.html: one file that needs no network, for a large screen and for a phone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from string import Template
from typing import Any

from bgdl.evaluation import plots, stats
from bgdl.evaluation.gallery import Sight
from bgdl.evaluation.scores import MEASURES
from bgdl.evaluation.summary import Figures
from bgdl.evaluation.table import Table, make_table


def make_page(report: Figures, sights: Mapping[str, Sequence[Sight]]) -> str:
    """The whole page. sights: by the name of a source, its worst pictures."""
    template = Template(resources.files("bgdl.evaluation").joinpath("report.html").read_text("utf-8"))
    names = ", ".join(data["name"] for data in report["data"])
    body = "".join(_section(report, data, sights.get(data["name"], ())) for data in report["data"])
    return template.substitute(
        title=escape(f"Evaluation on {names}"),
        made=escape(f"{report['made'][:10]}, bgdl {report['bgdl']}"),
        body=body,
        rules=_pairs(report["rules"]),
        machine=_pairs({**report["machine"], "jobs": report["jobs"]}),
        methods="".join(f"<h4>{escape(label)}</h4>{_pairs(made)}" for label, made in report["methods"].items()),
    )


def _section(report: Figures, data: Figures, sights: Sequence[Sight]) -> str:
    name, reference = escape(data["name"]), escape(report["reference"])
    if not data["summary"]:
        return f"<section><h2>{name}</h2><p>No picture could be scored.</p>{_broken(data)}</section>"
    everything = make_table(data, report["reference"], measures=list(MEASURES))
    distribution = plots.distribution(_ious(report, data))
    speed = plots.speed_quality(_points(data), _order(data))
    pictures = "".join(_figure(sight, report["reference"], _order(data)) for sight in sights)
    gallery = f"<h3>The {len(sights)} worst of {reference}</h3>{_LEGEND}{pictures}" if sights else ""
    return (
        f"<section><h2>{name}</h2><p class=path>{escape(data['path'])}</p>"
        f"{_table(make_table(data, report['reference']))}{_NOTE}"
        f"<details><summary>All measures</summary>{_table(everything)}</details>{_broken(data)}"
        f"<h3>Distribution of IoU</h3><p class=note>The line is the median.</p>{distribution}"
        f"{f'<h3>Speed and quality</h3>{speed}' if speed else ''}{gallery}</section>"
    )


_NOTE = (
    f"<p class=note>Best in bold. ± and [ ] are 95 % bootstrap intervals, which fewer than {stats.FEWEST} pictures, or "
    "clips, do not have; a difference whose interval leaves out 0 is one that these pictures support. Touch a title to "
    "sort.</p>"
)
_LEGEND = (
    "<p class=note>Below each matte its difference: <b class=red>red</b> is too much, <b class=blue>blue</b> is "
    "missing. Touch a picture to enlarge it.</p>"
)


def _ious(report: Figures, data: Figures) -> dict[str, list[float]]:
    ious: dict[str, list[float]] = {label: [] for label in _order(data)}
    for row in report["pictures"]:
        if row["data"] == data["name"] and row["method"] in ious:
            ious[row["method"]].append(row["iou"])
    return ious


def _points(data: Figures) -> dict[str, tuple[float, float]]:
    summary = data["summary"]
    timed = (label for label in _order(data) if "median_ms" in summary[label])
    return {label: (max(summary[label]["median_ms"]["mean"], 1e-3), summary[label]["iou"]["mean"]) for label in timed}


def _order(data: Figures) -> list[str]:
    return sorted(data["summary"], key=lambda label: -data["summary"][label]["iou"]["mean"])


def _table(table: Table) -> str:
    head = "".join(f"<th scope=col><button type=button>{escape(title)}</button></th>" for title in table.titles)
    rows = "".join(
        f"<tr>{''.join(_cell(cell.text, cell.value, best=cell.best) for cell in row)}</tr>" for row in table.rows
    )
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"


def _cell(text: str, value: float | None, *, best: bool) -> str:
    broken = re.sub(r"(?<=[:_=])", "<wbr>", escape(text))  # where a long method's name may go on in the next line
    shown = f"<b>{broken}</b>" if best else broken
    return f"<td data-value='{'' if value is None else value}'>{shown}</td>"


def _figure(sight: Sight, reference: str, order: Sequence[str]) -> str:
    """The methods are in one order in every figure, so that an eye can run down a column."""
    iou = f", IoU {sight.mattes[reference][0]:.3f}" if reference in sight.mattes else ""
    mattes = "".join(_matte(label, *made) for label in order if (made := sight.mattes.get(label)))
    return (
        f"<article><h4>{escape(sight.name)}{iou}</h4><div class=row>"
        f"<figure>{_picture(sight.picture, 'input')}{_picture(sight.truth, 'truth')}"
        f"<figcaption>input, truth</figcaption></figure>{mattes}</div></article>"
    )


def _matte(label: str, iou: float, matte: str, difference: str) -> str:
    pictures = _picture(matte, f"matte of {label}") + _picture(difference, f"difference of {label}")
    return f"<figure>{pictures}<figcaption>{escape(label)}<br>{iou:.3f}</figcaption></figure>"


def _picture(uri: str, alt: str) -> str:
    return f'<img loading=lazy src="{uri}" alt="{escape(alt)}">'


def _broken(data: Figures) -> str:
    if not data["broken"]:
        return ""
    rows = "".join(
        f"<li>{escape(broken['name'])}{', ' if broken['method'] else ''}{escape(broken['method'])}: "
        f"{escape(broken['reason'])}</li>"
        for broken in data["broken"]
    )
    return f"<details><summary>{len(data['broken'])} left out</summary><ul>{rows}</ul></details>"


def _pairs(values: Mapping[str, Any]) -> str:
    shown = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    rows = (f"<tr><th scope=row>{escape(name)}</th><td>{escape(value)}</td>" for name, value in shown.items())
    return f"<table class=pairs>{''.join(rows)}</table>"
