"""What training minimises, on logits and safe under mixed precision.

Sources: deep supervision of Qin et al., U²-Net (2020); SSIM of BASNet (2019); boundary weights of Wei et al., F³Net
(2020); distillation of Hinton et al. (2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Loss:
    """How much each term counts; 0 leaves it out.

    Args:
        bce: Binary cross-entropy of the final matte.
        iou: Soft intersection over union of the final matte.
        ssim: Structural similarity of the final matte.
        sides: The same terms for the six side mattes together.
        boundary: How much more pixels near an edge count; 0 for all alike.
        distil: Difference from the teacher's matte; needs model.teacher.
    """

    bce: float = 1.0
    iou: float = 1.0
    ssim: float = 0.0
    sides: float = 1.0
    boundary: float = 3.0
    distil: float = 0.0

    def __call__(self, logits: Sequence[Tensor], masks: Tensor, teacher: Tensor | None = None) -> Tensor:
        """Seven logits (N,1,S,S), the fused one first, and masks in [0,1] -> a float32 scalar."""
        masks = masks.float()
        weights = edge_weights(masks, self.boundary)
        fused, *sides = (one.float() for one in logits)
        loss = self._one(fused, masks, weights)
        if sides and self.sides:
            loss = loss + self.sides / len(sides) * torch.stack([self._one(s, masks, weights) for s in sides]).sum()
        if teacher is not None and self.distil:
            loss = loss + self.distil * F.binary_cross_entropy_with_logits(fused, teacher.float())
        return loss

    def _one(self, logits: Tensor, masks: Tensor, weights: Tensor) -> Tensor:
        loss = logits.new_zeros(())
        if self.bce:
            loss = loss + self.bce * weighted_bce(logits, masks, weights)
        if self.iou:
            loss = loss + self.iou * soft_iou_loss(logits.sigmoid(), masks, weights)
        if self.ssim:
            loss = loss + self.ssim * ssim_loss(logits.sigmoid(), masks)
        return loss


def edge_weights(masks: Tensor, strength: float) -> Tensor:
    """1 + strength * 2|mean around - mask|: (N,1,H,W), 1 far from edges.

    About 1 + strength at a straight edge, up to 1 + 2 * strength where little is like it around: single pixels.
    """
    if not strength:
        return torch.ones_like(masks)
    radius = max(1, min(masks.shape[-2:]) // 40)
    around = F.avg_pool2d(masks, 2 * radius + 1, stride=1, padding=radius, count_include_pad=False)
    return 1 + strength * 2 * (around - masks).abs()


def weighted_bce(logits: Tensor, masks: Tensor, weights: Tensor) -> Tensor:
    """Binary cross-entropy, a weighted mean over all pixels."""
    each = F.binary_cross_entropy_with_logits(logits, masks, reduction="none")
    return (each * weights).sum() / weights.sum()


def soft_iou_loss(probability: Tensor, masks: Tensor, weights: Tensor) -> Tensor:
    """1 - sum(pm)/sum(p+m-pm) of each picture, averaged; defined (and small) for an empty mask and matte."""
    both = (probability * masks * weights).sum(dim=(1, 2, 3))
    either = ((probability + masks) * weights).sum(dim=(1, 2, 3)) - both
    return (1 - (both + 1) / (either + 1)).mean()


def ssim_loss(probability: Tensor, masks: Tensor, *, window: int = 11, sigma: float = 1.5) -> Tensor:
    """1 - SSIM with a Gaussian window (Wang et al., 2004), averaged over pixels and pictures."""
    positions = torch.arange(window, dtype=torch.float32) - window // 2
    line = torch.exp(-(positions**2) / (2 * sigma**2))
    taps = (line / line.sum()).tolist()

    def blur(x: Tensor) -> Tensor:
        """By sums, not by a convolution, whose TF32 on GPUs is too coarse for differences of squares."""
        x = F.pad(x, (window // 2,) * 4, mode="replicate")
        for dim in (2, 3):
            length = x.shape[dim] - window + 1
            x = torch.stack([tap * x.narrow(dim, start, length) for start, tap in enumerate(taps)]).sum(0)
        return x

    with torch.autocast(masks.device.type, enabled=False):
        p, m = probability.float(), masks.float()
        mean_p, mean_m = blur(p), blur(m)
        var_p, var_m = blur(p * p) - mean_p**2, blur(m * m) - mean_m**2
        covariance = blur(p * m) - mean_p * mean_m
        similarity = (2 * mean_p * mean_m + 1e-4) * (2 * covariance + 9e-4)
        return (1 - similarity / ((mean_p**2 + mean_m**2 + 1e-4) * (var_p + var_m + 9e-4))).mean()
