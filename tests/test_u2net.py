"""The network is the paper's: sizes, keys, outputs, folding, and the authors' own mattes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from bgdl import convert, registry
from bgdl.nets.u2net import TABLE, Arch, ConvBnRelu, U2Net, fold_batchnorm
from bgdl.preprocess import InputSpec
from tests.paper_u2net import seven_logits


def _random_net(arch: Arch, seed: int = 0) -> U2Net:
    """A net whose BatchNorm statistics and weights are all different from their start values."""
    torch.manual_seed(seed)
    net = U2Net(arch)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.normal_(module.bias, 0, 0.1)
    return net.eval()


@pytest.mark.parametrize(("arch", "count"), [("u2net", 44_009_869), ("u2netp", 1_131_181)])
def test_parameter_count_is_upstreams(arch: Arch, count: int) -> None:
    with torch.device("meta"):
        net = U2Net(arch)
    assert sum(p.numel() for p in net.parameters()) == count


@pytest.mark.parametrize("size_hw", [(33, 47), (64, 64), (70, 51), (1, 1), (5, 200)])
def test_outputs_equal_an_independent_reading_of_the_paper(size_hw: tuple[int, int]) -> None:
    net = _random_net("u2netp")
    x = torch.randn(2, 3, *size_hw)
    with torch.no_grad():
        expected = seven_logits(x, net.state_dict())
        probability = net(x)
        for module in net.modules():  # train mode but for BatchNorm, to see the seven logits of the same net
            module.training = not isinstance(module, nn.BatchNorm2d)
        outputs = net(x)
    assert len(outputs) == 7
    for got, want in zip(outputs, expected, strict=True):
        torch.testing.assert_close(got, want, atol=2e-4, rtol=1e-4)
    torch.testing.assert_close(probability, torch.sigmoid(expected[0]), atol=1e-4, rtol=1e-4)


def test_full_net_equals_the_paper_too() -> None:
    net = _random_net("u2net")
    x = torch.randn(1, 3, 37, 45)
    with torch.no_grad():
        torch.testing.assert_close(net(x), torch.sigmoid(seven_logits(x, net.state_dict())[0]), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("arch", list(TABLE))
def test_folding_batchnorm_keeps_the_output(arch: Arch) -> None:
    net = _random_net(arch)
    x = torch.randn(1, 3, 40, 56)
    with torch.no_grad():
        before = net(x)
        after = fold_batchnorm(net)(x)
    torch.testing.assert_close(after, before, atol=2e-5, rtol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in net.modules())


def test_folding_a_half_precision_net_happens_in_float32() -> None:
    net = fold_batchnorm(_random_net("u2netp").half())
    assert {p.dtype for p in net.parameters()} == {torch.float32}


def test_dilations_are_upstreams() -> None:
    found = {
        name: block.conv_s1.dilation[0]
        for name, block in U2Net("u2netp").named_modules()
        if isinstance(block, ConvBnRelu) and block.conv_s1.dilation[0] > 1
    }
    last = {f"stage{n}.rebnconv{8 - n}": 2 for n in range(1, 5)} | {
        f"stage{n}d.rebnconv{8 - n}": 2 for n in range(1, 5)
    }
    flat = {"rebnconv2": 2, "rebnconv3": 4, "rebnconv4": 8, "rebnconv3d": 4, "rebnconv2d": 2}
    for stage in ("stage5", "stage6", "stage5d"):
        last |= {f"{stage}.{name}": dilation for name, dilation in flat.items()}
    assert found == last


UPSTREAM = InputSpec(scale="max", antialias=False, stretch="minmax")


@pytest.mark.shared
def test_mattes_are_the_authors(shared: Path) -> None:
    """Upstream's preprocessing on the pictures whose U²-Net-p mattes its authors published."""
    matter = registry.load(shared / "weights" / "u2netp.pth", device="cpu", precision="fp32", spec=UPSTREAM)
    errors, overlaps = [], []
    for matte in sorted((shared / "data" / "u2netp_reference" / "mattes").glob("*.png")):
        (source,) = (shared / "data" / "u2netp_reference" / "images").glob(f"{matte.stem}.*")
        with Image.open(source) as picture:
            alpha = matter.alpha(convert.frame_to_tensor(np.array(picture.convert("RGB"))))[0, ..., 0].numpy()
        truth = np.asarray(Image.open(matte).convert("L"), dtype=np.float32) / 255
        errors.append(np.abs(alpha - truth).mean())
        overlaps.append(((alpha >= 0.5) & (truth >= 0.5)).sum() / ((alpha >= 0.5) | (truth >= 0.5)).sum())
    assert len(errors) == 9
    assert np.mean(errors) <= 0.004
    assert np.mean(overlaps) >= 0.985
