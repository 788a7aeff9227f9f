"""The loss: finite wherever it can be asked for, zero for a perfect matte, and what it says it is."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from bgdl.training.losses import Loss, edge_weights, soft_iou_loss, ssim_loss, weighted_bce

ALL = Loss(bce=1, iou=1, ssim=1, sides=1, boundary=5)


def disc(size: int = 24) -> Tensor:
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    return (((x - size / 2) ** 2 + (y - size / 2) ** 2) < (size / 3) ** 2).float()[None, None]


@pytest.mark.parametrize("masks", [torch.zeros(1, 1, 17, 9), torch.ones(2, 1, 8, 8), torch.rand(1, 1, 1, 1)])
@pytest.mark.parametrize("scale", [0.0, 1e4, -1e4])
def test_finite_with_finite_gradient(masks: Tensor, scale: float) -> None:
    logits = [torch.full_like(masks, scale).requires_grad_(True) for _ in range(7)]
    loss = ALL(logits, masks)
    loss.backward()
    assert loss.isfinite() and loss.dtype == torch.float32
    assert all(bool(one.grad.isfinite().all()) for one in logits if one.grad is not None)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_give_a_float32_loss(dtype: torch.dtype) -> None:
    masks = disc()
    logits = [((masks - 0.5) * 4).to(dtype)] * 7
    assert abs(float(ALL(logits, masks)) - float(ALL([one.float() for one in logits], masks))) < 1e-6


def test_autocast_changes_nothing_much() -> None:
    masks, logits = disc(), [torch.randn(1, 1, 24, 24)] * 7
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = ALL(logits, masks)
    assert abs(float(inside) - float(ALL(logits, masks))) < 1e-3


def test_perfect_mattes_cost_nothing_and_wrong_ones_much() -> None:
    masks = disc()
    right, wrong = [(masks - 0.5) * 60] * 7, [(0.5 - masks) * 60] * 7
    assert float(ALL(right, masks)) < 1e-3 < 10 < float(ALL(wrong, masks))


@given(st.floats(0.05, 0.95))
@settings(max_examples=20, deadline=None)
def test_bce_without_weights_is_torchs(level: float) -> None:
    logits = torch.full((1, 1, 6, 6), level).logit()
    masks = (torch.arange(36).reshape(1, 1, 6, 6) % 2).float()
    expected = F.binary_cross_entropy_with_logits(logits, masks)
    assert torch.allclose(weighted_bce(logits, masks, edge_weights(masks, 0.0)), expected)


def test_soft_iou_of_binary_mattes_is_the_jaccard_distance() -> None:
    matte, masks = torch.zeros(1, 1, 100, 100), torch.zeros(1, 1, 100, 100)
    matte[..., :60], masks[..., 20:] = 1, 1
    assert float(soft_iou_loss(matte, masks, torch.ones_like(masks))) == pytest.approx(1 - 40 / 100, abs=1e-3)


def test_ssim_of_flat_fields_is_wangs_formula() -> None:
    """Two flat fields a and b give 1 - (2ab+C1)/(a²+b²+C1)."""
    a, b = torch.full((1, 1, 64, 64), 0.3), torch.full((1, 1, 64, 64), 0.8)
    inner = (2 * 0.3 * 0.8 + 1e-4) / (0.3**2 + 0.8**2 + 1e-4)
    assert float(ssim_loss(a, a)) == pytest.approx(0, abs=1e-5)
    assert float(ssim_loss(a, b)) == pytest.approx(1 - inner, abs=1e-3)  # variances of 1e-8, not 0, in float32


def test_ssim_is_torchmetrics() -> None:
    """But for a border, which each repeats in its way: here there is nothing to see in it."""
    generator = torch.Generator().manual_seed(0)
    a, b = torch.full((2, 1, 1, 48, 64), 0.5)
    a[..., 16:32, 16:48], b[..., 16:32, 16:48] = torch.rand(2, 1, 1, 16, 32, generator=generator)
    _, similarity = structural_similarity_index_measure(a, b, data_range=1.0, sigma=1.5, return_full_image=True)
    expected = float((1 - similarity).sum()) / (48 * 64)
    assert float(ssim_loss(a, b)) == pytest.approx(expected, rel=1e-3)
    only = Loss(bce=0, iou=0, ssim=2, sides=0)
    assert float(only([a.logit()], b)) == pytest.approx(2 * expected, rel=1e-3)


def test_edges_weigh_more() -> None:
    weights = edge_weights(disc(80), 3.0)
    assert float(weights[0, 0, 40, 40]) == 1 == float(weights[0, 0, 0, 0])
    assert 2.0 < float(weights.max()) <= 4.0


def test_sides_and_teacher_can_be_left_out() -> None:
    masks, fused = disc(), torch.zeros(1, 1, 24, 24)
    alone = Loss(sides=0.0)([fused, *[torch.full_like(fused, 9.0)] * 6], masks)
    assert torch.equal(alone, Loss(sides=0.0)([fused], masks))
    assert torch.equal(Loss(distil=2.0)([fused], masks), Loss()([fused], masks))  # as in validation
    teacher = torch.full_like(fused, 0.5)
    assert float(Loss(distil=2.0)([fused], masks, teacher)) == pytest.approx(
        float(Loss()([fused], masks)) + 2 * float(torch.tensor(2.0).log()), abs=1e-5
    )
