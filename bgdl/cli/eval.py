"""`bgdl eval`: which method is best on one's own data, with figures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bgdl.cli import console, options
from bgdl.cli.options import FILES, METHOD

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
        metavar="DATA...",
        help="Folders with images/ and masks/, DAVIS, a clip beside its NAME-matte clip, .csv manifests.",
        show_default=False,
    ),
]
Methods = Annotated[
    str | None,
    typer.Option("--methods", "-m", help="portrait,mog2:history=200,weights.pth,…", rich_help_panel=METHOD),
]
Reference = Annotated[
    str | None,
    typer.Option("--reference", help="The method that others are compared with: the first.", rich_help_panel=METHOD),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", help="A .yaml file of these settings; options here win.", rich_help_panel=FILES),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Folder of the report; a stopped run goes on there.", rich_help_panel=FILES),
]
Compare = Annotated[
    Path | None, typer.Option("--compare", help="An earlier report.json: what moved?", rich_help_panel=FILES)
]
Every = Annotated[int | None, typer.Option("--every", min=1, help="Score each n-th picture.", rich_help_panel=RULES)]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help="Score at most so many of a clip.", rich_help_panel=RULES)
]
Split = Annotated[
    str | None,
    typer.Option("--split", help="Only the validation side: number:10:3, hash:5, column.", rich_help_panel=RULES),
]
Resize = Annotated[
    int | None,
    typer.Option("--resize", min=1, help="Shrink to this long side in px before all else.", rich_help_panel=RULES),
]
Binarize = Annotated[
    bool | None, typer.Option("--binarize", help="Cut mattes and truths at 0.5.", rich_help_panel=RULES)
]
KindOption = Annotated[
    Literal["pictures", "sequence"] | None,
    typer.Option(
        "--kind",
        help="Of a folder or manifest; sequence: frames of one clip, by name. (default: pictures)",
        rich_help_panel=RULES,
    ),
]
Prime = Annotated[
    str | None,
    typer.Option("--prime", metavar="2s|60|FILE", help="The empty scene to learn first.", rich_help_panel=RULES),
]
Jobs = Annotated[
    int, typer.Option("--jobs", min=1, help="Pictures scored at once; above 1 disturbs times.", rich_help_panel=FILES)
]


def eval_(
    data: Data = None,
    methods: Methods = None,
    reference: Reference = None,
    out: Out = None,
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
    """Score methods on data with known mattes: a table, and with --out a report to look at."""
    from bgdl.device import set_threads
    from bgdl.evaluation.methods import load_methods
    from bgdl.evaluation.report import read_json
    from bgdl.evaluation.sources import open_sources

    given = {"every": every, "limit": limit, "split": split, "resize": resize, "binarize": binarize, "kind": kind}
    plan = _plan(config, data, methods, reference, {**given, "prime": prime})
    old = read_json(compare) if compare else None
    set_threads(threads)
    sources = open_sources(plan.data, plan.rules)
    for source in sources:
        console.note(source.describe())
    matters = load_methods(plan.methods, device=device, engine=engine, precision=precision)
    for label, matter in matters.items():
        console.note(console.describe(matter, label))
    report = _score(plan, matters, sources, out, jobs=jobs, overwrite=overwrite)
    _show(report, old)
    if out:
        console.note(f"report: {out / 'report.html'}")
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
        console.note(f"data {name}: its files have changed since, so it is scored anew")
    runner = Runner(matters, plan.rules, store, out / "mattes" if out else None, jobs)
    _follow(runner, sources)
    records = store.pictures(matters)
    result = report.build(plan, matters, sources, records, version=bgdl.__version__, jobs=jobs)
    if out:
        report.write_all(result, records, sources, plan.rules, out)
    return result


def _follow(runner: Runner, sources: list[Source]) -> None:
    """Run with a progress bar on stderr."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
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


def _show(report: Figures, old: Figures | None) -> None:
    """The tables on stdout, what broke on stderr, and what moved since the old report."""
    from bgdl.cli.eval_table import print_table
    from bgdl.evaluation.compare import compare
    from bgdl.evaluation.table import make_table

    for source in report["data"]:
        if source["summary"]:
            print_table(source["name"], make_table(source, report["reference"]))
        _print_broken(source)
    if old is not None:
        for line in compare(report, old):
            console.out.print(line, markup=False)


def _print_broken(source: Figures) -> None:
    """Each reason once, with how many pictures it took."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for broken in source["broken"]:
        reasons.setdefault((broken["method"], broken["reason"]), []).append(broken["name"])
    for (method, reason), names in list(reasons.items())[:MOST_REASONS]:
        who = f"{source['name']}, {method or 'unreadable'}"
        console.note(f"{who}: {len(names)} left out ({_some(names)}): {reason}")
    if len(reasons) > MOST_REASONS:
        console.note(f"{source['name']}: {len(reasons) - MOST_REASONS} more reasons are in the report")


def _some(names: Iterable[str]) -> str:
    first, *rest = names
    return f"{first} and {len(rest)} more" if rest else first
