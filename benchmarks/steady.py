"""Steadiness of mattes: what `--smooth` does to flicker and truth, and what `--every N` costs.

    python benchmarks/steady.py smooth CLIP... [--model portrait] [--davis FOLDER]
    python benchmarks/steady.py every CLIP... [--model portrait] [--davis FOLDER]

Every line is JSON.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from video import say

from bgdl import registry
from bgdl.media.reader import VideoReader
from bgdl.metrics.temporal import dtssd
from bgdl.pipeline.video_between import Propagation
from bgdl.refine.smooth import LOOK_AHEAD, Smoother
from bgdl.types import FrameBatch, Matter

STILL_LEVELS = 15  # grey levels within which a background pixel stays over the whole clip


def smooth(arguments: argparse.Namespace) -> None:
    matter = registry.load(arguments.model, device="cpu")
    for clip in map(Path, arguments.clips):
        frames = first(clip, arguments.frames)
        still_background(clip.stem, frames, torch.cat([matter.alpha(part) for part in frames.split(4)]))
    if arguments.davis:
        frames, truth = davis(Path(arguments.davis))
        against_truth(frames, torch.cat([matter.alpha(part) for part in frames.split(4)]), truth)


def every(arguments: argparse.Namespace) -> None:
    """How much the mattes of `--every N` are those of every frame, and what IoU with a truth they cost."""
    matter = registry.load(arguments.model, device="cpu")
    clips = {Path(clip).stem: (first(Path(clip), arguments.frames), None) for clip in arguments.clips}
    if arguments.davis:
        clips[Path(arguments.davis).name] = davis(Path(arguments.davis))
    for name, (frames, truth) in clips.items():
        all_of_them = propagated(matter, frames, 1)
        for count in (1, 2, 3, 4):
            matte = propagated(matter, frames, count) if count > 1 else all_of_them
            against = round(iou(matte, truth), 4) if truth is not None else None
            say(
                what="every", clip=name, n=count, iou=against, like_n_1=round(iou(matte, all_of_them[..., 0] >= 0.5), 4)
            )


def first(clip: Path, count: int) -> Tensor:
    """The first frames of a clip."""
    with VideoReader(clip, limit=count) as reader:
        return torch.cat([batch.data for batch in reader.batches(4)])


def propagated(matter: Matter, frames: Tensor, count: int) -> Tensor:
    """The mattes of a clip, the network run on each `count`-th frame."""
    batches = (
        FrameBatch(part, tuple(range(4 * index, 4 * index + len(part))), Fraction(1))
        for index, part in enumerate(frames.split(4))
    )
    return torch.cat([alpha for _, alpha in Propagation(matter, count)(batches)])


def iou(alpha: Tensor, truth: Tensor) -> float:
    """Mean overlap with bool (T,H,W)."""
    mask = alpha[..., 0] >= 0.5
    return float(((mask & truth).flatten(1).sum(1) / (mask | truth).flatten(1).sum(1).clamp_min(1)).mean())


def variants(frames: Tensor, alpha: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The mattes as they are, and smoothed as `bgdl live` and `bgdl video` do it."""
    yield "off", alpha
    for name, smoother in (("ema", Smoother("ema")), ("flow", Smoother("flow", look_ahead=LOOK_AHEAD))):
        pairs = zip(frames, alpha.clone(), strict=True)
        yield name, torch.stack([*(ready for pair in pairs for ready in smoother.push(*pair)), *smoother.flush()])


def still_background(name: str, frames: Tensor, alpha: Tensor) -> None:
    """Mean |Δα| where the picture stands still over the whole clip and is background in most frames.

    ghosts: pixels of a frame that the network left empty and smoothing did not.
    """
    grey = torch.from_numpy(np.stack([cv2.blur(cv2.cvtColor(f.numpy(), cv2.COLOR_RGB2GRAY), (5, 5)) for f in frames]))
    still = (grey.amax(0).int() - grey.amin(0).int() < STILL_LEVELS) & (alpha.median(0).values[..., 0] < 0.5)
    before = None
    for mode, matte in variants(frames, alpha):
        flicker = float(matte.diff(dim=0)[..., 0].abs()[:, still].mean())
        before = before or flicker
        ghosts = float(((alpha < 0.05) & (matte > 0.25)).flatten(1).sum(1).float().mean())
        say(
            what="steady", clip=name, smooth=mode, flicker=round(flicker * 1000, 4), ratio=round(flicker / before, 3),
            ghosts=round(ghosts, 1),
        )  # fmt: skip


def davis(folder: Path) -> tuple[Tensor, Tensor]:
    """A DAVIS sequence: frames and truth."""
    frames = [np.array(Image.open(path).convert("RGB")) for path in sorted((folder / "images").iterdir())]
    truth = [np.array(Image.open(path).convert("L")) >= 128 for path in sorted((folder / "masks").iterdir())]
    return torch.from_numpy(np.stack(frames)), torch.from_numpy(np.stack(truth))


def against_truth(frames: Tensor, alpha: Tensor, truth: Tensor) -> None:
    """IoU, dtSSD, and by how many frames the matte lags: the shift of the truth that fits best.

    dtssd_still: of the pixels that the truth leaves as they are alone; moving_share: what the others have of the
    squared error. Beside them, an empty matte, and the raw one with all that lies outside the truth taken away.
    """
    ideal = [("empty matte", torch.zeros_like(alpha)), ("inside the truth only", alpha * truth[..., None])]
    moves = truth[1:] ^ truth[:-1]
    for mode, matte in [*variants(frames, alpha), *ideal]:
        error = (matte[..., 0] - truth.float()).diff(dim=0).square()
        say(
            what="truth", smooth=mode, iou=round(iou(matte, truth), 4),
            dtssd=round(float(dtssd(matte[..., 0], truth.float()).mean()), 3),
            dtssd_still=round(float((error * ~moves).mean(dim=(1, 2)).sqrt().mean()) * 100, 3),
            moving_share=round(float((error * moves).sum() / error.sum()), 3),
            lag_frames=lag(matte[..., 0], alpha[..., 0]),
        )  # fmt: skip


def lag(matte: Tensor, raw: Tensor, reach: int = 4) -> int:
    """The delay in frames at which smoothed mattes are most like the raw ones; 0 is none."""
    middle = slice(reach, len(raw) - reach)
    errors = {
        delay: float((matte[middle] - raw[reach - delay : len(raw) - reach - delay]).abs().mean())
        for delay in range(-reach, reach + 1)
    }
    return min(errors, key=errors.__getitem__)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["smooth", "every"])
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--model", default="portrait")
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--davis", help="folder of a sequence with images/ and masks/")
    arguments = parser.parse_args()
    {"smooth": smooth, "every": every}[arguments.what](arguments)


if __name__ == "__main__":
    main()
