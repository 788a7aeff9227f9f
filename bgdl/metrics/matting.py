"""How far a soft matte is from a soft truth, in the units in which matting papers publish.

Every function takes float tensors (...,H,W) in [0,1] of one shape, reduces the last two dimensions and returns
float32 (...), 0 being perfect. All are taken over the whole picture (no trimap). Sources: Rhemann et al., A
Perceptually Motivated Online Benchmark for Image Matting, CVPR 2009, and the code on alphamatting.com.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from bgdl.metrics.segmentation import check, per_picture
from bgdl.opencv import cv2

PUBLISHED = 1000.0
_SIGMA = 1.4
_STEPS = 10
_TOLERANCE = 0.15


def mae(alpha: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute error, mean |α−α*|, in 0..1 (matting papers print it times 1000, as MAD)."""
    check(alpha, truth)
    return (alpha.float() - truth.float()).abs().mean(dim=(-2, -1))


def mse(alpha: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error, mean (α−α*)², in units of 1e-3."""
    check(alpha, truth)
    return ((alpha.float() - truth.float()) ** 2).mean(dim=(-2, -1)).mul(PUBLISHED)


def sad(alpha: Tensor, truth: Tensor) -> Tensor:
    """Sum of absolute differences, Σ |α−α*|, in thousands of pixels."""
    check(alpha, truth)
    return (alpha.float() - truth.float()).abs().sum(dim=(-2, -1)).div(PUBLISHED)


def grad(alpha: Tensor, truth: Tensor) -> Tensor:
    """Gradient error, Σ (|∇α|−|∇α*|)², in thousands; ∇ by derivatives of a Gaussian of sigma 1.4 px."""
    check(alpha, truth)
    return (_slope(alpha) - _slope(truth)).square().sum(dim=(-2, -1)).div(PUBLISHED)


def conn(alpha: Tensor, truth: Tensor) -> Tensor:
    """Connectivity error, Σ |φ(α)−φ(α*)|, in thousands.

    φ falls below 1 where a pixel's alpha is over 0.15 above the level (in steps of 0.1) down to which it hangs
    together (4-connected) with the largest region that both mattes have at that level.
    """
    check(alpha, truth)
    return per_picture(_connectivity_error, alpha, truth)


def _slope(matte: Tensor) -> Tensor:
    """Length of the gradient, by the benchmark's separable filters, edges repeated; by OpenCV, on the CPU."""
    bell, slope = (kernel.numpy() for kernel in _gaussian())
    lengths = torch.empty(matte.shape)
    planes = matte.float().cpu().reshape(-1, *matte.shape[-2:])
    for source, target in zip(planes.numpy(), lengths.view(planes.shape).numpy(), strict=True):
        across, down = _filter(source, slope, bell), _filter(source, bell, slope)
        cv2.magnitude(across, down, magnitude=target)
    return lengths.to(matte.device)


def _filter(plane: NDArray[np.float32], across: NDArray[np.float32], down: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.sepFilter2D(plane, cv2.CV_32F, across, down, borderType=cv2.BORDER_REPLICATE), np.float32)


def _gaussian() -> tuple[Tensor, Tensor]:
    """A Gaussian and its derivative, each of unit L2 norm, cut where the benchmark's falls under 1e-2."""
    half = math.ceil(_SIGMA * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * _SIGMA * 1e-2)))
    at = torch.arange(-half, half + 1, dtype=torch.float32)
    bell = torch.exp(-(at**2) / (2 * _SIGMA**2))
    return F.normalize(bell, dim=0), F.normalize(at * bell, dim=0)


def _connectivity_error(alpha: Tensor, truth: Tensor) -> float:
    a, t = (matte.double().cpu().numpy() for matte in (alpha, truth))
    level = _shared_level(a, t)
    return float(np.abs(_phi(a - level) - _phi(t - level)).sum() / PUBLISHED)


def _shared_level(a: NDArray[np.float64], t: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each pixel the last level before it leaves the largest region that both mattes share."""
    level = np.full(a.shape, -1.0)
    for step in range(1, _STEPS + 1):
        both = (a >= step / _STEPS) & (t >= step / _STEPS)
        leaves = (level < 0) & ~_largest_region(both)
        level[leaves] = (step - 1) / _STEPS
    level[level < 0] = 1.0
    return level


def _largest_region(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    found, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if found < 2:
        return mask
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])))


def _phi(above: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 - above * (above >= _TOLERANCE)
