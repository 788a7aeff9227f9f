"""A synthetic clip on disk: lossless clip and matte, or numbered pictures and masks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import torch

from bgdl import convert, whole
from bgdl.choices import Layout
from bgdl.media import formats, image
from bgdl.media.writer import VideoWriter
from bgdl.synth.clip import Frame, Matte, SynthOptions

_TARGETS: dict[Layout, tuple[str, str]] = {"clip": ("clip.mkv", "matte.mkv"), "frames": ("images", "masks")}


def write(
    folder: Path,
    frames: Iterable[tuple[Frame, Matte]],
    empty: Frame,
    options: SynthOptions,
    *,
    layout: Layout = "clip",
    overwrite: bool = False,
) -> tuple[Path, Path]:
    """Write a clip, its truth, `empty.png` (the scene alone) and `synth.json` (how it was made) into `folder`.

    layout: "clip" writes clip.mkv and matte.mkv (FFV1), "frames" images/ and masks/ (PNG), all without loss.
    Returns the paths of pictures and truth. Raises InputError where they exist and `overwrite` is not set.
    """
    folder.mkdir(parents=True, exist_ok=True)
    targets = folder / _TARGETS[layout][0], folder / _TARGETS[layout][1]
    with ExitStack() as stack:
        writers = [
            stack.enter_context(_writer(target, channels, options, overwrite=overwrite))
            for target, channels in zip(targets, (3, 1), strict=True)
        ]
        for index, pictures in enumerate(frames):
            for writer, picture in zip(writers, pictures, strict=True):
                writer.write(torch.from_numpy(picture)[None], [index])
    image.write(convert.frame_to_tensor(empty)[0], folder / "empty.png")
    facts = {**asdict(options), "rate": str(options.rate), "layout": layout}
    whole.write(folder / "synth.json", f"{json.dumps(facts, indent=2)}\n".encode())
    return targets


def _writer(target: Path, channels: int, options: SynthOptions, *, overwrite: bool) -> VideoWriter:
    return VideoWriter(
        target,
        formats.pick(target, "ffv1" if target.suffix else "png", channels=channels),
        size_hw=options.size_hw,
        channels=channels,
        time_base=Fraction(1) / options.rate,
        rate=options.rate,
        overwrite=overwrite,
    )
