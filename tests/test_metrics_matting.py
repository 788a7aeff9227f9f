"""Soft-matte errors against torchmetrics and against the alphamatting.com steps written again with scipy."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torchmetrics.functional.regression import mean_absolute_error, mean_squared_error

from bgdl.metrics import matting
from tests.test_metrics_segmentation import blobs, mattes

MEASURES = (matting.mae, matting.mse, matting.sad, matting.grad, matting.conn)


@given(mattes())
@settings(max_examples=40, deadline=None)
def test_laws(pair):
    alpha, truth = pair
    for measure in MEASURES:
        assert measure(truth, truth) == 0
        assert measure(alpha, truth) >= 0
        assert measure(alpha, truth) == pytest.approx(measure(truth, alpha).item(), rel=1e-5)


@given(mattes())
@settings(max_examples=30, deadline=None)
def test_plain_errors_agree_with_torchmetrics(pair):
    alpha, truth = (matte.contiguous() for matte in pair)
    mean = mean_absolute_error(alpha, truth).item()
    assert matting.mae(alpha, truth) == pytest.approx(mean, rel=1e-5)
    assert matting.sad(alpha, truth) == pytest.approx(mean * alpha.numel() / 1000, rel=1e-5)
    assert matting.mse(alpha, truth) == pytest.approx(mean_squared_error(alpha, truth).item() * 1000, rel=1e-5)


def benchmark_gradient(matte: np.ndarray, ndimage) -> np.ndarray:
    """gaussgradient.m at sigma 1.4 as the benchmark calls it: 'replicate' edges, filters of unit L2 norm."""
    sigma, epsilon = 1.4, 1e-2
    half = math.ceil(sigma * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * sigma * epsilon)))

    def gauss(x):
        return math.exp(-(x**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))

    def slope(x):
        return -x * gauss(x) / sigma**2

    kernel = np.array([[gauss(i - half) * slope(j - half) for j in range(2 * half + 1)] for i in range(2 * half + 1)])
    kernel /= np.sqrt((np.abs(kernel) ** 2).sum())
    across, down = (ndimage.convolve(matte, k, mode="nearest") for k in (kernel, kernel.T))
    return np.sqrt(across**2 + down**2)


@pytest.mark.parametrize("seeds", [(1, 2), (3, 4)])
def test_grad_is_the_benchmarks(seeds):
    ndimage = pytest.importorskip("scipy.ndimage")
    alpha, truth = (blobs(seed) for seed in seeds)
    a, t = (benchmark_gradient(matte.double().numpy(), ndimage) for matte in (alpha, truth))
    assert matting.grad(alpha, truth) == pytest.approx(((a - t) ** 2).sum() / 1000, rel=1e-4)


def benchmark_connectivity(pred: np.ndarray, target: np.ndarray, ndimage) -> float:
    """compute_connectivity_error.m with step 0.1, over the whole picture."""
    levels = np.linspace(0, 1, 11)
    l_map = -np.ones(pred.shape)
    for before, level in pairwise(levels):
        labels, found = ndimage.label((pred >= level) & (target >= level))
        sizes = ndimage.sum(np.ones(pred.shape), labels, range(1, found + 1))
        omega = labels == 1 + np.argmax(sizes) if found else np.zeros(pred.shape, bool)
        l_map[(l_map == -1) & ~omega] = before
    l_map[l_map == -1] = 1
    phis = [1 - (matte - l_map) * ((matte - l_map) >= 0.15) for matte in (pred, target)]
    return np.abs(phis[0] - phis[1]).sum() / 1000


@pytest.mark.parametrize("contrast", [1, 4], ids=["soft", "solid"])
@pytest.mark.parametrize("seeds", [(5, 6), (7, 8)])
def test_conn_is_the_benchmarks(seeds, contrast):
    ndimage = pytest.importorskip("scipy.ndimage")
    alpha, truth = (((blobs(seed) - 0.5) * contrast + 0.5).clamp(0, 1) for seed in seeds)
    expected = benchmark_connectivity(alpha.double().numpy(), truth.double().numpy(), ndimage)
    assert expected > 0.1
    assert matting.conn(alpha, truth) == pytest.approx(expected, rel=1e-5)


def test_batches_are_their_pictures():
    alpha, truth = torch.stack([blobs(1), blobs(2)]), torch.stack([blobs(3), blobs(4)])
    for measure in MEASURES:
        singles = torch.stack([measure(a, t) for a, t in zip(alpha, truth, strict=True)])
        torch.testing.assert_close(measure(alpha, truth), singles)


def test_masks_of_bool_are_mattes_of_0_and_1():
    alpha, truth = blobs(1) >= 0.5, blobs(2) >= 0.5
    for measure in MEASURES:
        assert measure(alpha, truth) == measure(alpha.float(), truth.float()) > 0


def test_units():
    alpha, truth = torch.full((100, 50), 0.5), torch.zeros(100, 50)
    assert matting.mae(alpha, truth) == 0.5
    assert matting.mse(alpha, truth) == 250
    assert matting.sad(alpha, truth) == 2.5
    assert matting.grad(alpha, truth) == pytest.approx(0, abs=1e-6)
