"""Runs every method over every picture: each is read once, methods take turns, each sees a clip in order."""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path, PurePath

import torch
from torch import Tensor

from bgdl import convert
from bgdl.data.check import listed
from bgdl.errors import InputError
from bgdl.evaluation import scores, speed
from bgdl.evaluation.made import is_told
from bgdl.evaluation.prime import empty_scene, leading_frames
from bgdl.evaluation.protocol import Plan, Rules
from bgdl.evaluation.records import Record, Store
from bgdl.evaluation.sources import Clip, Frame, Source, shrink
from bgdl.media import image
from bgdl.media.empty_scene import MOST_FRAMES
from bgdl.media.opening import CLIP_SUFFIXES
from bgdl.metrics.temporal import optical_flow
from bgdl.types import Matter, is_primed

Scoring = Callable[[], list[Record]]


@dataclass(frozen=True)
class Progress:
    """A picture is done. expected: how many this clip has, where known."""

    data: str
    clip: str
    name: str
    expected: int | None


@dataclass
class Taken:
    """What the methods, by label, made of one frame: alpha float32 (H,W), or why there is none.

    seconds: that it took; of mattes that were made elsewhere there are none.
    """

    frame: Frame
    alphas: dict[str, Tensor] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Runner:
    """The methods by their label, the rules, where records go and where mattes are kept (None: nowhere).

    jobs: pictures scored at once. With 1, scoring waits for the methods and their times are undisturbed.
    """

    matters: Mapping[str, Matter]
    rules: Rules
    store: Store
    mattes: Path | None = None
    jobs: int = 1

    def run(self, sources: Sequence[Source]) -> Iterator[Progress]:
        """Score what the store does not hold yet; yields after each picture."""
        with ThreadPoolExecutor(self.jobs) if self.jobs > 1 else nullcontext() as pool:
            for source in sources:
                for clip in source.clips:
                    left = self._left(source.name, clip)
                    if left:
                        yield from self._score_all(self._clip(source.name, clip, left), pool)
                        self.store.finish(source.name, clip.name, left)

    def _left(self, data: str, clip: Clip) -> dict[str, Matter]:
        """The methods that did not go through the clip to its end yet."""
        finished = self.store.finished
        return {label: matter for label, matter in self.matters.items() if not finished(data, clip.name, label)}

    def _score_all(
        self, work: Iterator[tuple[Scoring, Progress]], pool: ThreadPoolExecutor | None
    ) -> Iterator[Progress]:
        """Score here, or in the pool with at most two pictures a job under way; records keep their order."""
        pending: deque[tuple[Future[list[Record]], Progress]] = deque()
        for scoring, progress in work:
            if pool is None:
                self.store.add(scoring())
                yield progress
                continue
            pending.append((pool.submit(scoring), progress))
            if len(pending) > 2 * self.jobs:
                yield self._keep(pending)
        while pending:
            yield self._keep(pending)

    def _keep(self, pending: deque[tuple[Future[list[Record]], Progress]]) -> Progress:
        future, progress = pending.popleft()
        self.store.add(future.result())
        return progress

    def _clip(self, data: str, clip: Clip, matters: Mapping[str, Matter]) -> Iterator[tuple[Scoring, Progress]]:
        """The scoring that is left for each picture; the methods have seen the picture by then."""
        before: Taken | None = None
        unready: dict[str, str] = {}
        for frame in self._frames(clip, matters, unready):
            taken = self._take(data, clip, frame, matters, unready)
            if frame.scored:
                yield partial(self._score, data, clip, taken, before), Progress(data, clip.name, frame.name, clip.count)
                before = taken if clip.sequence and not frame.error else None

    def _frames(self, clip: Clip, matters: Mapping[str, Matter], unready: dict[str, str]) -> Iterator[Frame]:
        """The clip's frames after those of the empty scene, which the methods have learnt; up to the limit.

        unready: takes up the methods that could not learn it, and why.
        """
        prime = self.rules.prime
        frames = (shrink(frame, self.rules.resize) for frame in clip.read())
        count = leading_frames(prime, clip)
        leading = list(islice(frames, min(count, MOST_FRAMES)))
        plate = empty_scene(prime, leading, self.rules.resize)
        first = next(islice(frames, count - len(leading), None), None)
        if leading and first is None:
            raise InputError(f"{clip.name} has no more frames than the empty scene (prime is {prime}); give less")
        for label, matter in matters.items():
            if first is not None and first.picture is not None:
                speed.warm_up(matter, first.picture)
            matter.reset()
            try:
                if plate is not None and is_primed(matter):
                    matter.prime(plate)
            except speed.FAILURES as error:
                unready[label] = f"it could not learn the empty scene: {_reason(error)}"
        every, limit = self.rules.every, self.rules.limit
        rest = chain([first] if first else [], frames)
        hint = "; leave kind out if these are single pictures" if self.rules.kind == "sequence" else ""
        for number, frame in enumerate(_of_one_size(rest, hint) if clip.sequence else rest):
            if limit is not None and number >= limit * every:
                return
            yield frame if number % every == 0 else replace(frame, scored=False)

    def _take(
        self, data: str, clip: Clip, frame: Frame, matters: Mapping[str, Matter], unready: Mapping[str, str]
    ) -> Taken:
        """Show the frame to each method that needs to see it; a method that fails is noted."""
        taken = Taken(frame)
        if frame.picture is None:
            return taken
        for label, matter in matters.items():
            done = (data, clip.name, frame.name, label) in self.store and not clip.sequence
            if not matter.stateful and (done or not frame.scored):
                continue
            if label in unready:
                taken.errors[label] = unready[label]
                continue
            try:
                if is_told(matter):  # and its time is that of reading files
                    matter.turn_to(data, clip, frame.name, self.rules.resize)
                    taken.alphas[label] = speed.timed(matter, frame.picture)[0]
                else:
                    taken.alphas[label], taken.seconds[label] = speed.timed(matter, frame.picture)
            except speed.FAILURES as error:
                taken.errors[label] = _reason(error)
        return taken

    def _score(self, data: str, clip: Clip, taken: Taken, before: Taken | None) -> list[Record]:
        frame = taken.frame
        start = partial(Record, data, clip.name, frame.name, sequence=clip.sequence)
        if frame.truth is None:
            return [start("", error=frame.error)]
        records = [start(label, error=error) for label, error in taken.errors.items()]
        new = [label for label in taken.alphas if (data, clip.name, frame.name, label) not in self.store]
        flow = _flow(frame, before) if new else None
        for label in new:
            values, curves = self._measure(label, taken, before, flow)
            records.append(start(label, seconds=taken.seconds.get(label), scores=values, curves=curves))
            self._keep_matte(data, clip, frame, label, taken.alphas[label])
        return records

    def _measure(
        self, label: str, taken: Taken, before: Taken | None, flow: Tensor | None
    ) -> tuple[dict[str, float], dict[str, list[float]]]:
        assert taken.frame.truth is not None
        alpha, truth = self._cut(taken.alphas[label]), self._cut(taken.frame.truth)
        values, curves = scores.score(alpha, truth)
        if before is not None and before.frame.truth is not None and label in before.alphas:
            truths = torch.stack([self._cut(before.frame.truth), truth])
            values |= scores.score_step(alpha, self._cut(before.alphas[label]), truths, flow)
        return values, curves

    def _cut(self, matte: Tensor) -> Tensor:
        return (matte >= 0.5).float() if self.rules.binarize else matte

    def _keep_matte(self, data: str, clip: Clip, frame: Frame, label: str, alpha: Tensor) -> None:
        if self.mattes is not None:
            path = self.mattes / matte_path(data, clip.name, frame.name, label)
            path.parent.mkdir(parents=True, exist_ok=True)
            image.write(convert.to_bytes(alpha)[..., None], path)


def check_output(out: Path, plan: Plan, sources: Sequence[Source]) -> None:
    """Raises InputError where the mattes that are kept would be taken for pictures of the data, or for mattes of it."""
    mattes = (out / "mattes").resolve()
    made = [spec.mattes for spec in plan.methods if spec.mattes]
    for folder in (*chain.from_iterable(map(_listed, sources)), *made):
        if mattes.is_relative_to(folder.resolve()):
            raise InputError(
                f"the report would lie in {folder.resolve()}, where every picture is data; give a folder outside"
            )


def _listed(source: Source) -> list[Path]:
    """The folders whose every picture is data; none of clips, which are called by name."""
    root = Path(source.path).expanduser()
    if any(file.suffix.lower() in CLIP_SUFFIXES for clip in source.clips for file in clip.files):
        return []
    davis = [root / "JPEGImages", root / "Annotations"]
    return davis if davis[0].is_dir() else listed(root)


def matte_path(data: str, clip: str, name: str, label: str) -> Path:
    """Where a matte lies under the folder of mattes, and never outside: data/method/clip/name.png."""
    named = PurePath(name)
    parts = ["_" if part in (named.anchor, "..") else part for part in named.parts]
    if parts != list(named.parts):
        parts[-1] += _tail(name)
    return Path(*map(_folder, (data, label, clip)), *parts[:-1], f"{parts[-1]}.png")


def _folder(text: str) -> str:
    """A folder's name of a text that may hold what no folder's name does."""
    name = "_" if text in (".", "..") else re.sub(r"[^\w.-]+", "_", text)
    return name if name == text else name + _tail(text)


def _tail(text: str) -> str:
    """Keeps names apart that became one."""
    return "-" + hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:8]


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _of_one_size(frames: Iterable[Frame], hint: str) -> Iterator[Frame]:
    """The frames of a clip; those of another size than the first become errors."""
    size = ""
    for frame in frames:
        if frame.picture is not None:
            came = "{2}x{1}".format(*frame.picture.shape)
            size = size or came
            if came != size:
                frame = Frame(frame.name, error=f"it is {came} px, but its clip began with {size}{hint}")
        yield frame


def _flow(frame: Frame, before: Taken | None) -> Tensor | None:
    """The motion since the frame before, where the truth is soft enough for MESSDdt."""
    if before is None or frame.picture is None or before.frame.picture is None or frame.truth is None:
        return None
    return optical_flow(torch.cat([before.frame.picture, frame.picture])) if scores.is_soft(frame.truth) else None
