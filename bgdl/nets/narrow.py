"""Leave out channels that hardly say anything where that makes the network faster: in its last, widest block.

The first convolution of `stage1d` takes a third of U²-Net-p's time, its last one a tenth. Of the 64 channels of
either some never leave zero in the published weights, and more hardly do. What is left is a multiple of 16 channels,
which is how many processors work on at a time. Source: channels pruned by their magnitude on pictures (Hu et al.,
"Network Trimming", 2016).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from bgdl.nets.u2net import ConvBnRelu, Rsu, U2Net, fold_batchnorm

Kept = Mapping[str, Sequence[int]]
"""Which channels stay, by the block within `BLOCK` that makes them."""
BLOCK = "stage1d"
ENDS = ("rebnconvin", "rebnconv1d")
"""The two blocks whose sum is what the stage gives; only `side1` reads it."""
ALLOWED = 0.02
"""Share of a map's energy (sum of squares) that may go."""
LANES = 16


def loud_channels(net: U2Net, pictures: Tensor) -> dict[str, list[int]]:
    """Which channels to keep, judged by how large their maps are on pictures (P,3,H,W), prepared for the network.

    Empty where none can go. The net's BatchNorm is folded.
    """
    energy: dict[str, Tensor] = {}

    def watch(name: str) -> torch.utils.hooks.RemovableHandle:
        def add(module: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> None:
            energy[name] = energy.get(name, torch.zeros(())) + out.square().mean(dim=(0, 2, 3))

        return net.get_submodule(f"{BLOCK}.{name}").register_forward_hook(add)

    fold_batchnorm(net)
    hooks = [watch(name) for name in ENDS]
    with torch.inference_mode():
        for picture in pictures:
            net(picture[None])
    for hook in hooks:
        hook.remove()
    kept = {name: _loudest(energy[name]) for name in ENDS}
    return kept if any(len(kept[name]) < len(energy[name]) for name in ENDS) else {}


def _loudest(energy: Tensor) -> list[int]:
    """As few channels as hold nearly all of the energy, in a multiple of `LANES`, in their order."""
    order = energy.argsort()
    quiet = int((energy[order].cumsum(0) <= ALLOWED * energy.sum()).sum())
    return sorted(order[quiet // LANES * LANES :].tolist())


def narrow(net: U2Net, kept: Kept) -> U2Net:
    """Rewrite `net` in place (BatchNorm folded): of `BLOCK`'s ends, only the channels `kept`."""
    fold_batchnorm(net)
    block = net.get_submodule(BLOCK)
    assert isinstance(block, Rsu)
    for name in ENDS:
        _keep(block, name, kept[name])
    first, side = block.get_submodule("rebnconv1"), net.get_submodule("side1")
    assert isinstance(first, ConvBnRelu) and isinstance(side, nn.Conv2d)
    first.conv_s1 = _convolution(first.conv_s1.weight[:, list(kept["rebnconvin"])], _bias(first.conv_s1))
    weight = torch.cat([side.weight[:, list(kept[name])] for name in ENDS], 1)
    net.add_module("side1", _convolution(weight, _bias(side)))
    net.add_module(BLOCK, Apart(block))
    return net


class Apart(nn.Module):
    """A block whose two ends are given side by side instead of as their sum, since they differ in channels."""

    def __init__(self, block: Rsu) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(self.block.ends(x), 1)


def _keep(block: Rsu, name: str, channels: Sequence[int]) -> None:
    part = block.get_submodule(name)
    assert isinstance(part, ConvBnRelu)
    part.conv_s1 = _convolution(part.conv_s1.weight[list(channels)], _bias(part.conv_s1)[list(channels)])


def _convolution(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    new = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
    new.weight.data, new.bias = weight.detach().clone(), nn.Parameter(bias.detach().clone())
    return new.requires_grad_(False)


def _bias(convolution: nn.Conv2d) -> Tensor:
    assert convolution.bias is not None
    return convolution.bias
