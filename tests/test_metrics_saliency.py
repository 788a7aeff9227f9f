"""The salient-object measures: pysodmetrics' own figures where they are defined, and the empty truth where not."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from bgdl.errors import MissingExtra
from bgdl.metrics import saliency
from tests.test_metrics_segmentation import blobs

sod = pytest.importorskip("py_sod_metrics")


@pytest.fixture(scope="module")
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    alpha, truth = blobs(1), (blobs(2) >= 0.5).float()
    return alpha, truth  # the matte spans 0..255, so that pysodmetrics' stretch changes nothing


def upstream(measure, pair) -> dict:
    alpha, truth = ((matte * 255).round().byte().numpy() for matte in pair)
    measure.step(alpha, truth)
    return measure.get_results()


def test_as_pysodmetrics(pair):
    assert saliency.s_measure(*pair) == pytest.approx(upstream(sod.Smeasure(), pair)["sm"], abs=1e-5)
    assert saliency.weighted_f(*pair) == pytest.approx(upstream(sod.WeightedFmeasure(), pair)["wfm"], abs=1e-5)
    np.testing.assert_allclose(saliency.e_curve(*pair), upstream(sod.Emeasure(), pair)["em"]["curve"], atol=1e-3)


def test_f_curve_is_f_at_every_threshold(pair):
    alpha, truth = pair
    levels = (alpha * 255).round()
    curve = saliency.f_curve(alpha, truth)
    for level in (255, 200, 128, 1):
        mask = (levels >= level).float()
        precision, recall = (mask * truth).sum() / mask.sum(), (mask * truth).sum() / truth.sum()
        assert curve[255 - level] == pytest.approx(
            (1.3 * precision * recall / (0.3 * precision + recall)).item(), abs=1e-5
        )


def test_a_faint_matte_is_not_stretched():
    faint, truth = blobs(3) * 0.02, (blobs(3) >= 0.5).float()
    assert saliency.f_curve(faint, truth)[: 255 - 6].max() == 0  # nothing above level 5


@pytest.mark.parametrize("measure", [saliency.s_measure, saliency.weighted_f, saliency.e_curve, saliency.f_curve])
def test_perfect_and_empty(measure, pair):
    truth, nothing = pair[1], torch.zeros_like(pair[1])
    assert measure(truth, truth).max() == pytest.approx(1, abs=1e-4)
    assert measure(nothing, nothing).max() == 1
    assert measure(torch.ones_like(nothing), nothing).max() == pytest.approx(0, abs=1e-6)
    both = measure(torch.stack(pair), torch.stack([truth, truth]))
    torch.testing.assert_close(both[1], measure(truth, truth))


def test_a_subject_that_is_not_there_is_worth_nothing(pair):
    truth, nothing = pair[1], torch.zeros_like(pair[1])
    assert saliency.weighted_f(truth, nothing) == 0
    assert saliency.f_curve(truth, nothing).max() == 0


@pytest.mark.parametrize("at", [np.s_[:, -1], np.s_[-1], np.s_[-1, -1], np.s_[0, :1]], ids=str)
@pytest.mark.parametrize("size_hw", [(12, 16), (1, 9), (9, 1), (1, 1)], ids=str)
def test_a_subject_at_the_very_edge(at, size_hw):
    truth = torch.zeros(size_hw)
    truth[at] = 1
    for measure in (saliency.s_measure, saliency.weighted_f, saliency.e_curve, saliency.f_curve):
        assert measure(truth, truth).max() == pytest.approx(1, abs=1e-4)
        assert torch.isfinite(measure(torch.full(size_hw, 0.3), truth)).all()


def test_without_the_package(pair, monkeypatch):
    monkeypatch.setitem(sys.modules, "py_sod_metrics", None)
    with pytest.raises(MissingExtra, match=r'pip install "bgdl\[eval\]"'):
        saliency.s_measure(*pair)
