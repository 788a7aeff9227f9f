"""`bgdl bench`: how fast each engine runs a network here, and what its precision costs."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bgdl.cli import console, options
from bgdl.errors import DeviceError, InputError

ENOUGH = 20
"""Pictures with masks from which on what a precision costs is worth remembering."""

if TYPE_CHECKING:
    import torch

    from bgdl.bench.measure import Result, Row
    from bgdl.bench.pictures import Pictures
    from bgdl.engines.choose import Candidate
    from bgdl.engines.network import Network
    from bgdl.preprocess import InputSpec

Batches = Annotated[
    str, typer.Option("--batch", metavar="N[,N]", help="Pictures per batch; several as 1,4,8.", rich_help_panel="Bench")
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--pictures",
        help="Folder of pictures to run on (default: drawn ones); with masks, laid out as for `bgdl train`, "
        "the mean IoU of each precision is measured and remembered for --engine auto.",
        rich_help_panel="Bench",
    ),
]
Count = Annotated[
    int | None,
    typer.Option("--count", min=1, metavar="N", help="Use only this many of the pictures.", rich_help_panel="Bench"),
]
Repeats = Annotated[int, typer.Option("--repeats", min=1, metavar="N", help="Timed rounds.", rich_help_panel="Bench")]
Compile = Annotated[
    bool, typer.Option("--compile", help="Also time torch.compile (takes a minute to start).", rich_help_panel="Bench")
]


def bench(
    model: options.Model = "portrait",
    device: options.Device = "auto",
    engine: options.Engine = "auto",
    precision: options.PrecisionOption = "auto",
    size: options.Size = None,
    threads: options.Threads = None,
    batch: Batches = "1",
    pictures: Folder = None,
    count: Count = None,
    repeats: Repeats = 10,
    compile: Compile = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one record per row.")] = False,
) -> None:
    """Time the engines and precisions for a network on this machine.

    Each engine runs in its own process, in turns with the others.
    By default all that are installed are timed.
    """
    from bgdl.bench import measure
    from bgdl.bench.worker import Task
    from bgdl.device import thread_count

    net, spec = _network(model, size)
    shown = _pictures(pictures, spec, count)
    where, pairs = _place(net, device, engine, precision)
    base = Task(net.path, *pairs[0], device=str(where), threads=threads)
    tasks = measure.tasks_for(base, pairs, compiled=compile)
    console.note(f"model {net.path.stem}, device {where}, {threads or thread_count()} threads, {len(tasks)} runs")
    with console.err.status("starting") as status:
        result = measure.measure(tasks, shown, spec, batches=_numbers(batch), repeats=repeats, say=status.update)
    if cost := result.cost():
        _remember(net, cost, shown, as_used=size in (None, net.spec and net.spec.size))
    _show(result, as_json=as_json)


def _remember(net: Network, cost: dict[str, float], shown: Pictures, *, as_used: bool) -> None:
    """For engine auto, where it was measured as the network is used, on enough pictures."""
    from bgdl.engines import cache

    scored = sum(truth is not None for truth in shown.truths)
    if as_used and scored >= ENOUGH:
        cache.remember_cost(net.key, cost)
        console.note(f"the mIoU of each precision is remembered for --engine auto ({scored} pictures with masks)")
    else:
        console.note(
            f"not remembered for --engine auto: that needs {ENOUGH} pictures with masks at the network's own size"
        )


def _network(model: str, size: int | None) -> tuple[Network, InputSpec]:
    from bgdl import weights
    from bgdl.engines import network
    from bgdl.preprocess import InputSpec

    if ":" in model and not Path(model).exists():
        raise InputError(f"{model!r}: bgdl bench takes a model without options; set the input size with --size")
    record = weights.RECORDS.get(model)
    net = network.read(weights.path_of(model))
    spec = net.spec or (record.spec if record else InputSpec())
    return net, replace(spec, size=size or spec.size, shape="square")


def _pictures(folder: Path | None, spec: InputSpec, count: int | None) -> Pictures:
    from bgdl.bench import pictures

    return pictures.read(folder, spec, count=count) if folder else pictures.draw(spec)


def _place(net: Network, device: str, engine: Any, precision: Any) -> tuple[torch.device, list[Candidate]]:
    """The device, and what runs there: an fp32, torch's if it can, then what was asked for.

    With device "auto" that is the CPU where nothing that was asked for runs on the GPU.
    """
    import torch

    from bgdl.device import pick_device
    from bgdl.engines import choose

    where = pick_device(device)
    for place in [where, torch.device("cpu")] if device == "auto" else [where]:
        pairs = choose.able(place, net)
        exact = sorted((pair for pair in pairs if pair[1] == "fp32"), key=lambda pair: pair[0] != "torch")[:1]
        wanted = [pair for pair in pairs if engine in ("auto", pair[0]) and precision in ("auto", pair[1])]
        if exact and wanted:
            return place, [*exact, *(pair for pair in wanted if pair not in exact)]
    raise DeviceError(f"nothing runs {engine} {precision} here; available: {choose.in_words(pairs)}")


def _numbers(text: str) -> list[int]:
    words = text.split(",")
    if not all(word.strip().isdecimal() and int(word) for word in words):
        raise InputError(f"--batch {text!r}: give whole numbers of 1 or more, for instance 1,4,8")
    return [int(word) for word in words]


def _show(result: Result, *, as_json: bool) -> None:
    for reason in result.left_out.values():
        console.note(f"left out: {reason}")
    if as_json:
        console.out.print("\n".join(json.dumps(asdict(row)) for row in result.rows), markup=False)
        return
    heads = ("engine", "precision", "batch", "pictures/s", "p50", "p95", "first", "memory", "mIoU", "max diff")
    lines = [heads, *(_cells(row) for row in sorted(result.rows, key=lambda row: -row.pictures_s))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True)]
        console.out.print("  ".join(cells), markup=False)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.engine,
        row.precision,
        str(row.batch),
        f"{row.pictures_s:.2f} ± {row.spread / 2:.2f}",
        f"{row.p50_s * 1000:.0f} ms",
        f"{row.p95_s * 1000:.0f} ms",
        f"{row.first_s:.1f} s",
        "" if row.memory_mb is None else f"{row.memory_mb:.0f} MiB",
        "" if row.miou is None else f"{row.miou:.4f}",
        f"{row.largest_difference:.4f}",
    )
