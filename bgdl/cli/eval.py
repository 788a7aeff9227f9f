"""`bgdl eval`: which method is best on one's own data, with figures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bgdl.cli import console, options
from bgdl.cli.options import FILES, METHOD
from bgdl.errors import InputError

if TYPE_CHECKING:
    from bgdl.evaluation.protocol import Plan
    from bgdl.evaluation.runner import Progress, Runner
    from bgdl.evaluation.sources import Source
    from bgdl.evaluation.summary import Figures

RULES = "Rules"
MOST_REASONS = 5

Data = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="DATA",
        help="Folders with images/ and masks/, DAVIS sequences, clips beside their NAME-matte clip, or .csv manifests.",
        show_default=False,
    ),
]
Methods = Annotated[
    str | None,
    typer.Option(
        "--methods",
        "-m",
        help="Methods to score (needed here or in --config), with commas: portrait,mog2:history=200,weights.pth; "
        "mattes:FOLDER for mattes made elsewhere.",
        rich_help_panel=METHOD,
    ),
]
Reference = Annotated[
    str | None,
    typer.Option(
        "--reference", help="Method that the others are compared with (default: the first).", rich_help_panel=METHOD
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", help="YAML file with these settings; options given here win.", rich_help_panel=FILES),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", rich_help_panel=FILES,
        help="Folder for the report; an interrupted run resumes from it.",
    ),
]  # fmt: skip
Compare = Annotated[
    Path | None, typer.Option("--compare", help="An earlier report.json, to show what changed.", rich_help_panel=FILES)
]
Every = Annotated[
    int | None,
    typer.Option("--every", min=1, metavar="N", help="Score every Nth picture only.", rich_help_panel=RULES),
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        min=1,
        metavar="N",
        help="Score at most this many pictures per clip or folder.",
        rich_help_panel=RULES,
    ),
]
Split = Annotated[
    str | None,
    typer.Option(
        "--split",
        rich_help_panel=RULES,
        help="Score only the validation pictures by this rule: hash:5, number:10:3, file:NAMES.txt or column.",
    ),
]
Resize = Annotated[
    int | None,
    typer.Option(
        "--resize",
        min=1,
        metavar="PX",
        help="First shrink pictures and masks to this long side.",
        rich_help_panel=RULES,
    ),
]
Binarize = Annotated[
    bool | None,
    typer.Option("--binarize", help="Threshold mattes and masks at 0.5 before scoring.", rich_help_panel=RULES),
]
KindOption = Annotated[
    Literal["pictures", "sequence"] | None,
    typer.Option(
        "--kind",
        help="What a folder or manifest holds: single pictures, or the frames of one clip in the order of their names "
        "(default: pictures).",
        rich_help_panel=RULES,
    ),
]
Prime = Annotated[
    str | None,
    typer.Option(
        "--prime",
        metavar="2s|60|FILE",
        rich_help_panel=RULES,
        help="The empty scene, for methods that learn one: the first 2 seconds or the first 60 frames (then not "
        "scored), or a picture or clip.",
    ),
]
Jobs = Annotated[
    int,
    typer.Option(
        "--jobs",
        min=1,
        metavar="N",
        help="Pictures to score at once; more than 1 distorts the times.",
        rich_help_panel=FILES,
    ),
]


def eval_(
    data: Data = None,
    methods: Methods = None,
    reference: Reference = None,
    output: Output = None,
    config: Config = None,
    compare: Compare = None,
    every: Every = None,
    limit: Limit = None,
    split: Split = None,
    resize: Resize = None,
    binarize: Binarize = None,
    kind: KindOption = None,
    prime: Prime = None,
    device: options.Device = "auto",
    engine: options.Engine = "auto",
    precision: options.PrecisionOption = "auto",
    threads: options.Threads = None,
    jobs: Jobs = 1,
    overwrite: options.Overwrite = False,
) -> None:
    """Compare methods on pictures or clips with masks: prints a table, and with -o writes a report."""
    from bgdl.device import set_threads
    from bgdl.evaluation.made import is_told
    from bgdl.evaluation.methods import load_methods
    from bgdl.evaluation.report import read_json
    from bgdl.evaluation.runner import check_output
    from bgdl.evaluation.sources import open_sources
    from bgdl.registry import is_network

    given = {"every": every, "limit": limit, "split": split, "resize": resize, "binarize": binarize, "kind": kind}
    plan = _plan(config, data, methods, reference, {**given, "prime": prime})
    if overwrite and not output:
        raise InputError("overwrite replaces a report; give output too, or leave it out")
    networks = [spec for spec in plan.methods if spec.mattes is None and is_network(spec.text)]
    if (engine, precision) != ("auto", "auto") and not networks:
        raise InputError("none of the methods uses a network; leave engine and precision out")
    old = read_json(compare) if compare else None
    set_threads(threads)
    sources = open_sources(plan.data, plan.rules)
    if output:
        check_output(output, plan, sources)
    for source in sources:
        console.note(source.describe())
    matters = load_methods(plan.methods, device=device, engine=engine, precision=precision)
    for label, matter in matters.items():
        made = f"mattes {label}, {len(matter.files)} files" if is_told(matter) else console.describe(matter, label)
        console.note(made)
    report = _score(plan, matters, sources, output, jobs=jobs, overwrite=overwrite)
    _show(report, old, kept=output is not None)
    if output:
        console.note(f"report: {output / 'report.html'}")
    if any(source["broken"] for source in report["data"]):
        raise typer.Exit(1)


def _plan(
    config: Path | None, data: list[str] | None, methods: str | None, reference: str | None, rules: dict[str, Any]
) -> Plan:
    """The settings of the file, those of the command line before them."""
    from bgdl.evaluation.protocol import Rules, make_plan, read_config, split_methods

    settings = read_config(config) if config else {}
    data = data or settings.pop("data", [])
    named = split_methods(methods) if methods else settings.pop("methods", [])
    reference = reference or (None if methods else settings.pop("reference", None))
    for name in ("data", "methods", "reference"):
        settings.pop(name, None)
    settings |= {name: value for name, value in rules.items() if value is not None}
    return make_plan(data or [], named, Rules(**settings), reference=reference)


def _score(
    plan: Plan, matters: dict[str, Any], sources: list[Source], out: Path | None, *, jobs: int, overwrite: bool
) -> Figures:
    import bgdl
    from bgdl.evaluation import report
    from bgdl.evaluation.records import Store
    from bgdl.evaluation.runner import Runner

    header = report.header(plan, matters, sources, version=bgdl.__version__)
    store = Store(out, header, overwrite=overwrite)
    for name in store.stale:
        console.note(f"data {name}: its files have changed, so it is scored again")
    runner = Runner(matters, plan.rules, store, out / "mattes" if out else None, jobs)
    try:
        _follow(runner, sources)
    except KeyboardInterrupt:
        if out:
            console.note(f"stopped; what was scored is in {out}, and the same command goes on from there")
        raise
    records = store.pictures(matters)
    result = report.build(plan, matters, sources, records, version=bgdl.__version__, jobs=jobs)
    if out:
        report.write_all(result, records, sources, plan.rules, out)
    return result


def _follow(runner: Runner, sources: list[Source]) -> None:
    """Run with a progress bar on stderr."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    title = TextColumn("{task.description}", markup=False)
    columns = (title, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console.err, transient=True) as bar:
        tasks: dict[tuple[str, str], Any] = {}
        for done in runner.run(sources):
            clip = (done.data, done.clip)
            if clip not in tasks:
                tasks[clip] = bar.add_task(_title(done), total=_expected(done, runner))
            bar.advance(tasks[clip])


def _title(done: Progress) -> str:
    return done.data if done.data == done.clip else f"{done.data}: {done.clip}"


def _expected(done: Progress, runner: Runner) -> int | None:
    rules = runner.rules
    counts = [done.expected and -(-done.expected // rules.every), rules.limit]
    return min((count for count in counts if count), default=None)


def _show(report: Figures, old: Figures | None, *, kept: bool) -> None:
    """The tables on stdout, what broke on stderr, and what moved since the old report."""
    from bgdl.cli.eval_table import print_table
    from bgdl.evaluation.compare import compare
    from bgdl.evaluation.table import make_table

    for source in report["data"]:
        if source["summary"]:
            print_table(source["name"], make_table(source, report["reference"]))
        _print_broken(source, kept=kept)
    if old is not None:
        for line in compare(report, old):
            console.out.print(console.harmless(line), markup=False)


def _print_broken(source: Figures, *, kept: bool) -> None:
    """Each reason once, with how many pictures it took; `kept`: there is a report."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for broken in source["broken"]:
        reasons.setdefault((broken["method"], broken["reason"]), []).append(broken["name"])
    for (method, reason), names in list(reasons.items())[:MOST_REASONS]:
        who = f"{source['name']}, {method or 'unreadable'}"
        console.note(f"{who}: {len(names)} left out ({_some(names)}): {reason}")
    if len(reasons) > MOST_REASONS:
        where = " are in the report" if kept else "; --output keeps them all"
        console.note(f"{source['name']}: {len(reasons) - MOST_REASONS} more reasons{where}")


def _some(names: Iterable[str]) -> str:
    first, *rest = names
    return f"{first} and {len(rest)} more" if rest else first
