"""Edge matting: the band that is solved, its time limit, and what it leaves alone."""

from __future__ import annotations

import sys
import warnings
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bgdl.errors import MissingExtra
from bgdl.refine import matting
from bgdl.refine.matting import closed_form, make_trimap
from tests.disc_scene import coarse, disc, error


def test_trimap_is_unknown_around_the_edge() -> None:
    alpha = torch.zeros(40, 40)
    alpha[:, 20:] = 1
    row = make_trimap(alpha.numpy(), 3)[20].tolist()
    assert row == [0.0] * 17 + [0.5] * 6 + [1.0] * 17


@pytest.mark.slow
def test_matting_solves_the_edge() -> None:
    pytest.importorskip("pymatting")
    frames, truth, _ = disc(80)
    alpha = coarse(truth, 20)
    solved = closed_form(frames, alpha, band=0.05)
    assert (solved.shape, solved.dtype) == (alpha.shape, torch.float32)
    assert error(solved, truth) < 0.35 * error(alpha, truth)
    smaller = closed_form(frames, alpha, band=0.05, working_px=2500)
    assert error(smaller, truth) < 0.6 * error(alpha, truth)


def test_matting_solves_all_of_the_band_at_no_more_than_the_asked_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    frames, alpha = torch.full((1, 100, 200, 3), 255, dtype=torch.uint8), torch.zeros(1, 100, 200, 1)
    alpha[:, :, 98:102], alpha[:, :, 102:] = 0.5, 1  # with what is around, a band of some 1500 px
    solved_px: list[int] = []

    def estimate(image: NDArray[np.float64], trimap: NDArray[np.float64], limit_s: float) -> NDArray[np.float64]:
        assert image.shape == (*trimap.shape, 3) and np.allclose(image, 1)
        solved_px.append(trimap.size)
        return np.where(np.indices(trimap.shape)[1] < trimap.shape[1] / 2, 1.0 - answers, answers)

    monkeypatch.setattr(matting, "_estimate", estimate)
    answers = 0.5
    solved = closed_form(frames, alpha + 0.1 * (alpha == 0.5))
    assert (solved[:, :, 97:103] == 0.5).all() and torch.equal(solved[:, :, :90], alpha[:, :, :90])
    answers = 1.0  # a step, which overshoots where it is enlarged
    solved = closed_form(frames, alpha, working_px=600)
    assert solved.min() == 0 and solved.max() == 1
    assert 500 < solved_px[1] < 660 < 1300 < solved_px[0]


def test_matting_solves_a_narrow_band_of_both_sides_and_levels_it(monkeypatch: pytest.MonkeyPatch) -> None:
    alpha = torch.zeros(1, 20, 800, 1)
    alpha[:, :, 400:] = 1
    monkeypatch.setattr(matting, "_estimate", lambda image, trimap, limit_s: np.full(trimap.shape, 0.3))
    expected = alpha.clone()
    expected[:, :, 396:404] = 0.25
    assert torch.allclose(closed_form(torch.zeros(1, 20, 800, 3, dtype=torch.uint8), alpha), expected, atol=1e-6)


@pytest.mark.parametrize("sure", [0.0, 1.0])
def test_matting_needs_both_sides_of_an_edge(sure: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matting, "_estimate", None)
    alpha = torch.full((1, 40, 40, 1), sure)
    alpha[:, 15:25] = 0.5
    assert torch.equal(closed_form(torch.zeros(1, 40, 40, 3, dtype=torch.uint8), alpha), alpha)


def test_matting_past_its_limit_keeps_the_matte_and_says_so() -> None:
    pytest.importorskip("pymatting")
    frames, truth, _ = disc(80)
    alpha = coarse(truth, 20)
    with pytest.warns(UserWarning, match=r"longer than 0 s: this picture keeps the network's matte; .*decontaminate"):
        assert torch.equal(closed_form(frames, alpha, limit_s=0), alpha)


def test_the_time_that_pymatting_takes_to_load_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    pymatting = pytest.importorskip("pymatting")
    now_s = 0.0

    class Slow(ModuleType):
        def __getattr__(self, name: str) -> Any:
            nonlocal now_s
            now_s += 100
            return getattr(pymatting, name)

    monkeypatch.setitem(sys.modules, "pymatting", Slow("pymatting"))
    monkeypatch.setattr(matting, "time", SimpleNamespace(monotonic=lambda: now_s))
    frames, truth, _ = disc(40)
    alpha = coarse(truth, 10)
    assert not torch.equal(closed_form(frames, alpha, limit_s=1), alpha)


def test_matting_prints_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pymatting = pytest.importorskip("pymatting")

    def talkative(matrix: Any) -> Any:
        print("PERFORMANCE WARNING")
        return pymatting.jacobi(matrix)

    monkeypatch.setattr(pymatting, "ichol", talkative)
    frames, truth, _ = disc(40)
    closed_form(frames, coarse(truth, 10))
    assert capsys.readouterr() == ("", "")


def test_matting_leaves_mattes_without_an_edge_alone() -> None:
    frames = torch.zeros(1, 20, 20, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for value in (0.0, 0.5, 1.0):
            alpha = torch.full((1, 20, 20, 1), value)
            assert torch.equal(closed_form(frames, alpha), alpha)


def test_matting_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymatting", None)
    frames, truth, _ = disc(40)
    with pytest.raises(MissingExtra, match=r'edge matting needs an optional package: pip install "bgdl\[matting\]"'):
        closed_form(frames, truth)


def test_matting_takes_a_batch_of_no_frames() -> None:
    alpha = torch.zeros(0, 8, 9, 1)
    assert closed_form(torch.zeros(0, 8, 9, 3, dtype=torch.uint8), alpha).shape == alpha.shape
