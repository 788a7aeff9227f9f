"""Methods as evaluation loads them: edges and smoothing around any method, and what the result says of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from bgdl.errors import InputError
from bgdl.evaluation.methods import describe_method, load_methods
from bgdl.evaluation.protocol import parse_method
from bgdl.refine.guided import guided_filter
from bgdl.refine.smooth import Smoother
from bgdl.types import Matter
from tests.conftest import Bgdl
from tests.eval_data import make_pairs, scene

FRAMES = torch.stack([torch.from_numpy(scene(number)[0]) for number in range(3)])


def load(*texts: str) -> dict[str, Matter]:
    return load_methods([parse_method(text) for text in texts], device="cpu")


def test_edges_and_smoothing_go_around_any_method(tiny_weights: Path) -> None:
    tiny = str(tiny_weights)
    matters = load(tiny, f"{tiny}:edge=guided", f"{tiny}:smooth=ema", f"{tiny}:smooth=ema:edge=guided")
    plain, edged, steady, both = matters.values()
    assert list(matters) == ["tiny", "tiny:edge=guided", "tiny:smooth=ema", "tiny:smooth=ema:edge=guided"]
    alpha = plain.alpha(FRAMES)
    assert torch.equal(edged.alpha(FRAMES), guided_filter(FRAMES, alpha))
    smoother = Smoother("ema")
    smooth = torch.cat([one[None] for pair in zip(FRAMES, alpha, strict=True) for one in smoother.push(*pair)])
    assert torch.equal(steady.alpha(FRAMES), smooth) and not torch.equal(smooth, alpha)
    assert torch.equal(both.alpha(FRAMES), guided_filter(FRAMES, smooth))
    assert [matter.stateful for matter in matters.values()] == [False, False, True, True]


def test_none_and_off_leave_the_method_as_it_is() -> None:
    (plain, same) = load("otsu", "otsu:edge=none:smooth=off").values()
    assert type(plain) is type(same)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("otsu:edge=sharp", "edge of otsu:edge=sharp is 'sharp'; it must be one of none, guided, decontaminate, mat"),
        ("otsu:smooth=1", "smooth of otsu:smooth=1 is 1; it must be one of off, ema, flow"),
    ],
)
def test_values_that_are_not_known(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(text)


def test_what_is_around_a_network_is_named_with_its_engine(tiny_weights: Path) -> None:
    spec = parse_method(f"{tiny_weights}:edge=guided:smooth=ema")
    (matter,) = load_methods([spec], device="cpu", engine="torch", precision="fp32").values()
    made = describe_method(spec, matter)
    assert (made["method"], made["engine"]) == (spec.text, "torch fp32")


def test_a_report_compares_edges(bgdl: Bgdl, tiny_weights: Path, tmp_path: Path) -> None:
    methods = f"{tiny_weights},{tiny_weights}:edge=guided"
    done = bgdl("eval", make_pairs(tmp_path / "set"), "-m", methods, "-o", tmp_path / "out")
    assert done.status == 0, done.err
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["data"][0]["paired"]["tiny:edge=guided"]["grad"]["mean"] != 0
