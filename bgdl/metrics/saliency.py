"""The measures of the salient-object papers, by pysodmetrics (extra `eval`), without its per-picture stretch.

Every function takes float (or bool) tensors (...,H,W) in [0,1] of one shape, 1 being perfect. A truth is cut at 0.5.
A truth without a subject scores 1 where the matte has none either: pysodmetrics gives 0 or NaN there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bgdl.errors import MissingExtra
from bgdl.metrics.segmentation import THRESHOLD, check

Array = NDArray[np.float64]


def s_measure(alpha: Tensor, truth: Tensor) -> Tensor:
    """Structure measure, half object-aware and half region-aware similarity -> float32 (...).

    Source: Fan et al., Structure-measure, ICCV 2017.
    """
    measure = _sod().Smeasure()
    similarity = measure.ssim
    measure.ssim = lambda a, t: similarity(a, t) if a.size else 0.0  # a subject at the edge leaves quadrants empty
    return _each(lambda a, t: measure.cal_sm(a, t), alpha, truth)


def weighted_f(alpha: Tensor, truth: Tensor) -> Tensor:
    """Weighted F (beta 1), errors weighed by their distance from the subject -> float32 (...).

    Source: Margolin et al., How to Evaluate Foreground Maps?, CVPR 2014.
    """
    measure = _sod().WeightedFmeasure()
    return _each(lambda a, t: measure.cal_wfm(a, t) if t.any() else float(not a.any()), alpha, truth)


def e_curve(alpha: Tensor, truth: Tensor) -> Tensor:
    """Enhanced-alignment measure of the matte cut at 255, 254 ... 0 (of 255) -> float32 (...,256).

    The published figure is the maximum (or mean) of this curve's mean over the pictures. Source: Fan et al.,
    Enhanced-alignment Measure for Binary Foreground Map Evaluation, IJCAI 2018.
    """
    return _each(_alignment, alpha, truth)


def f_curve(alpha: Tensor, truth: Tensor) -> Tensor:
    """F (beta² 0.3) of the matte cut at 255, 254 ... 0 (of 255) -> float32 (...,256).

    The published maximum F is the maximum of this curve's mean over the pictures. Source: Achanta et al.,
    Frequency-tuned Salient Region Detection, CVPR 2009.
    """
    return _each(_balance, alpha, truth)


def _alignment(alpha: Array, truth: NDArray[np.bool_]) -> Array:
    measure = _sod().Emeasure()
    measure.gt_fg_numel, measure.gt_size = np.count_nonzero(truth), truth.size
    return np.asarray(np.clip(measure.cal_changeable_em(alpha, truth), 0, 1))


def _balance(alpha: Array, truth: NDArray[np.bool_]) -> Array:
    if not truth.any():
        return np.asarray(alpha.max() * 255 < np.arange(255, -1, -1), dtype=np.float64)
    sod = _sod()
    handler = sod.FmeasureHandler(beta=0.3, with_dynamic=True, with_adaptive=False)
    measure = sod.FmeasureV2({"f": handler})
    measure.step(alpha, truth, normalize=False)
    return np.asarray(handler.dynamic_results[0])


def _each(measure: Callable[[Array, NDArray[np.bool_]], Any], alpha: Tensor, truth: Tensor) -> Tensor:
    check(alpha, truth)
    flat = zip(_pictures(alpha), _pictures(truth), strict=True)
    values = [torch.as_tensor(measure(_levels(a), t >= THRESHOLD)).float() for a, t in flat]
    shape = alpha.shape[:-2] + values[0].shape
    return torch.stack(values).reshape(shape).to(alpha.device)


def _pictures(mattes: Tensor) -> Array:
    return np.asarray(mattes.reshape(-1, *mattes.shape[-2:]).cpu().numpy(), dtype=np.float64)


def _levels(alpha: Array) -> Array:
    """Rounded to 1/255 as on disk; nudged up, as pysodmetrics truncates when it counts levels."""
    return np.minimum(np.floor(alpha * 255 + 0.5) / 255 * (1 + 1e-9), 1.0)


def _sod() -> Any:
    try:
        import py_sod_metrics
    except ImportError as error:
        raise MissingExtra("S-measure, E-measure and F-measures", "eval") from error
    return py_sod_metrics
