"""One pass over one clip: opens reader and writers, pumps the frames through, tells what happened."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from bgdl.device import peak_device_mb, peak_memory_mb
from bgdl.media import formats
from bgdl.media.encoder import pick_encoder
from bgdl.media.formats import VideoFormat
from bgdl.media.reader import VideoReader
from bgdl.media.square import sensible
from bgdl.media.target import Target
from bgdl.media.tracks import Tracks
from bgdl.media.writer import VideoWriter
from bgdl.pipeline import video_advice
from bgdl.pipeline.backdrop import channels_under, close, is_clip, make_moving_look
from bgdl.pipeline.video_job import Progress, VideoJob
from bgdl.pipeline.video_pump import Pump, StageTimes
from bgdl.pipeline.video_records import VideoReport, frame_records
from bgdl.pipeline.video_step import Finished, Matted, Step, pick_batch
from bgdl.types import FrameBatch


def format_of(job: VideoJob) -> VideoFormat:
    """The format of a job's picture; with a sidecar, one without transparency will do."""
    channels = channels_under(job.background, only_matte=job.only_matte)
    return formats.pick(job.target, job.format, channels=channels, flatten=job.alpha_sidecar)


class Run:
    """Does `job` with a Step that makes mattes; `report` may be called once.

    looking: this is the pass that only looks for the crop.
    """

    def __init__(self, job: VideoJob, step: Step, *, looking: bool = False) -> None:
        self.job, self._step, self._looking = job, step, looking
        self.notes: list[str] = []
        self._done = 0
        self._newest_s = Fraction(0)  # the time of the last picture written

    def report(self) -> VideoReport:
        """Read, work and write; raises the first error of any stage. KeyboardInterrupt names the unfinished file."""
        job = self.job
        with ExitStack() as stack:
            self._reader = stack.enter_context(
                VideoReader(job.source, start_s=job.start_s, end_s=job.end_s, limit=job.frames)
            )
            self._tell(video_advice.on_source(self._reader.info))
            step = self._dressed(stack)
            writers = self._writers(stack, step)
            batch = job.batch or pick_batch(step.matter.device, self._reader.info.size_hw)
            frames = self._reader.batches(batch)
            pump = Pump(frames, step.mattes, step.pictures, lambda finished: self._write(finished, writers, pump))
            try:
                seconds = pump.run()
                self._cut(writers, always=False)
                for writer in writers:  # all of them, before any has its final name
                    writer.finish()
            except KeyboardInterrupt:
                self._cut(writers, always=True)
                raise KeyboardInterrupt(self._stopped(writers[0])) from None
        self._tell([*video_advice.on_damage(self._reader), *writers[0].notes])
        return self._summary(seconds, batch, writers)

    def _dressed(self, stack: ExitStack) -> Step:
        """The step with its look, which may open a clip."""
        job = self.job
        look = make_moving_look(
            job.background, end=job.background_end, fit=job.fit, only_matte=job.only_matte, edge=job.edge,
            pixel_aspect=sensible(self._reader.info.pixel_aspect), matter=self._step.matter,
        )  # fmt: skip
        stack.callback(close, look)
        return replace(self._step, look=look, sidecar=job.alpha_sidecar)

    def _writers(self, stack: ExitStack, step: Step) -> list[VideoWriter]:
        """The picture's writer, and the matte's where one is asked for beside it."""
        job, chosen = self.job, format_of(self.job)
        tracks = self._tracks() if chosen.sound else None
        writers = [stack.enter_context(self._writer(job.target, chosen, step, step.look.channels, tracks))]
        if job.alpha_sidecar:
            beside = Target.of(job.target, sequence=chosen.sequence).sidecar.path
            writers.append(stack.enter_context(self._writer(beside, chosen, step, 1, None)))
        silent = job.sound != "none" and not chosen.sound
        self._tell(video_advice.on_format(self._reader.info, chosen, padded=writers[0].padded, silent=silent))
        self._tell(writers[0].notes)
        return writers

    def _writer(
        self, target: Path, chosen: VideoFormat, step: Step, channels: int, tracks: Tracks | None
    ) -> VideoWriter:
        job, info = self.job, self._reader.info
        top, left, bottom, right = step.box or (0, 0, *info.size_hw)
        size_hw = (bottom - top, right - left)
        return VideoWriter(
            target,
            chosen,
            size_hw=size_hw,
            channels=channels,
            time_base=info.time_base,
            rate=info.rate,
            tags=info.color,
            pixel_aspect=None if self._looking else info.pixel_aspect,  # mattes to play back stay as they are
            encoder=pick_encoder(
                chosen, job.encoder, cuda=step.matter.device.type == "cuda", size_hw=size_hw, preset=job.preset
            ),
            crf=job.crf,
            preset=job.preset,
            tracks=tracks,
            metadata=info.metadata,
            overwrite=job.overwrite,
        )

    @property
    def _begins_s(self) -> Fraction:
        """What is taken off the source's clock to give the output's."""
        return self._reader.first_s if self.job.start_s is not None else self._reader.zero_s

    def _tracks(self) -> Tracks | None:
        job, reader, begins_s = self.job, self._reader, self._begins_s
        if job.sound == "source":
            end_s = reader.origin_s + job.end_s if job.end_s is not None else None
            start_s = reader.first_s if job.start_s is not None else None
            return Tracks(job.source, start_s=start_s, end_s=end_s, shift_s=begins_s)
        if job.sound == "background":
            return self._background_tracks(begins_s - reader.first_s)
        return None

    def _background_tracks(self, shift_s: Fraction) -> Tracks:
        """The sound of the background clip, from its first frame on, which is shown with the first of the source."""
        background = self.job.background
        assert is_clip(background)
        with VideoReader(background) as clip:
            if not clip.info.sound:
                self._tell([f"{background} has no sound, so there is none"])
            return Tracks(
                str(background), start_s=clip.first_s or None, shift_s=clip.first_s + shift_s, subtitles=False
            )

    def _write(self, finished: Finished, writers: list[VideoWriter], pump: Pump[FrameBatch, Matted, Finished]) -> None:
        """The last stage: pictures, mattes, records."""
        info = self._reader.info
        moved = round(self._begins_s / info.time_base)
        pts = [stamp - moved for stamp in finished.pts]
        writers[0].write(finished.pictures, pts)
        if finished.mattes is not None:
            writers[1].write(finished.mattes, pts)
        times_s = [stamp * info.time_base for stamp in pts]
        self._newest_s = times_s[-1]
        records = [] if self._looking else frame_records(self._done, times_s, finished.judged)
        self._done += len(pts)
        if self.job.on_progress:
            self.job.on_progress(Progress(self._done, info.frames, records, pump.times, self._looking))

    def _cut(self, writers: list[VideoWriter], *, always: bool) -> None:
        """The last picture is shown as long as in its source; sound ends with it where that goes on."""
        reader = self._reader
        whole = self._newest_s == reader.newest_s - self._begins_s
        step_s = 1 / (reader.info.rate or Fraction(25))
        ends_s = reader.ends_s - self._begins_s if whole else self._newest_s + step_s
        for writer in writers:
            writer.ends_s = ends_s
        if always or not whole or reader.stopped or self.job.sound == "background":
            writers[0].until_s = ends_s

    def _stopped(self, writer: VideoWriter) -> str:
        if self._looking:
            return "stopped while looking for the crop; nothing was written"
        if not writer.frames:
            return "stopped before the first frame; nothing was written"
        return f"stopped after {writer.frames} frames; they are playable in {writer.part.part}"

    def _tell(self, notes: list[str]) -> None:
        """Once each; in the first of two passes nothing."""
        notes = [note for note in notes if note not in self.notes and not self._looking]
        self.notes += notes
        for note in notes if self.job.on_note else ():
            assert self.job.on_note
            self.job.on_note(note)

    def _summary(self, seconds: StageTimes, batch: int, writers: list[VideoWriter]) -> VideoReport:
        return VideoReport(
            source=self.job.source,
            target=writers[0].part.final,
            sidecar=writers[1].part.final if len(writers) > 1 else None,
            frames=self._done,
            batch=batch,
            seconds=seconds,
            encoder=writers[0].encoder,
            size_hw=writers[0].size_hw,
            notes=tuple(self.notes),
            peak_memory_mb=peak_memory_mb(),
            peak_device_mb=peak_device_mb(self._step.matter.device),
        )
