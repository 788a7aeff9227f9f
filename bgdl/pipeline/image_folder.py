"""A run over many pictures: decoding, the network, the look and encoding, each in a thread, work at the same time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from torch import Tensor

from bgdl.errors import BgdlError
from bgdl.media import image as files
from bgdl.media.image import Picture
from bgdl.pipeline.image_plan import ImageJob
from bgdl.pipeline.image_treatment import Result, Treatment

AHEAD = 1
"""Pictures decoded ahead, and results waiting to be written: what bounds the memory."""


@dataclass(frozen=True)
class Record:
    """What became of one picture.

    seconds: decode, matte, look and encode, waiting left out. coverage: mean alpha. confidence: how sure the
    matte is where there is a subject, 0 to 1; 0 for an empty matte. error: why there is no result.
    """

    source: str
    target: str
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    coverage: float = 0.0
    confidence: float = 0.0
    notes: tuple[str, ...] = ()
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The record for JSON; one that failed holds the paths and the error alone."""
        if self.error:
            return {"source": self.source, "target": self.target, "error": self.error}
        return {key: value for key, value in asdict(self).items() if key != "error"}


def run(
    jobs: Iterable[ImageJob],
    treat: Treatment,
    *,
    max_pixels: int = files.MAX_PIXELS,
    quality: int | None = None,
) -> Iterator[Record]:
    """Read, treat and write each picture; yields a record for each, in the order of `jobs`.

    A picture that cannot be read, treated or written is a record with an error; the rest is done.
    """
    with (
        ThreadPoolExecutor(1, "read") as reader,
        ThreadPoolExecutor(1, "look") as looker,
        ThreadPoolExecutor(1, "write") as writer,
    ):
        reading = ((job, reader.submit(_read, job.source, max_pixels)) for job in jobs)
        writing: deque[Future[Record]] = deque()
        try:
            for job, future in _lookahead(reading, AHEAD):
                looked = looker.submit(_look, treat, _matted(treat, future.result()))
                writing.append(writer.submit(_write, job, looked, quality))
                if len(writing) > AHEAD:
                    yield writing.popleft().result()
            while writing:
                yield writing.popleft().result()
        finally:
            reader.shutdown(wait=False, cancel_futures=True)


def one(
    job: ImageJob,
    treat: Treatment,
    *,
    reads: BinaryIO | None = None,
    writes: BinaryIO | None = None,
    format: str | None = None,
    max_pixels: int = files.MAX_PIXELS,
    quality: int | None = None,
) -> Record:
    """Read, treat and write one picture in this thread, which Ctrl-C ends at once; an error is raised.

    reads, writes: open files that stand for the job's source and target. format: Pillow's name, for `writes`.
    """
    start = time.perf_counter()
    picture = files.read(reads or job.source, max_pixels=max_pixels)
    result = treat(picture)
    return _written(job, picture, result, time.perf_counter() - start, quality, writes, format)


@dataclass(frozen=True)
class _Done:
    """What a stage hands on: a value or the error that stands for it, and the seconds spent so far."""

    seconds: float
    picture: Picture | None = None
    matted: tuple[Tensor, Tensor] | None = None
    result: Result | None = None
    error: str | None = None


def _read(source: Path, max_pixels: int) -> _Done:
    start = time.perf_counter()
    try:
        picture = files.read(source, max_pixels=max_pixels)
    except (BgdlError, OSError, MemoryError) as error:
        return _Done(0.0, error=_sentence(error))
    return _Done(time.perf_counter() - start, picture)


def _matted(treat: Treatment, read: _Done) -> _Done:
    if read.picture is None:
        return read
    start = time.perf_counter()
    try:
        matted = treat.matted(read.picture)
    except Exception as error:  # one picture must not end a folder
        return _Done(0.0, error=_sentence(error))
    return replace(read, seconds=read.seconds + time.perf_counter() - start, matted=matted)


def _look(treat: Treatment, done: _Done) -> _Done:
    if done.picture is None or done.matted is None:
        return done
    start = time.perf_counter()
    try:
        result = treat.finish(done.picture, *done.matted)
    except Exception as error:
        return _Done(0.0, error=_sentence(error))
    return _Done(done.seconds + time.perf_counter() - start, done.picture, result=result)


def _write(job: ImageJob, looked: Future[_Done], quality: int | None) -> Record:
    done, paths = looked.result(), (str(job.source), str(job.target))
    if done.picture is None or done.result is None:
        return Record(*paths, error=done.error)
    try:
        return _written(job, done.picture, done.result, done.seconds, quality)
    except Exception as error:
        return Record(*paths, error=_sentence(error))


def _written(
    job: ImageJob,
    picture: Picture,
    result: Result,
    seconds: float,
    quality: int | None,
    stream: BinaryIO | None = None,
    format: str | None = None,
) -> Record:
    """Write a result to its target, or to a stream that stands for it."""
    start = time.perf_counter()
    if stream is None:
        job.target.parent.mkdir(parents=True, exist_ok=True)
    files.write(
        result.picture, stream or job.target, format=format, icc_profile=result.icc_profile, exif=picture.exif,
        dpi=picture.dpi, quality=quality,
    )  # fmt: skip
    height, width = result.picture.shape[:2]
    seconds = round(seconds + time.perf_counter() - start, 4)
    figures = (width, height, seconds, result.coverage, result.confidence, picture.notes)
    return Record(str(job.source), str(job.target), *figures)


def _lookahead(items: Iterator[Any], count: int) -> Iterator[Any]:
    """The same items, drawn `count` ahead of their use."""
    ahead: deque[Any] = deque()
    for item in items:
        ahead.append(item)
        if len(ahead) > count:
            yield ahead.popleft()
    yield from ahead


def _sentence(error: BaseException) -> str:
    return str(error) or f"not enough memory ({type(error).__name__})"
