"""What levels do to a network's mattes: `portrait`'s are 0.1 and 0.9.

    python benchmarks/levels.py DATA [--model portrait] [--every 4]
    python benchmarks/levels.py --drawn

DATA is as for portrait_scores.py. Of each set, means over its pictures: IoU, boundary IoU, mean absolute and mean
squared error; inside: the share of the masks' inside that has an alpha below 250 of 255; outside: that of their outside
above 8, both from 2 % of the long side beyond the border. The network runs in bfloat16. --drawn: the errors of edges.py
at 1440×960, of drawn hair and soft borders, where the matte is the true one as a network at 320×320 would give it.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import edges
import numpy as np
import torch
from portrait_scores import pairs_of
from torch import Tensor

from bgdl import convert, preprocess, registry
from bgdl.data.pairs import read_pair
from bgdl.matters.u2net import U2NetMatter
from bgdl.metrics import segmentation

LEVELS = ((0.0, 1.0), (0.03, 0.97), (0.05, 0.95), (0.1, 0.9))
NAMES = ("IoU", "boundary IoU", "MAE", "MSE", "inside", "outside")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--model", default="portrait")
    parser.add_argument("--sets", default="people,humans")
    parser.add_argument("--every", type=int, default=1, help="score each n-th picture only")
    parser.add_argument("--drawn", action="store_true")
    options = parser.parse_args()
    if options.drawn:
        drawn()
    elif options.data:
        for name in options.sets.split(","):
            photographs(options.data, name, options.model, options.every)
    else:
        parser.error("give the folder of the sets, or --drawn")


def photographs(data: Path, name: str, model: str, every: int) -> None:
    matter = registry.load(model, engine="openvino", precision="bf16")
    assert isinstance(matter, U2NetMatter)
    rows: dict[tuple[float, float], list[list[float]]] = {levels: [] for levels in LEVELS}
    for pair in pairs_of(data, name)[::every]:
        rgb, mask = read_pair(pair)
        truth = convert.to_unit(torch.from_numpy(mask))
        probability = matter.engine.run(preprocess.prepare(convert.frame_to_tensor(rgb), matter.spec))
        for levels in LEVELS:
            spec = replace(matter.spec, levels=levels)
            alpha = preprocess.restore(probability, (truth.shape[0], truth.shape[1]), spec)[0, ..., 0]
            rows[levels].append(errors(alpha, truth))
    for levels, values in rows.items():
        means = np.nanmean(values, axis=0)
        print(
            name, len(values), levels, "  ".join(f"{n} {v:.4f}" for n, v in zip(NAMES, means, strict=True)), flush=True
        )


def errors(alpha: Tensor, truth: Tensor) -> list[float]:
    inside, outside = away_from_the_border(truth)
    difference = alpha - truth
    values = (
        segmentation.iou(alpha, truth), segmentation.boundary_iou(alpha, truth),
        difference.abs().mean(), difference.square().mean(),
        (alpha[inside] < 250 / 255).float().mean(), (alpha[outside] > 8 / 255).float().mean(),
    )  # fmt: skip
    return [float(value) for value in values]  # nan where nothing is so far inside, or outside


def away_from_the_border(truth: Tensor) -> tuple[Tensor, Tensor]:
    """bool (H,W): what is inside and outside a mask by more than 2 % of the picture's long side."""
    binary = (truth >= 0.5).numpy().astype(np.uint8)
    side = 2 * max(3, int(0.02 * max(binary.shape))) + 1
    kernel = np.ones((side, side), np.uint8)
    inside, outside = cv2.erode(binary, kernel, borderValue=1), cv2.erode(1 - binary, kernel, borderValue=1)
    return torch.from_numpy(inside > 0), torch.from_numpy(outside > 0)


def drawn() -> None:
    scenes = edges.scenes((960, 1440))
    for mode in ("none", "guided", "decontaminate"):
        for levels in LEVELS:
            rows = []
            for scene in scenes.values():
                start = edges.as_network(scene[1])
                levelled = edges.as_network(scene[1], levels)
                foreground, alpha = edges.apply(edges.MODES[mode], scene[0], levelled)
                rows.append(edges.errors(scene, start, foreground, alpha))
            means = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
            print(mode, levels, "  ".join(f"{name} {value:.1f}" for name, value in means.items()), flush=True)


if __name__ == "__main__":
    main()
