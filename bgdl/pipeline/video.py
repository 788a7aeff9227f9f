"""A clip from file to file: `bgdl.convert_video`."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from bgdl import compose, registry
from bgdl.errors import InputError
from bgdl.media.encoder import encoder_options, pick_encoder
from bgdl.media.formats import check_crf
from bgdl.media.opening import is_pipe
from bgdl.media.target import Target
from bgdl.pipeline.backdrop import is_video
from bgdl.pipeline.prime import prime as teach
from bgdl.pipeline.records import VideoReport
from bgdl.pipeline.video_crop import BoxFinder, Recorded
from bgdl.pipeline.video_job import VideoJob
from bgdl.pipeline.video_run import Run, format_of, look_of
from bgdl.pipeline.video_step import Step, default_smooth
from bgdl.refine.edges import EDGES
from bgdl.refine.matte import keep_parts, parse_keep
from bgdl.refine.smooth import LOOK_AHEAD, Smoother
from bgdl.types import EngineName, Matter, Precision


def convert_video(
    source: str | Path,
    target: str | Path,
    *,
    model: str | Path | Matter = "portrait",
    background: str | Path = "transparent",
    device: str = "auto",
    engine: EngineName = "auto",
    precision: Precision = "auto",
    **options: Any,
) -> VideoReport:
    """Take the subject of a clip out of its background, frame for frame, with the source's timestamps and sound.

    source: a file or URL. target: .mp4, .mkv, .mov, .webm, .gif, .webp, .apng, or a folder for PNG pictures.
    model: a name from `bgdl models`, a weights file, or a Matter made by `bgdl.load`, which forgets what it has seen
    and learnt before: `prime` shows it an empty scene.
    background: "transparent", a CSS colour, a picture, a clip, or "blur[:SIGMA]".
    options: the fields of `bgdl.pipeline.video_job.VideoJob`, which says what each means.
    Raises InputError for what cannot be read, written or combined; the first error of any stage ends the run and
    no unfinished file bears the target's name. On Ctrl-C what was done stays, playable, under `target`.part.

    >>> import bgdl
    >>> bgdl.convert_video("clip.mp4", "cutout.webm", frames=48)  # doctest: +SKIP
    """
    named: dict[str, Any] = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
    job = VideoJob(str(source), Path(target), str(background), **named)
    check(job)
    if isinstance(model, (str, Path)):
        model = registry.load(model, device=device, engine=engine, precision=precision)
    return convert(job, model)


def check(job: VideoJob) -> None:
    """Refuse what cannot be done before anything is loaded."""
    if job.sound == "background" and not is_video(job.background):
        raise InputError(
            f"--sound background takes the sound of a clip, and {job.background!r} is none; "
            "give a clip as --background, or leave --sound out"
        )
    chosen = format_of(job, look_of(job))
    pick_encoder(chosen, job.encoder)
    encoder_options(chosen, job.encoder, job.crf, job.preset)
    check_crf(chosen, job.crf)
    twice = (job.sound == "source" and chosen.sound) or job.crop or job.start or job.prime
    if is_pipe(job.source) and twice:
        raise InputError(
            f"{job.source} is a pipe, which can be read only once; save it to a file first, "
            "or use --sound none, without --start, --crop and --prime"
        )
    _check_target(job, Target.of(job.target, sequence=chosen.sequence))


def _check_target(job: VideoJob, target: Target) -> None:
    """Refuse to replace what is read, and what is there unless asked."""
    for written in (target, target.sidecar) if job.alpha_sidecar else (target,):
        written.check(overwrite=job.overwrite, reads=(job.source, job.background, job.prime))


def convert(job: VideoJob, matter: Matter) -> VideoReport:
    """Do `job` with a Matter; see `convert_video`."""
    matter.reset()
    if job.prime is not None:
        teach(matter, job.prime, job.source)
    step = steady(job, matter)
    if job.crop is None:
        return Run(job, step).report()
    with tempfile.TemporaryDirectory(prefix="bgdl-") as folder:
        return _cropped(job, step, Path(folder) / "mattes.mkv")


def steady(job: VideoJob, matter: Matter) -> Step:
    """The part of the middle stage that makes mattes; its look is the bare matte."""
    if job.every > 1 and matter.stateful:
        raise InputError(f"{matter.name} has to see every frame; leave --every out")
    mode = job.smooth or default_smooth(matter)
    smoother = None if mode == "off" else Smoother(mode, strength=job.smooth_strength, look_ahead=LOOK_AHEAD)
    return Step(
        matter,
        compose.Alpha(),
        smoother=smoother,
        every=job.every,
        refine=EDGES[job.edge].refine,
        shape=functools.partial(keep_parts, parts=parse_keep(job.keep)) if job.keep is not None else None,
    )


def _cropped(job: VideoJob, step: Step, mattes: Path) -> VideoReport:
    """Two passes: every matte into a lossless file while their box is found, then the pictures from that file."""
    finder = BoxFinder(job.crop or "0")
    first = replace(
        job, target=mattes, format="ffv1", encoder="auto", crf=None, preset=None, background="transparent",
        only_matte=True, alpha_sidecar=False, sound="none",
    )  # fmt: skip
    Run(first, replace(step, watch=finder), looking=True).report()
    even = format_of(job, look_of(job)).even
    recorded = Recorded(
        mattes, name=step.matter.name, device=step.matter.device, foreground=getattr(step.matter, "foreground", None)
    )
    try:
        return Run(job, Step(recorded, compose.Alpha(), box=finder.box(even=even))).report()
    finally:
        recorded.close()
