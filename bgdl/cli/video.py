"""`bgdl video`: cut the subject out of a clip."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bgdl.choices import BackgroundEnd, FormatName, Sound
from bgdl.cli import console, options
from bgdl.cli.options import FILES, LOOK, MATTE, METHOD
from bgdl.cli.stop import Stop

if TYPE_CHECKING:
    from bgdl.pipeline.video_job import Progress, VideoJob
    from bgdl.pipeline.video_records import VideoReport
    from bgdl.types import Matter

TIME = "Time"
ENCODING = "Encoding"

Source = Annotated[str, typer.Argument(metavar="IN", help="Video file, URL, or - for stdin.")]
Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", rich_help_panel=FILES,
        help="File to write (.mp4, .mkv, .mov, .webm, .gif, .webp, .apng), or a folder or pattern for PNG frames.",
    ),
]  # fmt: skip
Background = Annotated[
    str,
    typer.Option(
        "--background", "-b", rich_help_panel=LOOK,
        help="What goes behind the subject: transparent, a CSS colour, a picture, a clip, or blur[:SIGMA] (in px).",
    ),
]  # fmt: skip
BackgroundEndOption = Annotated[
    BackgroundEnd,
    typer.Option("--background-end", help="What to do when a background clip ends.", rich_help_panel=LOOK),
]
SoundOption = Annotated[
    Sound,
    typer.Option("--sound", help="Audio to use: the source's, the background clip's, or none.", rich_help_panel=LOOK),
]
Sidecar = Annotated[
    bool,
    typer.Option("--alpha-sidecar", help="Also write the grey matte, as OUT_alpha.", rich_help_panel=LOOK),
]
FormatOption = Annotated[
    FormatName,
    typer.Option(
        "--format",
        "-f",
        metavar="CODEC",
        help="h264, h265, vp9, prores, qtrle, ffv1, png, webp, gif or apng; auto goes by the extension of -o.",
        rich_help_panel=ENCODING,
    ),
]
EncoderOption = Annotated[
    str,
    typer.Option("--encoder", help="FFmpeg encoder to use: auto, libx264, h264_nvenc, ...", rich_help_panel=ENCODING),
]
Crf = Annotated[
    int | None,
    typer.Option(
        "--crf",
        metavar="N",
        min=0,
        max=63,
        rich_help_panel=ENCODING,
        help="Quality, lower is better (default: 18 for h264, 22 for h265, 24 for vp9; h264 and h265 end at 51).",
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        rich_help_panel=ENCODING,
        help="Encoding speed: ultrafast to veryslow for h264 and h265 (default: veryfast), "
        "0 (slow) to 8 for vp9 (default: 5).",
    ),
]
Start = Annotated[
    str | None,
    typer.Option("--start", metavar="TIME", help="Begin here, in seconds or H:MM:SS.", rich_help_panel=TIME),
]
End = Annotated[
    str | None,
    typer.Option("--end", metavar="TIME", help="Stop before this time, in seconds or H:MM:SS.", rich_help_panel=TIME),
]
Frames = Annotated[
    int | None, typer.Option("--frames", min=1, metavar="N", help="Stop after this many frames.", rich_help_panel=TIME)
]
Strength = Annotated[
    float,
    typer.Option(
        "--smooth-strength",
        min=0,
        max=0.999,
        metavar="WEIGHT",
        rich_help_panel=MATTE,
        help="Weight of earlier frames where nothing changes, for --smooth ema and flow.",
    ),
]
Every = Annotated[
    int,
    typer.Option(
        "--every",
        min=1,
        metavar="N",
        rich_help_panel=MATTE,
        help="Run the network on every Nth frame only (1 to 30) and interpolate between, for calm clips.",
    ),
]
Crop = Annotated[
    str | None,
    typer.Option(
        "--crop", metavar="MARGIN[%]", rich_help_panel=MATTE,
        help="Crop to one box that holds the subject throughout, with this margin: 0, 20 (px) or 5% "
        "(takes two passes).",
    ),
]  # fmt: skip
Batch = Annotated[
    int | None,
    typer.Option("--batch", min=1, metavar="N", help="Frames per batch (default: by device).", rich_help_panel=METHOD),
]


def video(
    source: Source,
    output: Output,
    model: options.Model = "portrait",
    device: options.Device = "auto",
    engine: options.Engine = "auto",
    precision: options.PrecisionOption = "auto",
    size: options.Size = None,
    threads: options.Threads = None,
    batch: Batch = None,
    prime: options.Prime = None,
    background: Background = "transparent",
    background_end: BackgroundEndOption = "loop",
    sound: SoundOption = "source",
    fit: options.FitOption = "cover",
    edge: options.ClipEdgeOption = "none",
    only_matte: options.OnlyMatte = False,
    alpha_sidecar: Sidecar = False,
    smooth: options.SmoothOption = None,
    smooth_strength: Strength = 0.93,
    every: Every = 1,
    threshold: options.Threshold = None,
    invert: options.Invert = False,
    keep: options.Keep = None,
    crop: Crop = None,
    start: Start = None,
    end: End = None,
    frames: Frames = None,
    format: FormatOption = "auto",
    encoder: EncoderOption = "auto",
    crf: Crf = None,
    preset: Preset = None,
    overwrite: options.Overwrite = False,
    as_json: options.AsJson = False,
) -> None:
    """Remove the background from a video, keeping its sound and timestamps."""
    from bgdl import registry
    from bgdl.device import set_threads
    from bgdl.pipeline.video import check
    from bgdl.pipeline.video_job import VideoJob

    source = "pipe:0" if source == "-" else source
    job = VideoJob(
        source, output, background=background, background_end=background_end, sound=sound, fit=fit, edge=edge,
        only_matte=only_matte, alpha_sidecar=alpha_sidecar, smooth=smooth, smooth_strength=smooth_strength,
        every=every, threshold=threshold, invert=invert, keep=keep, crop=crop, prime=prime, start=start, end=end,
        frames=frames, format=format, encoder=encoder, crf=crf, preset=preset, batch=batch, overwrite=overwrite,
    )  # fmt: skip
    check(job)
    set_threads(threads)
    matter = registry.load(model, device=device, engine=engine, precision=precision, **options.for_network(size))
    console.note(console.describe(matter))
    _finish(_run(job, matter, as_json=as_json), as_json=as_json)


def _run(job: VideoJob, matter: Matter, *, as_json: bool) -> VideoReport:
    from bgdl.pipeline.video import convert

    with Stop() as stop:
        try:
            with _watched(as_json=as_json) as (tell, show):
                return convert(job.watched(tell, show), matter)
        except KeyboardInterrupt as stopped:
            console.error(str(stopped) or "stopped")
            raise typer.Exit(stop.status) from None


def _finish(report: VideoReport, *, as_json: bool) -> None:
    if as_json:
        console.out.print(json.dumps({"run": report.to_dict()}), markup=False)
    sidecar = f" and {report.sidecar}" if report.sidecar else ""
    console.note(
        f"{report.frames} frames in {report.seconds.wall:.1f} s ({report.fps:.1f} fps, slowest stage: "
        f"{report.seconds.slowest}) -> {report.target}{sidecar}"
    )


@contextmanager
def _watched(*, as_json: bool) -> Iterator[tuple[Callable[[str], None], Callable[[Progress], None]]]:
    """Where notes and progress go: a bar on a terminal, else a line now and then; records to stdout for --json."""
    draw = _bar if console.err.is_terminal else _lines
    with draw() as show:

        def shown(progress: Progress) -> None:
            for record in progress.records if as_json else ():
                console.out.print(json.dumps(record.to_dict()), markup=False)
            show(progress)

        yield console.note, shown


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}"), progress.BarColumn(), progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[rate]}"), progress.TimeRemainingColumn(),
    )  # fmt: skip
    with progress.Progress(*columns, console=console.err) as bar:
        task = bar.add_task("", total=None, rate="")

        def show(state: Progress) -> None:
            what = "looking for the crop" if state.looking else "writing"
            bar.update(task, description=what, completed=state.done, total=state.total, rate=_rate(state))

        yield show


@contextmanager
def _lines(every_s: float = 5.0) -> Iterator[Callable[[Progress], None]]:
    last = time.monotonic()

    def show(state: Progress) -> None:
        nonlocal last
        if time.monotonic() - last >= every_s:
            last = time.monotonic()
            console.note(f"{state.done} of {state.total or 'unknown'} frames, {_rate(state)}")

    yield show


def _rate(state: Progress) -> str:
    return f"{state.done / state.seconds.wall:.1f} fps, slowest: {state.seconds.slowest}"
