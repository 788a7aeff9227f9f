"""Centring channels changes no matte in exact arithmetic and saves those of bfloat16."""

from __future__ import annotations

import copy

import pytest
import torch

from bgdl.nets.centre import SIZES, Centred, Floored, centre_channels
from bgdl.nets.onnx_writer import to_onnx
from bgdl.nets.u2net import U2Net, fold_batchnorm


@pytest.fixture(scope="module")
def net() -> U2Net:
    """A folded U²-Net-p with a channel of 226 ± little before stage2d's last convolution, as the published one has."""
    torch.manual_seed(0)
    net = fold_batchnorm(U2Net("u2netp"))
    producer, consumer = net.stage2d.rebnconv2d.conv_s1, net.stage2d.rebnconv1d.conv_s1
    producer.bias.data[14] = 226
    consumer.weight.data[:, 14] *= 100
    consumer.bias.data -= 226 * consumer.weight.data[:, 14].sum(dim=(1, 2))
    return net


@pytest.mark.parametrize("size_hw", [(64, 64), (70, 51), (33, 96), (8, 8), (1, 1)])
def test_exact_arithmetic_stays_the_same_up_to_the_edges(net, size_hw):
    x = torch.randn(2, 3, *size_hw, dtype=torch.float64)
    with torch.inference_mode():
        expected, centred = copy.deepcopy(net).double()(x), centre_channels(copy.deepcopy(net)).double()(x)
    torch.testing.assert_close(centred, expected, atol=1e-6, rtol=0)


def test_bfloat16_comes_near(net):
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        expected = net(x)
        plain = copy.deepcopy(net).bfloat16()(x.bfloat16()).float()
        centred = centre_channels(copy.deepcopy(net)).bfloat16()(x.bfloat16()).float()
    assert (centred - expected).abs().mean() < (plain - expected).abs().mean() / 3


def test_only_what_hardly_varies_is_moved(net):
    plain = U2Net("u2netp")
    assert not any(isinstance(module, Centred) for module in centre_channels(plain).modules())
    moved = [
        name for name, module in centre_channels(copy.deepcopy(net)).named_modules() if isinstance(module, Floored)
    ]
    assert moved == ["stage2d.rebnconv2d"]


def test_neighbouring_levels_may_both_be_moved():
    torch.manual_seed(1)
    net = fold_batchnorm(U2Net("u2netp"))
    for level in (2, 3):
        net.stage1d.get_submodule(f"rebnconv{level}d").conv_s1.bias.data[3] = 90
    x = torch.randn(1, 3, 64, 48, dtype=torch.float64)
    with torch.inference_mode():
        expected, centred = copy.deepcopy(net).double()(x), centre_channels(net).double()(x)
    torch.testing.assert_close(centred, expected, atol=1e-6, rtol=0)


def test_the_graph_holds_the_same(net):
    onnxruntime = pytest.importorskip("onnxruntime")
    centred = centre_channels(copy.deepcopy(net))
    graph = to_onnx(centred, (64, 96)).SerializeToString()
    x = torch.randn(1, 3, 64, 96)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = centred(x)
    alpha = torch.from_numpy(session.run(None, {"image": x.numpy()})[0])
    torch.testing.assert_close(alpha, expected, atol=2e-5, rtol=0)


def test_the_maps_of_several_sizes_are_kept_and_of_not_too_many(net, monkeypatch):
    centred, made, make = centre_channels(copy.deepcopy(net)), [], Centred.map
    monkeypatch.setattr(Centred, "map", lambda self, size_hw: made.append(size_hw) or make(self, size_hw))
    with torch.inference_mode():
        for side in (64, 96, 64, 96):
            centred(torch.zeros(1, 3, side, side))
    assert len(made) == len(set(made)) == 2, "as a second look needs them, each in turn"
    with torch.inference_mode():
        for side in range(32, 32 * 8, 32):
            centred(torch.zeros(1, 3, side, side))
    assert all(len(module._maps) == SIZES for module in centred.modules() if isinstance(module, Centred))
