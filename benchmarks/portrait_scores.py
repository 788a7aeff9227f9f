"""The table of weights/README.md: methods against each other on people, humans and davis, and precisions.

    python benchmarks/portrait_scores.py DATA [--methods portrait,u2netp] [--against u2netp] [--out scores.json]

DATA holds people/, humans/ and davis/breakdance/, each with images/ and masks/. Of people only the validation
pictures count (number % 10 == 3). A method is NAME or NAME@ENGINE-PRECISION; NAME may be a weights file. u2netp is
fed as upstream feeds it (divided by the maximum, no antialiasing), by the InputSpec of its record. A second table has
each method's mean differences, picture by picture, from the one named by --against.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import bgdl
from bgdl import convert, weights
from bgdl.data.pairs import Pair, find_pairs, read_pair
from bgdl.data.split import split_pairs
from bgdl.evaluation import stats
from bgdl.metrics import segmentation
from bgdl.types import Matter

FAILED = 0.7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--methods", default="u2netp@torch-fp32,portrait@torch-fp32,mediapipe")
    parser.add_argument("--sets", default="people,humans,davis")
    parser.add_argument("--every", type=int, default=1, help="score each n-th picture only")
    parser.add_argument("--against", metavar="METHOD", help="one of --methods, which the others are compared with")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    methods = options.methods.split(",")
    if options.against and options.against not in methods:
        parser.error(f"--against {options.against} is none of --methods {options.methods}")
    report: dict[str, Any] = {}
    print("| set | method | mIoU (95 %) | boundary IoU | MAE | IoU < 0.7 |\n|---|---|---|---|---|---|")
    for name in options.sets.split(","):
        pairs = pairs_of(options.data, name)[:: options.every]
        for method in methods:
            scores = score(open_method(method), pairs)
            figures = summary(scores, sequence=name == "davis")
            report.setdefault(name, {})[method] = {**figures, "pictures": scores}
            print(row(name, method, figures), flush=True)
    if options.against:
        print_differences(report, options.against)
    if options.out:
        options.out.write_text(json.dumps(report, indent=1), "utf-8")


def print_differences(report: dict[str, Any], against: str) -> None:
    """The second table: each method's mean differences from `against`, picture by picture."""
    print(f"\n| set | method | mIoU − {against} (95 %) | boundary IoU | MAE |\n|---|---|---|---|---|")
    for name, methods in report.items():
        theirs = methods[against]["pictures"]
        for method in filter(lambda method: method != against, methods):
            figures = difference(methods[method]["pictures"], theirs, sequence=name == "davis")
            print(difference_row(name, method, figures))


def pairs_of(data: Path, name: str) -> list[Pair]:
    """The pictures of a set that count."""
    if name == "people":
        return split_pairs(find_pairs(data / "people"), "number:10:3")[1]
    return find_pairs(data / {"davis": "davis/breakdance"}.get(name, name))


def open_method(text: str) -> Matter:
    """`portrait@torch-bf16` -> a Matter; a .pth, which says nothing of its input, is fed like u2netp."""
    name, _, how = text.partition("@")
    if not how:
        return bgdl.load(name)
    engine, _, precision = how.partition("-")
    own: dict[str, Any] = {"spec": weights.RECORDS["u2netp"].spec} if name.endswith(".pth") else {}
    return bgdl.load(name, engine=engine, precision=precision, **own)


def score(matter: Matter, pairs: list[Pair]) -> dict[str, tuple[float, float, float]]:
    """Name -> IoU, boundary IoU and mean absolute error, at the picture's own size."""
    return dict(_measure(matter, pairs))


def _measure(matter: Matter, pairs: list[Pair]) -> Iterator[tuple[str, tuple[float, float, float]]]:
    for pair in pairs:
        rgb, mask = read_pair(pair)
        alpha = matter.alpha(convert.frame_to_tensor(rgb))[0, ..., 0].cpu()
        truth = convert.to_unit(torch.from_numpy(mask))
        values = segmentation.iou(alpha, truth), segmentation.boundary_iou(alpha, truth), (alpha - truth).abs().mean()
        yield pair.name, tuple(round(float(value), 5) for value in values)  # type: ignore[misc]


def summary(scores: dict[str, tuple[float, float, float]], *, sequence: bool) -> dict[str, Any]:
    """Means, their bootstrap intervals, and the number of failures."""
    values = np.array(list(scores.values()))
    failures = int((values[:, 0] < FAILED).sum())
    return {**_intervals(values, sequence), "failures": failures, "count": len(values)}


def difference(
    ours: dict[str, tuple[float, float, float]], theirs: dict[str, tuple[float, float, float]], *, sequence: bool
) -> dict[str, dict[str, float | None]]:
    """Means and bootstrap intervals of `ours - theirs`, picture by picture."""
    return _intervals(np.array([np.subtract(ours[name], theirs[name]) for name in ours]), sequence)


def _intervals(values: np.ndarray, sequence: bool) -> dict[str, dict[str, float | None]]:
    resamples = stats.draw([len(values)], sequence=sequence)
    intervals = [stats.interval(values[:, column], resamples) for column in range(3)]
    return dict(zip(("iou", "boundary_iou", "mae"), (vars(one) for one in intervals), strict=True))


def row(name: str, method: str, figures: dict[str, Any]) -> str:
    iou, boundary, mae = (figures[key] for key in ("iou", "boundary_iou", "mae"))
    failures = f"{figures['failures']} of {figures['count']}"
    return f"| {name} | {method} | {_spread(iou)} | {_spread(boundary)} | {mae['mean']:.4f} | {failures} |"


def difference_row(name: str, method: str, figures: dict[str, dict[str, float | None]]) -> str:
    iou, boundary, mae = (figures[key] for key in ("iou", "boundary_iou", "mae"))
    return f"| {name} | {method} | {_spread(iou, '+')} | {_spread(boundary, '+')} | {_spread(mae, '+')} |"


def _spread(figure: dict[str, float | None], sign: str = "") -> str:
    """The mean with its interval, which a few pictures have not; `sign` "+" for differences."""
    interval = f" ({figure['low']:{sign}.3f} to {figure['high']:{sign}.3f})" if figure["low"] is not None else ""
    return f"{figure['mean']:{sign}.4f}{interval}"


if __name__ == "__main__":
    main()
