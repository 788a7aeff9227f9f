"""The contract that every registered method keeps: shapes, ranges, batches, state, and the empty scene."""

from __future__ import annotations

import importlib
import inspect

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

import bgdl
from bgdl import registry, weights
from bgdl.errors import InputError, MissingExtra
from bgdl.matters.wrapped import Refined, Smoothed
from bgdl.types import Matter, Primed
from tests.conftest import ROOT, SHARED

NETWORKS = tuple(weights.RECORDS)
CLASSICAL = tuple(name for name in registry.METHODS if name not in NETWORKS)
NEED_A_PLATE = ("static_difference",)
ANY_SIZE = st.tuples(st.integers(1, 3), st.integers(1, 21), st.integers(1, 21))


@pytest.fixture(autouse=True)
def _weights_beside_the_checkout(monkeypatch: pytest.MonkeyPatch, _own_home: None) -> None:
    monkeypatch.setenv("BGDL_WEIGHTS", str(SHARED / "weights"))


@pytest.fixture(scope="module")
def clip() -> Tensor:
    """Eight noisy frames of a wall, 31x45 (odd both ways), before which a dark square walks from the third on."""
    rng = np.random.default_rng(0)
    frames = np.clip(rng.normal(180, 4, (8, 31, 45, 3)), 0, 255).astype(np.uint8)
    for index in range(2, 8):
        frames[index, 8:24, 4 * index : 4 * index + 14] = (30, 60, 90)
    return torch.from_numpy(frames)


def _ready(name: str, clip: Tensor) -> Matter:
    """The method by its name, with the empty scene where it learns one; skips what is not on this disk."""
    record = (weights.RECORDS | weights.TFLITE).get(name)
    if record is not None and weights.locate(record) is None:
        pytest.skip(f"the weights of {name} are not on this disk")
    try:
        matter = bgdl.load(name, device="cpu", **({"size": 64} if name in NETWORKS else {}))
    except MissingExtra as error:
        pytest.skip(str(error))
    if registry.METHODS[name].primed:
        assert isinstance(matter, Primed)
        matter.prime(clip[:2])
    return matter


@pytest.mark.parametrize("name", registry.METHODS)
def test_alpha_is_float_between_0_and_1_on_the_device(name: str, clip: Tensor) -> None:
    matter = _ready(name, clip)
    before = clip.clone()
    alpha = matter.alpha(clip)
    assert alpha.shape == (8, 31, 45, 1)
    assert alpha.dtype == torch.float32
    assert alpha.device == matter.device
    assert 0 <= float(alpha.min()) <= float(alpha.max()) <= 1
    assert torch.equal(clip, before), "the frames were written to"


@pytest.mark.parametrize("name", registry.METHODS)
def test_alpha_may_be_written_to_and_trained_on(name: str, clip: Tensor) -> None:
    matter = _ready(name, clip)
    alpha = matter.alpha(clip)
    assert not alpha.is_inference() and not alpha.requires_grad
    scale = torch.ones(1, device=alpha.device, requires_grad=True)
    (scale * alpha).sum().backward()
    torch.testing.assert_close(scale.grad, alpha.sum()[None])


def test_so_may_that_of_a_matter_around_another(clip: Tensor) -> None:
    otsu = bgdl.load("otsu", device="cpu")
    for around in (Smoothed(otsu), Refined(otsu, lambda frames, alpha: alpha / 2)):
        assert not around.alpha(clip).is_inference()


@pytest.mark.parametrize("name", registry.METHODS)
def test_what_is_written_to_alpha_is_nothing_to_the_next(name: str, clip: Tensor) -> None:
    matter, other = _ready(name, clip), _ready(name, clip)
    for frame in clip:
        alpha, same = matter.alpha(frame[None]), other.alpha(frame[None])
        assert torch.equal(alpha, same)
        alpha.zero_()


@pytest.mark.parametrize("name", registry.METHODS)
def test_the_table_says_what_the_method_is(name: str, clip: Tensor) -> None:
    matter = _ready(name, clip)
    row = registry.METHODS[name]
    assert isinstance(matter, Matter)
    assert (matter.name, matter.stateful, isinstance(matter, Primed)) == (name, row.stateful, row.primed)


@pytest.mark.parametrize("name", registry.METHODS)
def test_a_batch_of_n_is_n_batches_of_one(name: str, clip: Tensor) -> None:
    whole = _ready(name, clip).alpha(clip)
    matter = _ready(name, clip)
    single = torch.cat([matter.alpha(frame[None]) for frame in clip])
    if name in NETWORKS:
        torch.testing.assert_close(single, whole, atol=1e-5, rtol=0)
    else:
        assert torch.equal(single, whole)


@pytest.mark.parametrize("name", registry.METHODS)
def test_reset_forgets_the_clip(name: str, clip: Tensor) -> None:
    matter = _ready(name, clip)
    first = matter.alpha(clip)
    matter.reset()
    if isinstance(matter, Primed):
        matter.prime(clip[:2])
    assert torch.equal(matter.alpha(clip), first)


@pytest.mark.parametrize("name", registry.METHODS)
def test_a_method_without_state_sees_frames_in_any_order(name: str, clip: Tensor) -> None:
    matter = _ready(name, clip)
    if matter.stateful:
        pytest.skip("a stateful method needs the order of time")
    torch.testing.assert_close(matter.alpha(clip.flip(0)).flip(0), matter.alpha(clip), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", registry.METHODS)
def test_no_frames_give_no_mattes(name: str, clip: Tensor) -> None:
    assert _ready(name, clip).alpha(clip[:0]).shape == (0, 31, 45, 1)


@pytest.mark.parametrize("name", registry.METHODS)
def test_what_is_no_frames_is_a_sentence(name: str, clip: Tensor) -> None:
    matter = _ready(name, clip)
    for wrong in (clip.float(), clip.permute(0, 3, 1, 2), clip[0], clip[:, :, :0], clip.numpy()):
        with pytest.raises(InputError, match=r"frames are .*uint8 \(N,H,W,3\) RGB, not (torch|ndarray)"):
            matter.alpha(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NEED_A_PLATE)
def test_without_the_empty_scene_the_refusal_says_how_to_give_one(name: str, clip: Tensor) -> None:
    with pytest.raises(InputError, match="needs the empty scene first: --prime 2s, 60 or FILE"):
        bgdl.load(name, device="cpu").alpha(clip)


@pytest.mark.parametrize("name", [name for name in CLASSICAL if registry.METHODS[name].primed])
def test_an_empty_scene_of_no_frames_or_another_type_is_refused(name: str, clip: Tensor) -> None:
    matter = bgdl.load(name, device="cpu")
    assert isinstance(matter, Primed)
    with pytest.raises(InputError, match="an empty scene is at least one frame, but none came"):
        matter.prime(clip[:0])
    with pytest.raises(InputError, match=r"frames are uint8 \(N,H,W,3\) RGB, not torch.float32"):
        matter.prime(clip.float())


@pytest.mark.parametrize("name", CLASSICAL)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=ANY_SIZE)
def test_any_size_is_taken_down_to_one_pixel(name: str, size: tuple[int, int, int]) -> None:
    frames = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8))
    alpha = _ready(name, frames).alpha(frames)
    assert alpha.shape == (*size, 1)
    assert 0 <= float(alpha.min()) <= float(alpha.max()) <= 1


@pytest.mark.parametrize("name", CLASSICAL)
def test_an_unknown_option_is_a_sentence(name: str, clip: Tensor) -> None:
    _ready(name, clip)
    with pytest.raises(InputError, match=name):
        bgdl.load(name, device="cpu", no_such_option=1)


@pytest.mark.parametrize("name", CLASSICAL)
def test_no_option_has_a_name_that_load_takes_for_itself(name: str) -> None:
    module, _, attribute = registry.METHODS[name].target.partition(":")
    cls = getattr(importlib.import_module(module), attribute)
    taken = inspect.signature(bgdl.load).parameters.keys() - {"device"}
    assert not taken & inspect.signature(cls).parameters.keys()


@pytest.mark.parametrize("name", CLASSICAL)
def test_the_docs_say_when_it_works_and_when_it_fails(name: str) -> None:
    text = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
    assert len([cell for cell in row.split("|") if cell.strip()]) == 3


@pytest.mark.cuda
@pytest.mark.parametrize("name", CLASSICAL)
def test_frames_and_alpha_may_live_on_the_gpu(name: str, clip: Tensor) -> None:
    expected = _ready(name, clip).alpha(clip)
    matter = bgdl.load(name, device="cuda")
    if isinstance(matter, Primed):
        matter.prime(clip[:2].cuda())
    alpha = matter.alpha(clip.cuda())
    assert alpha.device.type == "cuda"
    assert torch.equal(alpha.cpu(), expected)
