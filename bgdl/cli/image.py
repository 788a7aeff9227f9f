"""`bgdl image`: cut the subject out of pictures, folders, globs or a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bgdl.cli import console, options
from bgdl.cli.options import FILES, MATTE, METHOD
from bgdl.errors import BgdlError, InputError

if TYPE_CHECKING:
    from bgdl.pipeline.image_folder import Record
    from bgdl.pipeline.image_plan import ImageJob
    from bgdl.pipeline.image_treatment import Treatment

Crop = Annotated[
    str | None,
    typer.Option(
        "--crop",
        metavar="MARGIN[%]",
        rich_help_panel=MATTE,
        help="Crop to the subject with this margin: 0, 20 (px) or 5% (of the subject's longer side).",
    ),
]
Prime = Annotated[
    Path | None,
    typer.Option("--prime", help="Picture of the empty scene, for methods that learn one.", rich_help_panel=METHOD),
]
Format = Annotated[
    Literal["png", "webp", "tiff", "avif", "jpg", "bmp"] | None,
    typer.Option(
        "--format",
        "-f",
        rich_help_panel=FILES,
        help="Format where -o names no file with an extension (default: png).",
    ),
]
Quality = Annotated[
    int | None,
    typer.Option(
        "--quality",
        metavar="N",
        min=1,
        max=100,
        rich_help_panel=FILES,
        help="Quality of jpg, webp and avif, higher is better (default: 92, 90 and 80; webp at 100 is lossless).",
    ),
]
SkipExisting = Annotated[
    bool, typer.Option("--skip-existing", help="Skip inputs whose results already exist.", rich_help_panel=FILES)
]
MaxPixels = Annotated[
    int,
    typer.Option(
        "--max-pixels", min=1, metavar="N", help="Refuse pictures with more pixels than this.", rich_help_panel=FILES
    ),
]
Inputs = Annotated[
    list[str], typer.Argument(metavar="IN", help="Pictures, folders (with subfolders), globs, or - for stdin.")
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        rich_help_panel=FILES,
        help="File or folder to write, or - for stdout (default: beside the input).",
    ),
]


def image(
    inputs: Inputs,
    output: Output = None,
    model: options.Model = "portrait",
    device: options.Device = "auto",
    engine: options.Engine = "auto",
    precision: options.PrecisionOption = "auto",
    size: options.Size = None,
    threads: options.Threads = None,
    prime: Prime = None,
    background: options.Background = "transparent",
    fit: options.FitOption = "cover",
    edge: options.EdgeOption = "decontaminate",
    only_matte: options.OnlyMatte = False,
    threshold: options.Threshold = None,
    invert: options.Invert = False,
    keep: options.Keep = None,
    crop: Crop = None,
    format: Format = None,
    quality: Quality = None,
    overwrite: options.Overwrite = False,
    skip_existing: SkipExisting = False,
    max_pixels: MaxPixels = 100_000_000,
    as_json: options.AsJson = False,
) -> None:
    """Remove the background from pictures.

    Without -o, photo.jpg becomes photo-cutout.png beside it, and a folder becomes folder-cutout/.
    """
    from bgdl.device import set_threads
    from bgdl.pipeline.image_treatment import build
    from bgdl.pipeline.matte_shape import MatteShape

    reads = (background, prime)
    jobs = _jobs(inputs, output, format or "png", overwrite=overwrite, skip_existing=skip_existing, reads=reads)
    if not jobs:
        return
    _check_streams(jobs[0], as_json=as_json)
    _refuse_lost_transparency(jobs, format or "png", background, only_matte=only_matte)
    set_threads(threads)
    treat = build(
        model, background, MatteShape(edge, keep, threshold, invert), fit=fit, only_matte=only_matte, crop=crop,
        prime=prime, max_pixels=max_pixels, device=device, engine=engine, precision=precision,
        **options.for_network(size),
    )  # fmt: skip
    console.loaded()
    console.note(console.describe(treat.matter))
    _run(jobs, treat, format or "png", as_json=as_json, max_pixels=max_pixels, quality=quality)


def _jobs(
    inputs: list[str],
    output: Path | None,
    format: str,
    *,
    overwrite: bool,
    skip_existing: bool,
    reads: Iterable[object],
) -> list[ImageJob]:
    from bgdl.pipeline import image_plan

    if overwrite and skip_existing:
        raise InputError("--overwrite and --skip-existing exclude each other; give one of them")
    piped = "-" in inputs or str(output) == "-"
    if piped and len(inputs) > 1:
        raise InputError(f"stdin is one picture, but {len(inputs)} inputs were given; give - alone or files")
    if piped and output and str(output) != "-" and (output.is_dir() or not output.suffix):
        raise InputError(f"a picture from stdin needs a file name, not {output}; give -o NAME.png")
    pipe = image_plan.ImageJob(Path(inputs[0]), output or Path("-"))
    jobs = [pipe] if piped else image_plan.plan(inputs, output, suffix=f".{format}", on_note=console.note)
    todo = image_plan.settle(jobs, overwrite=overwrite, skip_existing=skip_existing, reads=reads)
    if len(todo) < len(jobs):
        console.note(f"skipped, since the result exists: {len(jobs) - len(todo)} of {len(jobs)}")
    return todo


def _refuse_lost_transparency(jobs: list[ImageJob], format: str, background: str, *, only_matte: bool) -> None:
    """An opaque format with transparency asked ends the run before it starts."""
    from bgdl.media.image import no_transparency, supports_alpha
    from bgdl.pipeline.looks import sees_through

    if only_matte or not sees_through(background):
        return
    for job in jobs:
        name = f".{format}" if str(job.target) == "-" else job.target.name
        if not supports_alpha(name):
            raise InputError(no_transparency(name))


def _check_streams(job: ImageJob, *, as_json: bool) -> None:
    """Refuse a pipe that is not there, or is taken."""
    to_stdout = str(job.target) == "-"
    if str(job.source) == "-" and sys.stdin is None:
        raise InputError("stdin is closed; pipe a picture in, or give a file")
    if to_stdout and as_json:
        raise InputError("the picture and --json cannot both go to stdout; give -o FILE")
    if to_stdout and sys.stdout is None:
        raise InputError("stdout is closed; give -o FILE")
    if to_stdout and sys.stdout.isatty():
        raise InputError("stdout is a terminal; redirect it into a file or give -o FILE")


def _run(
    jobs: list[ImageJob], treat: Treatment, format: str, *, as_json: bool, max_pixels: int, quality: int | None
) -> None:
    if any("-" in (str(job.source), str(job.target)) for job in jobs):
        _pipe(jobs[0], treat, format, as_json=as_json, max_pixels=max_pixels, quality=quality)
        return
    from bgdl.pipeline import image_folder

    failed = 0
    for record in _watched(image_folder.run(jobs, treat, max_pixels=max_pixels, quality=quality), len(jobs)):
        failed += record.error is not None
        _tell(record, as_json=as_json)
    if failed:
        console.note(f"{len(jobs) - failed} of {len(jobs)} done, {failed} failed")
        raise typer.Exit(1)


def _watched(records: Iterable[Record], total: int) -> Iterable[Record]:
    """A progress bar with pictures/s and the time left where stderr is a terminal."""
    if not console.err.is_terminal:
        yield from records
        return
    from rich import progress

    columns = (
        progress.BarColumn(), progress.MofNCompleteColumn(), progress.TextColumn("{task.fields[rate]}"),
        progress.TimeRemainingColumn(),
    )  # fmt: skip
    with progress.Progress(*columns, console=console.err) as bar:
        task = bar.add_task("", total=total, rate="")
        for record in records:
            bar.update(task, advance=1, rate=f"{bar.tasks[task].speed or 0:.1f} pictures/s")
            yield record


def _tell(record: Record, *, as_json: bool) -> None:
    if as_json:
        console.out.print(json.dumps(record.to_dict()), markup=False)
    if record.error:
        console.error(record.error if record.source in record.error else f"{record.source}: {record.error}")
    else:
        for note in record.notes:
            console.note(f"{record.source}: {note}")
        if not as_json and not console.err.is_terminal:
            console.note(f"{record.source} -> {record.target}")


def _pipe(job: ImageJob, treat: Treatment, format: str, *, as_json: bool, max_pixels: int, quality: int | None) -> None:
    """One picture from stdin, to stdout, or both."""
    from bgdl.media.image import format_of
    from bgdl.pipeline.image_folder import Record, one

    source, target = str(job.source), str(job.target)
    reads = sys.stdin.buffer if source == "-" else None
    writes = sys.stdout.buffer if target == "-" else None
    written_as = format_of(f".{format}") if writes else None
    try:
        record = one(
            job, treat, reads=reads, writes=writes, format=written_as, max_pixels=max_pixels, quality=quality
        )  # fmt: skip
    except BgdlError as error:
        if as_json:
            console.out.print(json.dumps(Record(source, target, error=str(error)).to_dict()), markup=False)
        raise
    _tell(record, as_json=as_json)
