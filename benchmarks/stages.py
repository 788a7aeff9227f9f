"""What each stage of a clip costs for one 1920×1080 frame: a Markdown table of milliseconds.

    python benchmarks/stages.py CLIP [--model portrait] [--frames 24] [--threads 1] [--markdown stages.md]

One process, one stage after the other, each timed by itself: processor time (which other programs disturb little) and
wall time. Before anything is printed, the pictures are compared with those that `bgdl.convert_video` writes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import av
import torch
from torch import Tensor
from video import enlarge

import bgdl
from bgdl import compose, convert, preprocess, registry
from bgdl.device import set_threads
from bgdl.media import color, formats
from bgdl.media.reader import VideoReader
from bgdl.media.writer import VideoWriter
from bgdl.pipeline.looks import make_look
from bgdl.refine.edges import EDGES
from bgdl.refine.matte import judge
from bgdl.refine.smooth import Smoother

T = TypeVar("T")
SIZE_HW = (1080, 1920)
BACKGROUND = "#00b140"
PATH = (
    "decode", "to RGB", "resize", "network", "upsample", "smooth ema", "over a colour", "records", "to YUV", "encode",
)  # fmt: skip
"""The stages of a plain clip over a colour, in order."""
EDGE = ("edge guided", "edge decontaminate, beyond guided")


class Watch:
    """Seconds spent in each stage, processor and wall."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])

    def __call__(self, name: str, work: Callable[..., T], *given: Any) -> T:
        processor, wall = time.process_time(), time.perf_counter()
        result = work(*given)
        self.spent[name][0] += time.process_time() - processor
        self.spent[name][1] += time.perf_counter() - wall
        return result


def measure(clip: Path, matter: Any, frames: int, target: Path, watch: Watch) -> list[Tensor]:
    """Run every stage on each frame; the pictures over the plain background."""
    with VideoReader(clip) as reader:
        tags, rate = reader.info.color, reader.info.rate
    picture = torch.randint(0, 256, (1, *SIZE_HW, 3), dtype=torch.uint8)
    looks = {
        "cutout": make_look(), "over a picture": compose.Over(picture), "blur": make_look("blur"),
        "matte alone": compose.Alpha(),
    }  # fmt: skip
    plain, smoother, shown = make_look(BACKGROUND), Smoother("ema"), []
    writer = VideoWriter(
        target, formats.FORMATS["h264"], size_hw=SIZE_HW, channels=3, time_base=Fraction(1, 1000), rate=rate, tags=tags
    )
    with av.open(str(clip)) as container, torch.inference_mode():
        coded = container.decode(video=0)
        for number in range(frames):
            frame = watch("decode", next, coded)
            rgb = watch("to RGB", to_rgb, frame, tags)
            small = watch("resize", preprocess.prepare, rgb, matter.spec)
            probability = watch("network", matter.engine.run, small)
            raw = watch("upsample", preprocess.restore, probability, SIZE_HW, matter.spec)
            (alpha,) = watch("smooth ema", smoother.push, rgb[0], raw[0])
            alpha = alpha[None]
            edges(rgb, alpha, watch)
            for name, look in looks.items():
                watch(name, look, rgb, alpha)
            shown.append(watch("over a colour", plain, rgb, alpha))
            watch("records", judge, alpha)
            yuv = watch("to YUV", writer._frame, shown[-1][0].numpy())
            watch("encode", writer._hold, yuv, number * 40)
        watch("encode", writer.__exit__, None, None, None)  # what the encoder still holds
    return shown


def to_rgb(frame: av.VideoFrame, tags: color.ColorTags) -> Tensor:
    return convert.frame_to_tensor(color.to_rgb(frame, tags, (frame.width, frame.height)).to_ndarray())


def edges(rgb: Tensor, alpha: Tensor, watch: Watch) -> None:
    """The halves of `--edge guided` and `--edge decontaminate`."""
    refine, foreground = EDGES["decontaminate"].refine, EDGES["decontaminate"].foreground
    assert refine is not None and foreground is not None
    refined = watch("edge guided", refine, rgb, alpha)
    watch("edge decontaminate, beyond guided", foreground, rgb, refined)


def check(clip: Path, matter: Any, frames: int, target: Path, shown: list[Tensor]) -> None:
    """The pictures are those of the pipeline, byte for byte."""
    bgdl.convert_video(
        clip, target, model=matter, background=BACKGROUND, frames=frames, format="ffv1", batch=1, sound="none"
    )
    with VideoReader(target) as reader:
        for mine, batch in zip(shown, reader.batches(1), strict=True):
            if not torch.equal(mine, batch.data):
                sys.exit("the stages do not make the pictures that the pipeline makes; nothing is reported")


def table(watch: Watch, frames: int) -> str:
    lines = ["| stage | processor, ms | wall, ms |", "|---|---|---|"]
    each = {name: [1000 * seconds / frames for seconds in pair] for name, pair in watch.spent.items()}
    for name in [*PATH, *(name for name in each if name not in PATH)]:
        lines.append(f"| {name} | {each[name][0]:.1f} | {each[name][1]:.1f} |")
    around = [name for name in PATH if name not in ("network", "encode")]
    sums = {"decode to YUV, without the network": around, "the same with edges": [*around, *EDGE]}
    for label, names in sums.items():
        total = [sum(each[name][column] for name in names) for column in (0, 1)]
        share = total[0] / each["network"][0]
        lines.append(f"| **{label}** ({share:.2f} of the network) | {total[0]:.1f} | {total[1]:.1f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--model", default="portrait")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--markdown", type=Path, help="write the table there too")
    arguments = parser.parse_args()
    set_threads(arguments.threads)
    matter = registry.load(arguments.model, device="cpu", engine=arguments.engine, precision=arguments.precision)
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.mp4"
        enlarge(arguments.clip, large, arguments.frames)
        measure(large, matter, 2, Path(folder) / "warm.mp4", Watch())
        watch = Watch()
        shown = measure(large, matter, arguments.frames, Path(folder) / "stages.mp4", watch)
        check(large, matter, arguments.frames, Path(folder) / "pipeline.mkv", shown)
    text = table(watch, arguments.frames)
    print(text)
    if arguments.markdown:
        arguments.markdown.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
