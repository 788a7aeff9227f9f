"""Region and boundary measures against torchmetrics, the published codes' steps, and their own laws."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torchmetrics.functional import classification as tm

from bgdl.errors import InputError
from bgdl.metrics import segmentation as seg

MEASURES = (seg.iou, seg.dice, seg.precision, seg.recall, seg.boundary_iou, seg.boundary_f)
SYMMETRIC = (seg.iou, seg.dice, seg.boundary_iou, seg.boundary_f)


def mattes():
    """A matte and a truth of one shape, of 8-bit levels."""
    shapes = st.tuples(st.integers(1, 24), st.integers(1, 24))
    plane = shapes.flatmap(lambda shape: st.tuples(*[arrays.arrays(np.uint8, shape)] * 2))
    return plane.map(lambda pair: tuple(torch.from_numpy(matte).float() / 255 for matte in pair))


def blobs(seed: int, size_hw: tuple[int, int] = (61, 83)) -> torch.Tensor:
    """A soft matte with a few smooth regions."""
    noise = np.random.default_rng(seed).random(size_hw)
    smooth = cv2.GaussianBlur(noise, (0, 0), 6)
    low, high = smooth.min(), smooth.max()
    return torch.from_numpy((smooth - low) / (high - low)).float()


@given(mattes())
@settings(max_examples=40, deadline=None)
def test_regions_agree_with_torchmetrics(pair):
    alpha, truth = pair
    mask, target = alpha >= 0.5, (truth >= 0.5).int()
    if not target.any() or not mask.any():
        return
    assert seg.iou(alpha, truth) == pytest.approx(tm.binary_jaccard_index(mask.int(), target).item(), abs=1e-6)
    assert seg.dice(alpha, truth) == pytest.approx(tm.binary_f1_score(mask.int(), target).item(), abs=1e-6)
    assert seg.precision(alpha, truth) == pytest.approx(tm.binary_precision(mask.int(), target).item(), abs=1e-6)
    assert seg.recall(alpha, truth) == pytest.approx(tm.binary_recall(mask.int(), target).item(), abs=1e-6)


@given(mattes())
@settings(max_examples=40, deadline=None)
def test_laws(pair):
    alpha, truth = pair
    for measure in MEASURES:
        assert measure(truth, truth) == 1
        assert 0 <= measure(alpha, truth) <= 1
    for measure in SYMMETRIC:
        assert measure(alpha, truth) == pytest.approx(measure(truth, alpha).item(), abs=1e-6)
    assert seg.precision(alpha, truth) == seg.recall(truth, alpha)


@given(mattes(), st.integers(2, 3))
@settings(max_examples=20, deadline=None)
def test_regions_do_not_change_when_both_are_enlarged(pair, times):
    large = [matte.repeat_interleave(times, 0).repeat_interleave(times, 1) for matte in pair]
    for measure in (seg.iou, seg.dice, seg.precision, seg.recall):
        assert measure(*large) == measure(*pair)


def test_boundaries_hardly_change_when_both_are_enlarged():
    truth = blobs(1, (225, 300))
    pair = (0.6 * truth + 0.4 * blobs(2, (225, 300)), truth)
    large = [F.interpolate(matte[None, None], scale_factor=2, mode="bilinear")[0, 0] for matte in pair]
    for measure in (seg.boundary_f, seg.boundary_iou):
        assert 0.2 < measure(*pair) < 0.95
        assert measure(*large) == pytest.approx(measure(*pair).item(), abs=0.05)


def test_curve_is_iou_at_every_threshold():
    alpha, truth = (blobs(2) * 255).round() / 255, blobs(3)
    curve = seg.iou_curve(alpha, truth)
    assert curve.shape == (255,)
    for level in (1, 77, 128, 255):
        expected = seg.iou(alpha, truth, threshold=(level - 0.25) / 255)
        assert curve[level - 1] == pytest.approx(expected.item(), abs=1e-6)


def test_batches_are_their_pictures():
    alpha, truth = torch.stack([blobs(4), blobs(5)]), torch.stack([blobs(6), blobs(7)])
    for measure in (*MEASURES, seg.iou_curve):
        both = measure(alpha, truth)
        assert torch.equal(both, torch.stack([measure(a, t) for a, t in zip(alpha, truth, strict=True)]))


@pytest.mark.parametrize("measure", MEASURES)
def test_empty_truth(measure):
    empty, full = torch.zeros(9, 9), torch.ones(9, 9)
    assert measure(empty, empty) == 1
    expected = 1.0 if measure is seg.recall else 0.0
    assert measure(full, empty) == expected
    assert measure(empty, full) == (1.0 if measure is seg.precision else 0.0)


def test_half_of_255_is_subject():
    levels = torch.tensor([[127, 128]]) / 255
    assert seg.precision(levels, torch.tensor([[0.0, 1.0]])) == 1


def cheng_border(mask: np.ndarray) -> np.ndarray:
    """mask_to_boundary of github.com/bowenc0221/boundary-iou-api, step by step."""
    height, width = mask.shape
    dilation = max(1, round(0.02 * np.sqrt(height**2 + width**2)))
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=dilation)
    return mask - eroded[1:-1, 1:-1]


@pytest.mark.parametrize("size_hw", [(61, 83), (240, 160), (7, 5)])
def test_boundary_iou_is_chengs(size_hw):
    alpha, truth = blobs(8, size_hw), blobs(9, size_hw)
    a, t = (cheng_border((matte >= 0.5).byte().numpy()) for matte in (alpha, truth))
    expected = ((a * t) > 0).sum() / ((a + t) > 0).sum()
    assert seg.boundary_iou(alpha, truth) == pytest.approx(expected, abs=1e-6)


def davis_contour(mask: np.ndarray) -> np.ndarray:
    """seg2bmap of the DAVIS 2017 toolkit at the mask's own size."""
    east, south, south_east = np.zeros_like(mask), np.zeros_like(mask), np.zeros_like(mask)
    east[:, :-1], south[:-1], south_east[:-1, :-1] = mask[:, 1:], mask[1:], mask[1:, 1:]
    edge = mask ^ east | mask ^ south | mask ^ south_east
    edge[-1] = mask[-1] ^ east[-1]
    edge[:, -1] = mask[:, -1] ^ south[:, -1]
    edge[-1, -1] = False
    return edge


@pytest.mark.parametrize("size_hw", [(61, 83), (240, 160)])
def test_boundary_f_is_daviss(size_hw):
    morphology = pytest.importorskip("skimage.morphology")
    alpha, truth = blobs(10, size_hw), blobs(10, size_hw).roll(3, 1)
    disk = morphology.disk(int(np.ceil(0.008 * np.linalg.norm(size_hw))))
    a, t = (davis_contour((matte >= 0.5).numpy()) for matte in (alpha, truth))
    wide_a, wide_t = (cv2.dilate(edge.astype(np.uint8), disk) > 0 for edge in (a, t))
    precision, recall = (a & wide_t).sum() / a.sum(), (t & wide_a).sum() / t.sum()
    assert seg.boundary_f(alpha, truth) == pytest.approx(2 * precision * recall / (precision + recall), abs=1e-6)


@pytest.mark.parametrize("measure", [*MEASURES, seg.iou_curve])
def test_bytes_are_refused(measure):
    with pytest.raises(InputError, match=r"alpha is torch.uint8; metrics take float or bool in \[0,1\]"):
        measure(torch.zeros(3, 3, dtype=torch.uint8), torch.zeros(3, 3))


def test_mistakes_are_said():
    with pytest.raises(InputError, match=r"alpha is \(3, 3\) but truth is \(3, 4\); resize one to the other"):
        seg.iou(torch.zeros(3, 3), torch.zeros(3, 4))
    with pytest.raises(InputError, match=r"metrics take \(...,H,W\)"):
        seg.iou(torch.zeros(3), torch.zeros(3))
