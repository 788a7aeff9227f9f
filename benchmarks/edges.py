"""Compare the edge modes where the truth is known: drawn subjects with hair and soft borders, 1920×1277.

    python benchmarks/edges.py [--size 1920x1277] [--repeat 3] [--modes none guided ...] [--sheet FOLDER]

Each scene has a known alpha and known foreground colours. The matte that the modes start from is the true one as
a network at 320×320 would give it: shrunk, blurred by one network pixel, enlarged.
Printed for each mode, means over the scenes:
alpha   mean absolute error of alpha along the edge, times 1000
grad    mean absolute error of the gradient of alpha along the edge, times 1000
white, black, green   mean absolute error (0..255) of the picture over that colour, along the edge
ms      processor time for one picture on one thread, best of --repeat; also as a share of U²-Net-p's own
Matting runs without its time limit here.
--sheet writes a crop of each scene and mode over green as a PNG.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from bgdl import convert
from bgdl.compose import Over
from bgdl.engines.torch import TorchEngine
from bgdl.matters.u2net import U2NetMatter
from bgdl.media.image import write
from bgdl.nets.u2net import U2Net
from bgdl.preprocess import InputSpec, restore
from bgdl.refine.edges import EDGES, Edge
from bgdl.refine.matting import closed_form

COLOURS = {"white": (255, 255, 255), "black": (0, 0, 0), "green": (0, 200, 60)}
MODES = {**EDGES, "matting": replace(EDGES["matting"], refine=partial(closed_form, limit_s=3600))}
Scene = tuple[Tensor, Tensor, Tensor]


def texture(
    rng: np.random.Generator, size_hw: tuple[int, int], base: tuple[int, int, int], strength: float
) -> NDArray[np.float32]:
    """A colour that wanders: noise of several scales around `base`, float32 (H,W,3) of 0..255."""
    height, width = size_hw
    result = np.full((height, width, 3), base, np.float32)
    for cells in (4, 16, 64, 256):
        noise = rng.normal(0, strength, (cells, cells, 3)).astype(np.float32)
        result += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return result.clip(0, 255)


def draw_alpha(
    rng: np.random.Generator, size_hw: tuple[int, int], strands: int, softness: float
) -> NDArray[np.float32]:
    """A head with hair (if `strands`) on shoulders, edges `softness` px soft: float32 (H,W) in [0,1]."""
    height, width = size_hw
    k, canvas = 2, np.zeros((2 * height, 2 * width), np.uint8)
    centre = np.array([width // 2, height * 0.42]) * k
    radius = height * 0.22 * k
    cv2.ellipse(canvas, (int(centre[0]), int(centre[1])), (int(radius * 0.8), int(radius)), 0, 0, 360, 255, -1)
    cv2.ellipse(canvas, (int(centre[0]), 2 * height), (int(radius * 2), int(height * 0.8)), 0, 0, 360, 255, -1)
    if softness:
        canvas = cv2.GaussianBlur(canvas, (0, 0), softness * k)
    for angle in rng.uniform(0, 2 * np.pi, strands):
        length, bend = radius * rng.uniform(1.02, 1.3), rng.normal(0, 0.12)
        steps = np.linspace(0.7, 1, 12)
        turn = angle + bend * (steps - 0.7) / 0.3
        points = centre + length * steps[:, None] * np.stack((0.85 * np.cos(turn), np.sin(turn)), 1)
        cv2.polylines(canvas, [points.astype(np.int32)], False, 255, int(rng.integers(1, 4)), cv2.LINE_AA)
    return cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def scenes(size_hw: tuple[int, int]) -> dict[str, Scene]:
    """Frames uint8 (1,H,W,3), true alpha float32 (1,H,W,1), true foreground uint8 (1,H,W,3), by name."""
    kinds = {
        "hair": (1200, 0.0, (70, 45, 35), (150, 190, 225)),
        "fair hair": (1200, 1.0, (210, 180, 130), (60, 90, 50)),
        "crisp": (0, 0.7, (180, 40, 50), (120, 125, 130)),
        "soft": (0, 5.0, (40, 60, 120), (230, 220, 200)),
    }
    result = {}
    for number, (name, (strands, softness, subject, scene)) in enumerate(kinds.items()):
        rng = np.random.default_rng(number)
        alpha = draw_alpha(rng, size_hw, strands, softness)[..., None]
        foreground, background = texture(rng, size_hw, subject, 12), texture(rng, size_hw, scene, 20)
        frame = foreground * alpha + background * (1 - alpha)
        tensors = (np.round(frame).astype(np.uint8), alpha, np.round(foreground).astype(np.uint8))
        result[name] = tuple(torch.from_numpy(array)[None] for array in tensors)
    return result


def as_network(alpha: Tensor, levels: tuple[float, float] = (0.0, 1.0)) -> Tensor:
    """The true matte as a network with a 320×320 input, and such levels, would return it."""
    planes = F.interpolate(convert.to_nchw(alpha), (320, 320), mode="bilinear", antialias=True)
    small = cv2.GaussianBlur(planes[0, 0].numpy(), (0, 0), 1.0)
    return restore(torch.from_numpy(small)[None, None], (alpha.shape[1], alpha.shape[2]), InputSpec(levels=levels))


def apply(edge: Edge, frames: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Foreground colours and alpha as the mode gives them."""
    alpha = edge.refine(frames, alpha) if edge.refine else alpha
    return (edge.foreground(frames, alpha) if edge.foreground else frames), alpha


def errors(scene: Scene, start: Tensor, foreground: Tensor, alpha: Tensor) -> dict[str, float]:
    """Errors along the edge: where the true or the network's matte is neither 0 nor 1."""
    _, truth, colours = scene
    band = ((truth > 0.01) & (truth < 0.99)) | ((start > 0.01) & (start < 0.99))
    result = {
        "alpha": 1000 * float((alpha - truth).abs()[band].mean()),
        "grad": 1000 * float((gradient(alpha) - gradient(truth)).abs()[band].mean()),
    }
    for name, colour in COLOURS.items():
        look = Over(colour)
        difference = look(foreground, alpha).float() - look(colours, truth).float()
        result[name] = float(difference.abs().mean(-1, keepdim=True)[band].mean())
    return result


def gradient(alpha: Tensor) -> Tensor:
    array = alpha[0, ..., 0].numpy()
    size = np.hypot(cv2.Sobel(array, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(array, cv2.CV_32F, 0, 1, scale=0.125))
    return torch.from_numpy(size)[None, ..., None]


def processor_ms(work: Callable[[], object], repeat: int) -> float:
    """Milliseconds of processor time, so that a busy machine does not count against anyone."""
    times = []
    for _ in range(repeat):
        began = time.process_time()
        work()
        times.append(1000 * (time.process_time() - began))
    return min(times)


def network_ms(frames: Tensor, repeat: int) -> float:
    """What U²-Net-p itself costs for the same picture."""
    engine = TorchEngine(U2Net("u2netp"), torch.device("cpu"))
    matter = U2NetMatter(engine, InputSpec())
    matter.alpha(frames)
    return processor_ms(lambda: matter.alpha(frames), repeat)


def measure(edge: Edge, scene: Scene, repeat: int) -> tuple[dict[str, float], Tensor]:
    """The figures of one mode on one scene, and its picture over green."""
    start = as_network(scene[1])
    foreground, alpha = apply(edge, scene[0], start)
    figures = errors(scene, start, foreground, alpha)
    figures["ms"] = processor_ms(lambda: apply(edge, scene[0], start), repeat)
    return figures, Over(COLOURS["green"])(foreground, alpha)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="1920x1277")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    drawn = scenes((height, width))
    network = network_ms(next(iter(drawn.values()))[0], options.repeat)
    print(f"U²-Net-p at 320 px: {network:.0f} ms of processor time for one {options.size} picture")
    for name in options.modes:
        rows = []
        for title, scene in drawn.items():
            figures, shown = measure(MODES[name], scene, options.repeat)
            rows.append(figures)
            if options.sheet:
                options.sheet.mkdir(parents=True, exist_ok=True)
                crop = shown[0, : height // 2, width // 2 - height // 3 : width // 2 + height // 3]
                write(crop, options.sheet / f"{title} {name}.png")
        means = {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]}
        print(f"{name:16}" + "  ".join(f"{key} {value:7.2f}" for key, value in means.items()), end="")
        print(f"  = {100 * means['ms'] / network:.0f} % of the network", flush=True)


if __name__ == "__main__":
    main()
