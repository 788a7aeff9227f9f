"""A clip from file to file: `bgdl.convert_video`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from bgdl import compose
from bgdl.choices import BackgroundEnd, EdgeName, EngineName, Fit, FormatName, Precision, SmoothName, Sound
from bgdl.errors import InputError
from bgdl.media.encoder import encoder_options, pick_encoder
from bgdl.media.formats import check_crf
from bgdl.media.opening import is_pipe, is_url
from bgdl.media.reader import VideoReader
from bgdl.media.target import Target
from bgdl.pipeline.backdrop import is_clip
from bgdl.pipeline.looks import Background
from bgdl.pipeline.model import as_matter
from bgdl.pipeline.paths import path_text
from bgdl.pipeline.prime import prime as teach
from bgdl.pipeline.video_crop import BoxFinder, Recorded
from bgdl.pipeline.video_job import Progress, VideoJob
from bgdl.pipeline.video_records import VideoReport
from bgdl.pipeline.video_run import Run, format_of
from bgdl.pipeline.video_step import Step, default_smooth
from bgdl.refine.smooth import LOOK_AHEAD, STRENGTH, Smoother
from bgdl.types import Matter, is_unmixing


def convert_video(
    source: str | Path,
    target: str | Path,
    background: Background = "transparent",
    model: str | Path | Matter = "portrait",
    *,
    device: str = "auto",
    engine: EngineName = "auto",
    precision: Precision = "auto",
    prime: int | str | Path | None = None,
    background_end: BackgroundEnd = "loop",
    sound: Sound = "source",
    fit: Fit = "cover",
    edge: EdgeName = "none",
    only_matte: bool = False,
    alpha_sidecar: bool = False,
    smooth: SmoothName | None = None,
    smooth_strength: float = STRENGTH,
    every: int = 1,
    threshold: float | None = None,
    invert: bool = False,
    keep: int | str | None = None,
    crop: int | str | None = None,
    start: float | Fraction | str | None = None,
    end: float | Fraction | str | None = None,
    frames: int | None = None,
    format: FormatName = "auto",
    encoder: str = "auto",
    crf: int | None = None,
    preset: str | None = None,
    batch: int | None = None,
    overwrite: bool = False,
    on_note: Callable[[str], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> VideoReport:
    """Take the subject of a clip out of its background, frame for frame, with the source's timestamps and sound.

    source: a file or URL. target: .mp4, .mkv, .mov, .webm, .gif, .webp, .apng, or a folder for PNG pictures;
    overwrite: replace what is there.
    background: as `bgdl.remove` takes it, or the path of a clip. background_end: what follows that clip's end, "loop",
    "freeze" or "stop". fit: how it fills the frame. sound: whose sound to take, "source", "background" or "none".
    model: a name from `bgdl models`, a weights file, or a Matter made by `bgdl.load`, which forgets what it has seen
    and learnt before; device, engine, precision: of a model by name, as `bgdl.load` takes them.
    prime: the empty scene, for methods that learn one: "2s", 60 (frames) or a picture or clip.
    edge, threshold, invert, keep: as in `bgdl.remove`, but edges are left alone unless asked for. crop: one box around
    the subject for the whole clip, with this margin ("20" px, "5%"); takes two passes.
    only_matte: write the grey matte. alpha_sidecar: write it beside the picture too.
    smooth: "off", "ema" or "flow", by default "ema" for networks; smooth_strength: the share of the past, 0 to 0.999.
    every: work on each N-th frame (1 to 30), carry mattes to those between. batch: frames at once.
    start, end: seconds or "H:MM:SS" since the clip's beginning. frames: at most so many.
    format, encoder, crf, preset: see `bgdl.media.formats` and `bgdl.media.encoder`; by default by the target's name.
    on_note, on_progress: are told what happens, the latter from another thread.
    Raises InputError for what cannot be read, written or combined; the first error of any stage ends the run and
    no unfinished file bears the target's name. On Ctrl-C what was done stays, playable, under `target`.part.

    >>> import bgdl
    >>> bgdl.convert_video("clip.mp4", "cutout.webm", frames=48)  # doctest: +SKIP
    """
    job = VideoJob(
        path_text("source", source), Path(path_text("target", target)), background, background_end=background_end,
        sound=sound, fit=fit, edge=edge, only_matte=only_matte, alpha_sidecar=alpha_sidecar, smooth=smooth,
        smooth_strength=smooth_strength, every=every, threshold=threshold, invert=invert, keep=keep, crop=crop,
        prime=prime, start=start, end=end, frames=frames, format=format, encoder=encoder, crf=crf, preset=preset,
        batch=batch, overwrite=overwrite, on_note=on_note, on_progress=on_progress,
    )  # fmt: skip
    check(job)
    return convert(job, as_matter(model, device=device, engine=engine, precision=precision))


def check(job: VideoJob) -> None:
    """Refuse what cannot be done before anything is loaded."""
    if job.sound == "background" and not is_clip(job.background):
        raise InputError("sound is the background's, but the background is not a clip; give a clip, or leave sound out")
    chosen = format_of(job)
    if job.sound == "background" and not chosen.sound:
        raise InputError(
            f"sound is the background's, but {chosen.name} holds no sound; "
            "write .mp4, .mkv, .mov or .webm, or leave sound out"
        )
    encoder = pick_encoder(chosen, job.encoder, cuda=job.preset is not None, preset=job.preset)
    encoder_options(chosen, encoder, job.crf, job.preset)
    check_crf(chosen, job.crf)
    twice = (job.sound == "source" and chosen.sound) or job.crop is not None or job.start or job.prime
    if is_pipe(job.source) and twice:
        raise InputError(
            f"{job.source} is a pipe, which can be read only once; save it to a file first, "
            "or use no sound (sound: none), and leave start, crop and prime out"
        )
    _check_target(job, Target.of(job.target, sequence=chosen.sequence))
    _check_background(job.background)


def _check_target(job: VideoJob, target: Target) -> None:
    """Refuse to replace what is read, and what is there unless asked."""
    reads = (job.source, *(str(path) for path in (job.background, job.prime) if isinstance(path, (str, Path))))
    for written in (target, target.sidecar) if job.alpha_sidecar else (target,):
        written.check(overwrite=job.overwrite, reads=reads)


def _check_background(background: Background) -> None:
    """Refuse a clip that does not open; what comes over a network or through a pipe is opened once, later."""
    if is_clip(background) and not (is_url(str(background)) or is_pipe(str(background))):
        VideoReader(background).close()


def convert(job: VideoJob, matter: Matter) -> VideoReport:
    """Do `job` with a Matter; see `convert_video`."""
    matter.reset()
    if job.prime is not None:
        teach(matter, str(job.prime), job.source)
    step = steady(job, matter)
    if job.crop is None:
        return Run(job, step).report()
    with tempfile.TemporaryDirectory(prefix="bgdl-") as folder:
        return _cropped(job, step, Path(folder) / "mattes.mkv")


def steady(job: VideoJob, matter: Matter) -> Step:
    """The part of the middle stage that makes mattes; its look is the bare matte."""
    if job.every > 1 and matter.stateful:
        raise InputError(f"{matter.name} needs every frame; leave every out")
    mode = job.smooth or default_smooth(matter)
    smoother = None if mode == "off" else Smoother(mode, strength=job.smooth_strength, look_ahead=LOOK_AHEAD)
    return Step(matter, compose.Alpha(), smoother=smoother, every=job.every, shape=job.shape)


def _cropped(job: VideoJob, step: Step, mattes: Path) -> VideoReport:
    """Two passes: every matte into a lossless file while their box is found, then the pictures from that file."""
    finder = BoxFinder(str(job.crop))
    first = replace(
        job, target=mattes, format="ffv1", encoder="auto", crf=None, preset=None, background="transparent",
        only_matte=True, alpha_sidecar=False, sound="none",
    )  # fmt: skip
    looked = Run(first, replace(step, watch=finder), looking=True).report()
    even = format_of(job).even
    matter = step.matter
    foreground = matter.foreground if is_unmixing(matter) else None
    recorded = Recorded(mattes, name=matter.name, device=matter.device, foreground=foreground)
    try:
        report = Run(job, Step(recorded, compose.Alpha(), box=finder.box(even=even))).report()
        return replace(report, seconds=looked.seconds + report.seconds)
    finally:
        recorded.close()
