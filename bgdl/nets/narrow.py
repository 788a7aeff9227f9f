"""Leave out channels that hardly matter where that makes the network faster: in its last, widest block.

The first convolution of `stage1d` takes a third of U²-Net-p's time, its last one a tenth. Of the 64 channels of
either, some never leave zero in the published weights, and without some others the mattes hardly change. What is left
is a multiple of 16 channels, which is how many processors work on at a time. Source: the "oracle" of Molchanov et al.,
"Pruning Convolutional Neural Networks for Resource Efficient Inference" (ICLR 2017), which leaves out each in turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from bgdl.nets.u2net import ConvBnRelu, Rsu, U2Net, fold_batchnorm, outputs_of

Channels = Mapping[str, Sequence[int]]
"""Which channels stay, by the block within `BLOCK` that makes them."""
BLOCK = "stage1d"
ENDS = ("rebnconvin", "rebnconv1d")
"""The two blocks whose sum is what the stage gives; only `side1` reads it."""
ALLOWED = 0.0001
"""What mattes may change by on average when channels of one end are left out. At 0.001 one clip lost 0.005 mIoU."""
GROUP = 16
PICTURES = 4
"""Enough to tell which channels matter."""


@torch.inference_mode()
def needed_channels(net: U2Net, pictures: Tensor) -> dict[str, list[int]]:
    """Which channels to keep, judged on some of the pictures (P,3,H,W), prepared for the network.

    Empty where none can go. The net's BatchNorm is folded.
    """
    fold_batchnorm(net)
    chosen = pictures[:: max(1, len(pictures) // PICTURES)][:PICTURES]
    views = [_View(net, picture[None]) for picture in chosen]
    kept = {name: _needed(views, name) for name in ENDS}
    return kept if any(len(kept[name]) < _end(net, name).conv_s1.out_channels for name in ENDS) else {}


def _needed(views: Sequence[_View], name: str) -> list[int]:
    """The channels of one end without its least important ones, of which as many groups go as are allowed."""

    def change(channels: Sequence[int]) -> float:
        return sum(view.change(name, channels) for view in views) / len(views)

    loudness = sum(view.ends[name].square().mean(dim=(0, 2, 3)) for view in views)
    assert isinstance(loudness, Tensor)
    quiet = loudness.argsort()[: len(loudness) // 2].tolist()
    effect = {channel: change([channel]) if loudness[channel] else 0.0 for channel in quiet}
    order = sorted(quiet, key=lambda channel: effect[channel])
    counts = range(len(quiet) // GROUP * GROUP, 0, -GROUP)
    gone = next((order[:count] for count in counts if change(order[:count]) <= ALLOWED), [])
    return [channel for channel in range(len(loudness)) if channel not in gone]


class _View:
    """One picture's way through the network, of which only what follows `BLOCK`'s ends is run again."""

    def __init__(self, net: U2Net, picture: Tensor) -> None:
        block, self.side, fuse = (net.get_submodule(name) for name in (BLOCK, "side1", "outconv"))
        assert isinstance(block, Rsu) and isinstance(fuse, nn.Conv2d)
        self.block = block
        self.share = fuse.weight[0, 0]  # of this side in what is fused
        seen = outputs_of([*(_end(net, name) for name in ENDS), self.side, fuse, net], net, picture)
        self.matte = seen[net]
        self.ends = {name: seen[_end(net, name)] for name in ENDS}
        self.logits, self.fused = seen[self.side], seen[fuse]

    def change(self, name: str, channels: Sequence[int]) -> float:
        """What the matte changes by, on average, without some channels of one end."""
        ends = dict(self.ends)
        ends[name] = ends[name].index_fill(1, torch.tensor(channels), 0.0)
        if name == ENDS[0]:
            ends[ENDS[1]] = self.block.inner(ends[name])
        logits = self.side(ends[ENDS[0]] + ends[ENDS[1]])
        return float((torch.sigmoid(self.fused + self.share * (logits - self.logits)) - self.matte).abs().mean())


def narrow(net: U2Net, kept: Channels) -> U2Net:
    """Rewrite `net` in place (BatchNorm folded): of `BLOCK`'s ends, only the channels `kept`."""
    fold_batchnorm(net)
    for name in ENDS:
        part, rows = _end(net, name), list(kept[name])
        part.conv_s1 = _convolution(part.conv_s1.weight[rows], _bias(part.conv_s1)[rows])
    first, side = _end(net, "rebnconv1"), net.get_submodule("side1")
    assert isinstance(side, nn.Conv2d)
    first.conv_s1 = _convolution(first.conv_s1.weight[:, list(kept["rebnconvin"])], _bias(first.conv_s1))
    weight = torch.cat([side.weight[:, list(kept[name])] for name in ENDS], 1)
    net.add_module("side1", _convolution(weight, _bias(side)))
    net.add_module(BLOCK, Apart(net.get_submodule(BLOCK)))
    return net


class Apart(nn.Module):
    """A block whose two ends are given side by side instead of as their sum, since they differ in channels."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        assert isinstance(block, Rsu)
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        entry = self.block.rebnconvin(x)
        return torch.cat((entry, self.block.inner(entry)), 1)


def _end(net: U2Net, name: str) -> ConvBnRelu:
    part = net.get_submodule(f"{BLOCK}.{name}")
    assert isinstance(part, ConvBnRelu)
    return part


def _convolution(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    new = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
    new.weight.data, new.bias = weight.detach().clone(), nn.Parameter(bias.detach().clone())
    return new.requires_grad_(False)


def _bias(convolution: nn.Conv2d) -> Tensor:
    assert convolution.bias is not None
    return convolution.bias
