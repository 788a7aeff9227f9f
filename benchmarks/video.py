"""Clips: bgdl against a per-frame loop as rembg's users write it, overlap of the stages, memory.

    python benchmarks/video.py speed CLIP --weights u2netp.onnx [--frames 96]
    python benchmarks/video.py overlap CLIP [--model portrait] [--every 1] [--frames 48]
    python benchmarks/video.py memory CLIP

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
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

import bgdl
from bgdl import registry
from bgdl.media.reader import VideoReader
from bgdl.preprocess import InputSpec

GREEN = (0, 177, 64)
RUNS = [f"openvino-{way}" for way in ("int8+aspect+every3", "int8+aspect+every2", "int8+aspect", "int8", "bf16")]
RUNS += ["torch-bf16+aspect", "torch-bf16", "torch-fp32"]
UPSTREAM = InputSpec(scale="max", antialias=False, stretch="minmax")


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "overlap", "memory"])
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--model", default="portrait")
    parser.add_argument("--weights", help="u2net or u2netp as an ONNX file in rembg's layout, for speed")
    parser.add_argument("--engines", nargs="+", default=RUNS, help="ENGINE-PRECISION[+aspect][+everyN], for speed")
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--every", type=int, default=1, help="for overlap")
    arguments = parser.parse_args()
    {"speed": speed, "overlap": overlap, "memory": memory}[arguments.what](arguments)


if __name__ == "__main__":
    main()
