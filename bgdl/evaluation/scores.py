"""The table of measures, and the scores of one picture by all of them."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from bgdl.metrics import matting, saliency, segmentation, temporal

FAILURE = 0.7
"""A picture whose IoU lies under this is a failure."""


@dataclass(frozen=True)
class Measure:
    """A column of the table. unit: as published, "" for 0 to 1. digits: after the point when printed."""

    title: str
    better: Literal["higher", "lower"]
    unit: str = ""
    digits: int = 3


MEASURES: dict[str, Measure] = {
    "iou": Measure("IoU", "higher"),
    "best_iou": Measure("Best-threshold IoU", "higher"),
    "failures": Measure("Failures", "lower", "IoU < 0.7", 0),
    "dice": Measure("Dice", "higher"),
    "precision": Measure("Precision", "higher"),
    "recall": Measure("Recall", "higher"),
    "boundary_iou": Measure("Boundary IoU", "higher"),
    "boundary_f": Measure("Boundary F", "higher"),
    "mae": Measure("MAE", "lower", "", 4),
    "mse": Measure("MSE", "lower", "1e-3", 2),
    "sad": Measure("SAD", "lower", "1e3 px", 2),
    "grad": Measure("Grad", "lower", "1e3", 2),
    "conn": Measure("Conn", "lower", "1e3", 2),
    "s_measure": Measure("S-measure", "higher"),
    "max_e": Measure("E-measure, maximum", "higher"),
    "weighted_f": Measure("Weighted F", "higher"),
    "max_f": Measure("F, maximum", "higher"),
    "j_decay": Measure("J decay", "lower"),
    "f_decay": Measure("F decay", "lower"),
    "dtssd": Measure("dtSSD", "lower", "1e-2", 2),
    "messddt": Measure("MESSDdt", "lower", "1e-3", 2),
    "flicker": Measure("Flicker", "lower", "1e-3", 2),
    "median_ms": Measure("Median time", "lower", "ms a frame", 1),
    "p95_ms": Measure("95th percentile of time", "lower", "ms a frame", 1),
}

PICTURE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "iou": segmentation.iou,
    "dice": segmentation.dice,
    "precision": segmentation.precision,
    "recall": segmentation.recall,
    "boundary_iou": segmentation.boundary_iou,
    "boundary_f": segmentation.boundary_f,
    "mae": matting.mae,
    "mse": matting.mse,
    "sad": matting.sad,
    "grad": matting.grad,
    "conn": matting.conn,
}
SALIENCY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "s_measure": saliency.s_measure,
    "weighted_f": saliency.weighted_f,
}
CURVES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "best_iou": segmentation.iou_curve,
    "max_e": saliency.e_curve,
    "max_f": saliency.f_curve,
}
"""Measures that are the maximum of a curve's mean over the pictures, by the function that gives the curve."""


def score(alpha: Tensor, truth: Tensor) -> tuple[dict[str, float], dict[str, list[float]]]:
    """One matte (H,W) beside its truth: the scores, and the curves that later give `CURVES`.

    Those of salient objects come with the extra `eval`.
    """
    with_saliency = _has_saliency()
    measures = {**PICTURE, **(SALIENCY if with_saliency else {})}
    curves = {name: curve for name, curve in CURVES.items() if with_saliency or name == "best_iou"}
    values = {name: float(measure(alpha, truth)) for name, measure in measures.items()}
    return values, {name: [round(v, 4) for v in curve(alpha, truth).tolist()] for name, curve in curves.items()}


def score_step(alpha: Tensor, before: Tensor, truths: Tensor, flow: Tensor | None) -> dict[str, float]:
    """The step from the frame before; truths: float32 (2,H,W); flow: (1,H,W,2) where MESSDdt is wanted."""
    both = torch.stack([before, alpha])
    values = {"dtssd": float(temporal.dtssd(both, truths)), "flicker": float(temporal.flicker(both, truths))}
    if flow is not None:
        values["messddt"] = float(temporal.messddt(both, truths, flow))
    return values


def is_soft(truth: Tensor) -> bool:
    """Whether over a thousandth of the truth lies well between 0 and 1, more than the edge of a resized mask."""
    return bool(((truth > 0.1) & (truth < 0.9)).float().mean() > 0.001)


@functools.cache
def _has_saliency() -> bool:
    """Whether the extra `eval` is installed."""
    return importlib.util.find_spec("py_sod_metrics") is not None
