"""Clips: bgdl against a per-frame loop as rembg's users write it, overlap of the stages, memory, steadiness.

    python benchmarks/video.py speed CLIP --weights u2netp.onnx [--frames 96]
    python benchmarks/video.py overlap CLIP [--model portrait] [--every 1] [--frames 48]
    python benchmarks/video.py memory CLIP
    python benchmarks/video.py steady CLIP... [--model portrait] [--davis FOLDER]
    python benchmarks/video.py every CLIP... [--model portrait] [--davis FOLDER]

Ratios are of runs on the same machine, one right after the other. Every line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

import bgdl
from bgdl import registry
from bgdl.media.reader import VideoReader
from bgdl.metrics.temporal import dtssd
from bgdl.pipeline.between import Propagation
from bgdl.preprocess import UPSTREAM
from bgdl.refine.smooth import LOOK_AHEAD, Smoother
from bgdl.types import FrameBatch, Matter

GREEN = (0, 177, 64)
RUNS = [f"openvino-{way}" for way in ("int8+aspect+every3", "int8+aspect+every2", "int8+aspect", "int8", "bf16")]
RUNS += ["torch-bf16+aspect", "torch-bf16", "torch-fp32"]
STILL_LEVELS = 15  # grey levels within which a background pixel stays over the whole clip


def say(**values: Any) -> None:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    print(json.dumps({**values, "load": round(load, 1) if load is not None else None}), flush=True)


# --- speed -----------------------------------------------------------------------------------------------


def rembg_matte(session: Any, frame: Image.Image) -> Image.Image:
    """The steps of `rembg.remove(..., only_mask=True)` for u2net and u2netp."""
    small = np.array(frame.resize((320, 320), Image.Resampling.LANCZOS)).astype(np.float32)
    small = (small / max(small.max(), 1e-6) - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    name = session.get_inputs()[0].name
    out = session.run(None, {name: small.transpose(2, 0, 1)[None].astype(np.float32)})[0][0, 0]
    out = (out - out.min()) / (out.max() - out.min())
    return Image.fromarray((out * 255).astype(np.uint8)).resize(frame.size, Image.Resampling.LANCZOS)


def rembg_loop(clip: Path, weights: Path, target: Path, frames: int) -> tuple[float, list[NDArray[np.uint8]]]:
    """Read with OpenCV, cut out with Pillow and ONNX Runtime, write with OpenCV, no sound; seconds and mattes."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(weights), providers=["CPUExecutionProvider"])
    source = cv2.VideoCapture(str(clip))
    size = (int(source.get(cv2.CAP_PROP_FRAME_WIDTH)), int(source.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    sink = cv2.VideoWriter(str(target), cv2.VideoWriter.fourcc(*"mp4v"), source.get(cv2.CAP_PROP_FPS), size)
    background = Image.new("RGB", size, GREEN)
    mattes = []
    began = time.perf_counter()
    for _ in range(frames):
        good, bgr = source.read()
        if not good:
            break
        frame = Image.fromarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
        matte = rembg_matte(session, frame)
        mattes.append(np.array(matte))
        shown = Image.composite(frame, background, matte)
        sink.write(cv2.cvtColor(np.array(shown), cv2.COLOR_RGB2BGR))
    sink.release()
    return time.perf_counter() - began, mattes


def speed(arguments: argparse.Namespace) -> None:
    clip, weights, frames = Path(arguments.clips[0]), Path(arguments.weights), arguments.frames
    with tempfile.TemporaryDirectory() as folder:
        seconds, theirs = rembg_loop(clip, weights, Path(folder) / "loop.mp4", frames)
        baseline = len(theirs) / seconds
        say(what="loop", frames=len(theirs), fps=round(baseline, 2))
        for choice in arguments.engines:
            runner, *ways = choice.split("+")
            engine, _, precision = runner.partition("-")
            spec = replace(UPSTREAM, shape="aspect") if "aspect" in ways else UPSTREAM
            every = next((int(way[5:]) for way in ways if way.startswith("every")), 1)
            matter = registry.load(weights, engine=engine, precision=precision or "auto", device="cpu", spec=spec)
            with VideoReader(clip, limit=4) as reader:
                batch = next(reader.batches(4))
            ours = matter.alpha(batch.data)[..., 0].numpy() * 255
            report = bgdl.convert_video(
                clip, Path(folder) / f"{choice}.mp4", model=matter, background="#00b140", frames=frames, smooth="off",
                every=every,
            )  # fmt: skip
            say(
                what="bgdl", engine=choice, fps=round(report.fps, 2), ratio=round(report.fps / baseline, 2),
                matte_difference=round(float(np.abs(ours - np.stack(theirs[:4])).mean() / 255), 4),
                slowest=report.seconds.slowest, overlap=overlap_of(report),
            )  # fmt: skip


# --- overlap ---------------------------------------------------------------------------------------------


def overlap_of(report: Any) -> float:
    """Wall time over the time of the slowest stage."""
    stages = report.seconds
    return round(stages.wall / getattr(stages, stages.slowest), 3)


def enlarge(clip: Path, target: Path, frames: int) -> None:
    """The clip at 1920×1080."""
    with VideoReader(clip, limit=frames) as reader, av.open(str(target), "w") as output:
        stream = output.add_stream("libx264", rate=reader.info.rate, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for batch in reader.batches(1):
            large = cv2.resize(batch.data[0].numpy(), (1920, 1080), interpolation=cv2.INTER_CUBIC)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(large, format="rgb24")))
        output.mux(stream.encode(None))


def overlap(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.mp4"
        enlarge(Path(arguments.clips[0]), large, arguments.frames)
        report = bgdl.convert_video(
            large, Path(folder) / "out.mp4", model=arguments.model, background="#00b140", every=arguments.every
        )
        say(what="overlap at 1920x1080", wall_over_slowest=overlap_of(report), **report.to_dict()["fps"])


# --- memory ----------------------------------------------------------------------------------------------

_CHILD = """
import sys, bgdl
report = bgdl.convert_video(sys.argv[1], sys.argv[2], model="otsu", device="cpu", background="#00b140", batch=2)
print(report.peak_memory_mb)
"""


def memory(arguments: argparse.Namespace) -> None:
    """Peak of the process for a clip and for ten times its length, with a method that needs no network."""
    with tempfile.TemporaryDirectory() as folder:
        peaks = {}
        for times in (1, 10):
            clip = Path(folder) / f"{times}.mp4"
            repeat(Path(arguments.clips[0]), clip, frames=arguments.frames, times=times)
            command = [sys.executable, "-c", _CHILD, str(clip), str(Path(folder) / f"out{times}.mp4")]
            run = subprocess.run(command, capture_output=True, text=True, check=True)
            peaks[times] = float(run.stdout.split()[-1])
        say(what="memory", frames=arguments.frames, peak_mb=peaks, ratio=round(peaks[10] / peaks[1], 3))


def repeat(clip: Path, target: Path, *, frames: int, times: int) -> None:
    """The first frames of a clip, several times over."""
    with VideoReader(clip, limit=frames) as reader, av.open(str(target), "w") as output:
        height, width = reader.info.size_hw
        stream = output.add_stream("libx264", rate=reader.info.rate or Fraction(25), options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        pictures = [batch.data[0].numpy() for batch in reader.batches(1)]
        for _ in range(times):
            for picture in pictures:
                output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode(None))


# --- steadiness ------------------------------------------------------------------------------------------


def steady(arguments: argparse.Namespace) -> None:
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
    """Mean |Δα| where the picture stands still over the whole clip and is background in most frames."""
    grey = torch.from_numpy(np.stack([cv2.blur(cv2.cvtColor(f.numpy(), cv2.COLOR_RGB2GRAY), (5, 5)) for f in frames]))
    still = (grey.amax(0).int() - grey.amin(0).int() < STILL_LEVELS) & (alpha.median(0).values[..., 0] < 0.5)
    before = None
    for mode, matte in variants(frames, alpha):
        flicker = float(matte.diff(dim=0)[..., 0].abs()[:, still].mean())
        before = before or flicker
        say(what="steady", clip=name, smooth=mode, flicker=round(flicker * 1000, 4), ratio=round(flicker / before, 3))


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
    parser.add_argument("what", choices=["speed", "overlap", "memory", "steady", "every"])
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--model", default="portrait")
    parser.add_argument("--weights", help="u2net or u2netp as an ONNX file in rembg's layout, for speed")
    parser.add_argument("--engines", nargs="+", default=RUNS, help="ENGINE-PRECISION[+aspect][+everyN], for speed")
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--every", type=int, default=1, help="for overlap")
    parser.add_argument("--davis", help="folder of a sequence with images/ and masks/, for steady and every")
    arguments = parser.parse_args()
    {"speed": speed, "overlap": overlap, "memory": memory, "steady": steady, "every": every}[arguments.what](arguments)


if __name__ == "__main__":
    main()
