"""`bgdl live` and `bgdl virtual-background`: in front of a camera."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bgdl.cli import console, options
from bgdl.cli.options import FILES, LOOK
from bgdl.cli.stop import Stop

if TYPE_CHECKING:
    from bgdl.pipeline.live_job import LiveReport

CAMERA = "Camera"
FALLBACKS = ("transparent", "blur", "#00b140")
KEYS = (
    "Keys: q or Esc quits, d learns the empty scene (step out of the picture), r forgets it, b shows the next "
    "background, m the matte, s saves a snapshot, space pauses."
)

SourceOption = Annotated[
    str, typer.Option("--source", "-s", help="Camera number, video file or URL.", rich_help_panel=CAMERA)
]
Resolution = Annotated[
    str | None,
    typer.Option(
        "--resolution", metavar="WxH", rich_help_panel=CAMERA,
        help="Resolution to request from the camera, such as 1280x720.",
    ),
]  # fmt: skip
FpsOption = Annotated[
    float | None,
    typer.Option(
        "--fps", min=1, max=240, metavar="RATE", help="Frame rate to request from the camera.", rich_help_panel=CAMERA
    ),
]
Mirror = Annotated[
    bool,
    typer.Option(
        "--mirror/--no-mirror", rich_help_panel=CAMERA,
        help="Mirror the preview window only; recordings and the virtual camera are never mirrored.",
    ),
]  # fmt: skip
Backgrounds = Annotated[
    list[str],
    typer.Option(
        "--background", "-b", rich_help_panel=LOOK,
        help="What goes behind the subject: transparent, a CSS colour, a picture, a clip, or blur[:SIGMA] (in px); "
        "repeat it to switch between several with the key b.",
    ),
]  # fmt: skip
WindowOption = Annotated[
    bool, typer.Option("--window/--no-window", help="Show a preview window.", rich_help_panel=FILES)
]
Virtual = Annotated[
    bool,
    typer.Option(
        "--virtual-camera", help="Publish as a virtual camera that other programs can select.", rich_help_panel=FILES
    ),
]
Record = Annotated[
    Path | None,
    typer.Option("--record", "-o", help="Record to this file, in any format of `bgdl video`.", rich_help_panel=FILES),
]
Snapshots = Annotated[
    Path, typer.Option("--snapshots", help="Folder for snapshots taken with the key s.", rich_help_panel=FILES)
]
Frames = Annotated[
    int | None, typer.Option("--frames", min=1, metavar="N", help="Stop after this many frames.", rich_help_panel=FILES)
]
Seconds = Annotated[
    float | None,
    typer.Option("--seconds", min=0, metavar="S", help="Stop after this many seconds.", rich_help_panel=FILES),
]


def _verb(summary: str, backgrounds: list[str]) -> Callable[..., None]:
    """A verb in front of a camera that begins with these backgrounds unless told otherwise."""

    def run(
        *,
        source: SourceOption = "0",
        model: options.Model = "portrait",
        device: options.Device = "auto",
        engine: options.Engine = "auto",
        precision: options.PrecisionOption = "auto",
        size: options.Size = None,
        threads: options.Threads = None,
        prime: options.Prime = None,
        background: Backgrounds = backgrounds,
        fit: options.FitOption = "cover",
        edge: options.ClipEdgeOption = "none",
        smooth: options.SmoothOption = None,
        resolution: Resolution = None,
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
        from bgdl.pipeline.live_job import LiveJob

        size_wh = options.parse_size(resolution, "--resolution") if resolution else None
        job = LiveJob(
            source, backgrounds=(*background, *(other for other in FALLBACKS if other not in background)), fit=fit,
            edge=edge, smooth=smooth, prime=prime, size_wh=size_wh, fps=fps,
            mirror=mirror, window=window, virtual_camera=virtual_camera, record=record, overwrite=overwrite,
            frames=frames, seconds=seconds, snapshots=snapshots, on_note=console.note,
        )  # fmt: skip
        set_threads(threads)
        sized = options.for_network(size)
        matter = registry.load(model, device=device, engine=engine, precision=precision, **sized)
        console.note(console.describe(matter))
        with Stop():
            report = Live(job, matter).run()
        _finish(report, record)

    run.__doc__ = f"{summary}\n\n{KEYS}"
    return run


live = _verb("Remove the background from a live camera, in a window or for other programs.", ["transparent"])
virtual_background = _verb("Blur or replace what is behind you: `bgdl live`, blurred by default.", ["blur"])


def _finish(report: LiveReport, record: Path | None) -> None:
    written = f" -> {record}" if report.frames else f"; no frames arrived, so {record} was not written"
    console.note(
        f"{report.frames} frames in {report.seconds:.1f} s ({report.fps:.1f} fps, {report.dropped} dropped, "
        f"latency {report.latency_ms:.0f} ms)" + (written if record else "")
    )
