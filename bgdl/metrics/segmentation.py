"""How well a matte, cut at a threshold, covers the subject: region and boundary measures.

Every function takes float (or bool) tensors (...,H,W) in [0,1] of one shape, reduces the last two dimensions and
returns float32 (...), 1 being perfect. Binary means >= 0.5, which is >= 128 of 255. Where a ratio is 0/0, there was
nothing to find and nothing was found: it counts as 1. So an empty matte of an empty truth is perfect, and anything
in the matte of an empty truth costs the whole IoU.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from bgdl.errors import InputError
from bgdl.opencv import cv2

THRESHOLD = 0.5
LEVELS = 255


def iou(alpha: Tensor, truth: Tensor, *, threshold: float = THRESHOLD) -> Tensor:
    """Intersection over union |A∩T| / |A∪T|, the Jaccard index (DAVIS's J)."""
    a, t = masks(alpha, truth, threshold=threshold)
    return ratio(count(a & t), count(a | t))


def dice(alpha: Tensor, truth: Tensor) -> Tensor:
    """2|A∩T| / (|A|+|T|), the Dice coefficient or F1 of the pixels."""
    a, t = masks(alpha, truth)
    return ratio(2 * count(a & t), count(a) + count(t))


def precision(alpha: Tensor, truth: Tensor) -> Tensor:
    """|A∩T| / |A|: how much of the matte is subject."""
    a, t = masks(alpha, truth)
    return ratio(count(a & t), count(a))


def recall(alpha: Tensor, truth: Tensor) -> Tensor:
    """|A∩T| / |T|: how much of the subject is in the matte."""
    a, t = masks(alpha, truth)
    return ratio(count(a & t), count(t))


def iou_curve(alpha: Tensor, truth: Tensor) -> Tensor:
    """IoU at each threshold 1/255 ... 255/255 -> float32 (...,255).

    The best threshold of a method is the argmax of this curve's mean over its pictures.
    """
    check(alpha, truth)
    pixels = truth.shape[-2] * truth.shape[-1]
    level = (alpha.float() * LEVELS + 0.5).floor().long().reshape(-1, pixels)
    inside = (truth >= THRESHOLD).reshape(-1, pixels)
    hits, false_alarms = _at_least(level, inside), _at_least(level, ~inside)
    return ratio(hits, inside.sum(dim=1, keepdim=True) + false_alarms).reshape(*truth.shape[:-2], LEVELS)


def boundary_iou(alpha: Tensor, truth: Tensor, *, dilation_ratio: float = 0.02) -> Tensor:
    """IoU of the two masks' inner borders, `dilation_ratio` of the picture's diagonal wide (at least 1 px).

    Source: Cheng et al., Boundary IoU, CVPR 2021; the picture's edge counts as a border, as in their code.
    """
    a, t = masks(alpha, truth)
    width_px = max(1, round(dilation_ratio * _diagonal(truth)))
    return iou(_inner_border(a, width_px), _inner_border(t, width_px))


def boundary_f(alpha: Tensor, truth: Tensor, *, bound: float = 0.008) -> Tensor:
    """DAVIS's F: F1 of contour pixels that lie within `bound` of the diagonal of a contour of the other mask.

    Two masks without a contour score 1 where they are the same, else 0. Source: Perazzi et al., DAVIS, CVPR 2016,
    with the disk-dilated matching of the DAVIS 2017 toolkit.
    """
    a, t = masks(alpha, truth)
    radius_px = float(torch.tensor(bound * _diagonal(truth)).ceil())
    return per_picture(lambda one, two: _contour_f(one, two, radius_px), a, t)


def check(alpha: Tensor, truth: Tensor) -> None:
    """Raise InputError unless both are float or bool tensors (...,H,W) of one shape."""
    for name, value in (("alpha", alpha), ("truth", truth)):
        if not (value.is_floating_point() or value.dtype == torch.bool):
            raise InputError(f"{name} is {value.dtype}; metrics take float or bool in [0,1]: convert.to_unit makes it")
        if value.ndim < 2:
            raise InputError(f"{name} has shape {tuple(value.shape)}; metrics take (...,H,W)")
    if alpha.shape != truth.shape:
        raise InputError(f"alpha is {tuple(alpha.shape)} but truth is {tuple(truth.shape)}; resize one to the other")


def masks(alpha: Tensor, truth: Tensor, *, threshold: float = THRESHOLD) -> tuple[Tensor, Tensor]:
    """Both as bool; the threshold is the matte's, a truth is always cut at 0.5."""
    check(alpha, truth)
    return alpha >= threshold, truth >= THRESHOLD


def count(mask: Tensor) -> Tensor:
    """Number of true pixels over the last two dimensions, as int64."""
    return mask.sum(dim=(-2, -1))


def ratio(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole as float32, 0/0 being 1."""
    return torch.where(whole > 0, part / whole.clamp_min(1), 1.0).float()


def per_picture(measure: Callable[[Tensor, Tensor], float], alpha: Tensor, truth: Tensor) -> Tensor:
    """Call `measure` on each (H,W) pair -> float32 (...), for measures that have no batched form."""
    pairs = zip(alpha.reshape(-1, *alpha.shape[-2:]), truth.reshape(-1, *truth.shape[-2:]), strict=True)
    return torch.tensor([measure(a, t) for a, t in pairs], device=alpha.device).reshape(alpha.shape[:-2])


def _diagonal(picture: Tensor) -> float:
    height, width = picture.shape[-2:]
    return float((height**2 + width**2) ** 0.5)


def _inner_border(mask: Tensor, width_px: int) -> Tensor:
    """The mask less its erosion by a square of 2*width_px+1, the outside of the picture being background.

    By sums over squares, whose cost does not grow with their side.
    """
    side = 2 * width_px + 1
    outside = F.pad((~mask).int(), (width_px,) * 4, value=1)
    total = F.pad(outside.cumsum(-1).cumsum(-2), (1, 0, 1, 0))
    near = total[..., side:, side:] - total[..., :-side, side:] - total[..., side:, :-side] + total[..., :-side, :-side]
    return mask & (near > 0)


def _contour_f(mask: Tensor, truth: Tensor, radius_px: float) -> float:
    a, t = _contour(mask), _contour(truth)
    if not a.any() and not t.any():
        return float(torch.equal(mask, truth))
    precision, recall = _share_near(a, t, radius_px), _share_near(t, a, radius_px)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _contour(mask: Tensor) -> Tensor:
    """DAVIS's one-pixel contour: where a pixel differs from its east, south or south-east neighbour."""
    padded = F.pad(mask[None, None].float(), (0, 1, 0, 1), mode="replicate")[0, 0].bool()
    return (mask ^ padded[:-1, 1:]) | (mask ^ padded[1:, :-1]) | (mask ^ padded[1:, 1:])


def _share_near(contour: Tensor, other: Tensor, radius_px: float) -> float:
    """The share of `contour` within `radius_px` of `other`; 1 where there is no contour."""
    if not contour.any():
        return 1.0
    if not other.any():
        return 0.0
    away = cv2.distanceTransform((~other).byte().cpu().numpy(), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near = torch.from_numpy(away).to(contour.device) <= radius_px + 1e-3
    return float((contour & near).sum() / contour.sum())


def _at_least(level: Tensor, where: Tensor) -> Tensor:
    """Pixels (K,P) at or above each level 1..255, counting only `where` -> int64 (K,255)."""
    histogram = torch.zeros(len(level), LEVELS + 1, dtype=torch.int64, device=level.device)
    histogram.scatter_add_(1, level, where.long())
    return histogram.flip(1).cumsum(1).flip(1)[:, 1:]
