"""int8 from calibration pictures to a file that loads."""

from __future__ import annotations

import pytest
import torch

import bgdl
from bgdl.bench import pictures
from bgdl.engines import network
from bgdl.engines.int8 import quantize
from bgdl.errors import WeightsError
from bgdl.preprocess import InputSpec


@pytest.mark.slow
def test_what_is_quantized_loads_and_comes_near(tiny_weights, tmp_path):
    pytest.importorskip("nncf")
    spec, net = InputSpec(size=32), network.read(tiny_weights)
    quantize(net, pictures.draw(spec).planes, tmp_path / "tiny.xml", spec=spec)
    frames = torch.randint(0, 256, (1, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    exact = bgdl.load(tiny_weights, device="cpu", engine="torch", precision="fp32").alpha(frames)
    matter = bgdl.load(tmp_path / "tiny.xml", device="cpu")
    assert matter.spec == spec
    assert (matter.alpha(frames) - exact).abs().mean() < 0.05


def test_foreign_graphs_are_not_quantized(tmp_path):
    pytest.importorskip("nncf")
    net = network.Network(tmp_path / "isnet.onnx", None, InputSpec())
    with pytest.raises(WeightsError, match=r"isnet.onnx is no U²-Net in a form that bgdl reads"):
        quantize(net, pictures.draw(InputSpec(size=32)).planes, tmp_path / "x.xml", spec=InputSpec(size=32))
