"""Channels of the last block that say nothing are left out, and nothing else changes."""

from __future__ import annotations

import copy

import pytest
import torch

from bgdl.nets.narrow import ENDS, narrow, needed_channels
from bgdl.nets.onnx_writer import to_onnx
from bgdl.nets.u2net import U2Net, fold_batchnorm

PICTURES = torch.randn(2, 3, 40, 56, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def net():
    """Every channel of the block's two ends is about equally loud."""
    torch.manual_seed(0)
    net = fold_batchnorm(U2Net("u2netp"))
    for name in ENDS:
        net.get_submodule(f"stage1d.{name}").conv_s1.bias.data.fill_(3.0)
    return net


def _silence(net, name, channels):
    net.get_submodule(f"stage1d.{name}").conv_s1.bias.data[channels] = -100.0


def test_silent_channels_go_and_the_matte_stays(net):
    _silence(net, "rebnconvin", list(range(10, 26)))
    _silence(net, "rebnconv1d", list(range(0, 64, 3)))  # 22, of which 16 can go
    kept = needed_channels(net, PICTURES)
    assert kept["rebnconvin"] == [*range(10), *range(26, 64)]
    assert len(kept["rebnconv1d"]) == 48 and set(range(0, 64, 3)) >= set(range(64)) - set(kept["rebnconv1d"])
    whole = copy.deepcopy(net)
    assert narrow(net, kept).stage1d.block.rebnconvin.conv_s1.out_channels == 48
    with torch.inference_mode():
        torch.testing.assert_close(net(PICTURES), whole(PICTURES), rtol=0, atol=1e-6)


def test_where_all_channels_speak_all_stay(net):
    assert needed_channels(net, PICTURES) == {}
    _silence(net, "rebnconvin", list(range(14)))  # too few for a group of 16
    assert needed_channels(net, PICTURES) == {}


def test_channels_that_hardly_speak_go_with_little_effect(net):
    convolution = net.stage1d.rebnconvin.conv_s1
    convolution.weight.data[:16] *= 0.01
    convolution.bias.data[:16] = 0.002
    kept = needed_channels(net, PICTURES)
    assert kept["rebnconvin"] == list(range(16, 64)) and len(kept["rebnconv1d"]) == 64
    whole = copy.deepcopy(net)
    narrow(net, kept)
    with torch.inference_mode():
        difference = (net(PICTURES) - whole(PICTURES)).abs().max()
    assert 0 < difference < 0.002


def test_batchnorm_is_folded_before_channels_are_left_out():
    torch.manual_seed(0)
    net = U2Net("u2netp")
    for part in net.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 2)
    net.eval()
    kept = {name: range(48) for name in ENDS}
    with torch.inference_mode():
        expected = narrow(fold_batchnorm(copy.deepcopy(net)), kept)(PICTURES)
        torch.testing.assert_close(narrow(net, kept)(PICTURES), expected)


@pytest.mark.parametrize("size_hw", [(40, 56), None])
def test_the_narrow_network_is_written_as_a_graph(net, size_hw):
    onnxruntime = pytest.importorskip("onnxruntime")
    _silence(net, "rebnconvin", list(range(32)))
    narrow(net, needed_channels(net, PICTURES))
    with torch.inference_mode():
        expected = net(PICTURES[:1])
    session = onnxruntime.InferenceSession(to_onnx(net, size_hw).SerializeToString())
    (alpha,) = session.run(None, {"image": PICTURES[:1].numpy()})
    torch.testing.assert_close(torch.from_numpy(alpha), expected, rtol=0, atol=1e-5)
