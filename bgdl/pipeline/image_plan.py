"""Which picture goes where: inputs expanded, targets named, collisions parted, nothing overwritten unasked."""

from __future__ import annotations

import glob
import mimetypes
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bgdl.errors import InputError
from bgdl.media.image import FORMATS, READ_SUFFIXES, format_of
from bgdl.pipeline.paths import check_target

ENDING = "-cutout"
RESULT = re.compile(rf"(.+){ENDING}(\.\w+(-\d+)?)?\.\w+")
"""The name of a result beside its source: a-cutout.png, where two sources are called a also a-cutout.jpg.png."""


@dataclass(frozen=True)
class ImageJob:
    """One picture: where it is read and where its result is written."""

    source: Path
    target: Path


def plan(
    inputs: Sequence[str],
    output: Path | None = None,
    *,
    suffix: str = ".png",
    on_note: Callable[[str], None] = lambda _: None,
) -> list[ImageJob]:
    """The jobs for files, folders (recursive) and globs, in name order.

    output: None writes `photo-cutout.png` beside a file and `folder-cutout/` beside a folder, whose tree is
    mirrored; a path with a picture's extension is the target of a single file; any other path is a folder.
    Sources with the same stem keep their extension in the target's name, so none overwrites another. What an earlier
    run made of a source is none, unless it is named itself.
    Raises InputError where an input is missing, nothing is found or the output is an ending alone.
    """
    if output is not None and output.suffix.lower() in FORMATS and not output.is_dir():
        return [_single(inputs, output)]
    if output is not None and output.suffix.lower() in _other_endings() and not output.is_dir():
        format_of(output)  # says what is written
    if output is not None and output.name.lower() in READ_SUFFIXES and not output.is_dir():
        raise InputError(f"{str(output)!r} has no name before its ending; give one, for instance cutout{output.name}")
    found: list[tuple[Path, Path]] = []  # source, target without suffix
    for folder, sources in _expand(inputs, output):
        found += [(source, _stem(source, folder, output, many=len(inputs) > 1)) for source in sources]
    unique = dict(found)
    results = _results(unique) - {Path(text) for text in inputs}
    if results:
        on_note(f"earlier results left out: {len(results)}")
        unique = {source: stem for source, stem in unique.items() if source not in results}
    if not unique:
        raise InputError(f"no pictures in {', '.join(inputs)}; readable are {', '.join(sorted(READ_SUFFIXES))}")
    return _part(unique, suffix)


def settle(
    jobs: Sequence[ImageJob], *, overwrite: bool = False, skip_existing: bool = False, reads: Iterable[object] = ()
) -> list[ImageJob]:
    """The jobs left to do, given the targets that exist; raises InputError where it was not said what to do.

    reads: what else is read, and no result may replace.
    """
    for job in jobs:
        check_target(job.target, (job.source, *reads))
    existing = [job for job in jobs if os.path.lexists(job.target)]
    if skip_existing:
        done = set(existing)
        return [job for job in jobs if job not in done]
    if existing and not overwrite:
        count = f"{len(existing)} of {len(jobs)} results exist" if len(jobs) > 1 else "the result exists"
        raise InputError(f"{count} ({existing[0].target}); use overwrite or skip-existing")
    return list(jobs)


def _single(inputs: Sequence[str], output: Path) -> ImageJob:
    source = Path(inputs[0])
    if len(inputs) != 1 or source.is_dir() or (not source.exists() and glob.has_magic(inputs[0])):
        raise InputError(f"{output} is one file, but there may be several results; give a folder as output")
    if not source.is_file():
        raise InputError(f"no such file: {source}")
    return ImageJob(source, output)


def _expand(inputs: Sequence[str], output: Path | None) -> Iterable[tuple[Path | None, list[Path]]]:
    """Each input's pictures, with the folder that they were found under."""
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            yield path, _pictures_under(path, output)
        elif path.is_file():
            yield None, [path]
        elif glob.has_magic(text):
            matches = sorted(Path(match) for match in glob.glob(text, recursive=True))
            yield None, [match for match in matches if _is_picture(match)]
        else:
            raise InputError(f"no such file or folder: {text}")


def _pictures_under(folder: Path, output: Path | None) -> list[Path]:
    """Every picture below `folder`, hidden files, linked folders and the output's own folder left out."""
    inside = output.resolve() if output else None
    return sorted(
        path
        for path in folder.rglob("*")
        if _is_picture(path)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and (inside is None or inside == folder.resolve() or inside not in path.resolve().parents)
    )


def _results(found: Iterable[Path]) -> set[Path]:
    """Those that a run makes of others of them: a-cutout.png beside a.jpg, photos-cutout/a.png beside photos/a.jpg."""
    there = {name.absolute() for path in found for name in (path, path.with_suffix(""))}
    return {path for path in found if any(origin in there for origin in _origins(path.absolute()))}


def _origins(path: Path) -> Iterator[Path]:
    """What a picture may have been made of, without its extension or, where that is in the result's name, with it."""
    if match := RESULT.fullmatch(path.name):
        yield path.with_name(match[1])
    for folder in path.parents:
        if folder.name.endswith(ENDING) and folder.name != ENDING:
            yield folder.with_name(folder.name.removesuffix(ENDING)) / path.relative_to(folder).with_suffix("")


def _is_picture(path: Path) -> bool:
    """By its name; a link that leads nowhere is one too, which then cannot be read."""
    return path.suffix.lower() in READ_SUFFIXES and (path.is_file() or (path.is_symlink() and not path.exists()))


def _other_endings() -> set[str]:
    """Of files that are no pictures, or none that is written."""
    return {*READ_SUFFIXES, *mimetypes.MimeTypes().types_map[True]} - FORMATS.keys()


def _stem(source: Path, folder: Path | None, output: Path | None, *, many: bool) -> Path:
    """The target without its suffix."""
    if folder is None:
        return output / source.stem if output else source.with_name(source.stem + ENDING)
    inner = source.relative_to(folder).with_suffix("")
    if output is None:
        resolved = folder.resolve()
        return resolved.with_name(resolved.name + ENDING) / inner
    return output / folder.resolve().name / inner if many else output / inner


def _part(stems: dict[Path, Path], suffix: str) -> list[ImageJob]:
    """Targets that differ even on a file system that ignores case."""
    count = Counter(_folded(stem) for stem in stems.values())
    taken: set[str] = set()
    jobs = []
    for source, stem in stems.items():
        name = stem.name if count[_folded(stem)] == 1 else stem.name + source.suffix
        target, number = stem.with_name(name + suffix), 1
        while _folded(target) in taken:
            number += 1
            target = stem.with_name(f"{name}-{number}{suffix}")
        taken.add(_folded(target))
        jobs.append(ImageJob(source, target))
    return jobs


def _folded(path: Path) -> str:
    return str(path.absolute()).casefold()
