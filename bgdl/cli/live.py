"""`bgdl live` and `bgdl virtual-background`: before a camera."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bgdl.cli import console, options
from bgdl.cli.options import FILES, LOOK, METHOD

if TYPE_CHECKING:
    from bgdl.pipeline.live_job import LiveReport

CAMERA = "Camera"
FALLBACKS = ("transparent", "blur", "#00b140")
KEYS = (
    "Keys: q or Esc quit, d take the background plate, r forget it, b next background, m matte, s snapshot, "
    "space pause."
)

SourceOption = Annotated[
    str, typer.Option("--source", "-s", help="A camera's number, a file or a URL.", rich_help_panel=CAMERA)
]
SizeOption = Annotated[
    str | None, typer.Option("--size", metavar="WxH", help="Asked of the camera: 1280x720.", rich_help_panel=CAMERA)
]
FpsOption = Annotated[
    float | None, typer.Option("--fps", min=1, max=240, help="Asked of the camera.", rich_help_panel=CAMERA)
]
Mirror = Annotated[
    bool,
    typer.Option("--mirror/--no-mirror", help="Of the window; outputs are not mirrored.", rich_help_panel=CAMERA),
]
Backgrounds = Annotated[
    list[str],
    typer.Option(
        "--background", "-b", rich_help_panel=LOOK,
        help="transparent, a colour, a picture, a clip, or blur[:SIGMA]; several for the key b.",
    ),
]  # fmt: skip
NetworkSize = Annotated[
    int | None, typer.Option("--net-size", min=32, help="Side of the network's input in px.", rich_help_panel=METHOD)
]
WindowOption = Annotated[bool, typer.Option("--window/--no-window", help="Show a window.", rich_help_panel=FILES)]
Virtual = Annotated[
    bool, typer.Option("--virtual-camera", help="Be a camera for other programs.", rich_help_panel=FILES)
]
Record = Annotated[Path | None, typer.Option("--record", "-o", help="Write what is shown.", rich_help_panel=FILES)]
Snapshots = Annotated[Path, typer.Option("--snapshots", help="Folder for the key s.", rich_help_panel=FILES)]
Frames = Annotated[int | None, typer.Option("--frames", min=1, help="Stop after so many.", rich_help_panel=FILES)]
Seconds = Annotated[float | None, typer.Option("--seconds", min=0, help="Stop after so long.", rich_help_panel=FILES)]


def _verb(summary: str, backgrounds: list[str]) -> Callable[..., None]:
    """A verb before a camera that begins with these backgrounds unless told otherwise."""

    def run(
        *,
        source: SourceOption = "0",
        model: options.Model = "portrait",
        device: options.Device = "auto",
        engine: options.Engine = "auto",
        precision: options.PrecisionOption = "auto",
        net_size: NetworkSize = None,
        threads: options.Threads = None,
        prime: options.Prime = None,
        background: Backgrounds = backgrounds,
        fit: options.FitOption = "cover",
        edge: options.EdgeOption = "none",
        smooth: options.SmoothOption = None,
        size: SizeOption = None,
        fps: FpsOption = None,
        mirror: Mirror = True,
        window: WindowOption = True,
        virtual_camera: Virtual = False,
        record: Record = None,
        snapshots: Snapshots = Path(),
        frames: Frames = None,
        seconds: Seconds = None,
        overwrite: options.Overwrite = False,
    ) -> None:
        from bgdl import registry
        from bgdl.device import set_threads
        from bgdl.pipeline.live import Live
        from bgdl.pipeline.live_job import LiveJob, check

        job = LiveJob(
            source, backgrounds=(*background, *(other for other in FALLBACKS if other not in background)), fit=fit,
            edge=edge, smooth=smooth, prime=prime, size_wh=options.parse_size(size) if size else None, fps=fps,
            mirror=mirror, window=window, virtual_camera=virtual_camera, record=record, overwrite=overwrite,
            frames=frames, seconds=seconds, snapshots=snapshots, on_note=console.note,
        )  # fmt: skip
        check(job)
        set_threads(threads)
        sized = options.for_network(net_size)
        matter = registry.load(model, device=device, engine=engine, precision=precision, **sized)
        console.note(console.describe(matter))
        _finish(Live(job, matter).run(), record)

    run.__doc__ = f"{summary}\n\n{KEYS}"
    return run


live = _verb("Cut out whoever sits before the camera.", ["transparent"])
virtual_background = _verb("Blur or replace what is behind you: `bgdl live` with blur as its background.", ["blur"])


def _finish(report: LiveReport, record: Path | None) -> None:
    written = f" -> {record}" if report.frames else f"; no frame came, so {record} was not written"
    console.note(
        f"{report.frames} frames in {report.seconds:.1f} s ({report.fps:.1f} fps, {report.dropped} dropped, "
        f"latency {report.latency_ms:.0f} ms)" + (written if record else "")
    )
