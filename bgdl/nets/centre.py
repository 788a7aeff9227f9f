"""Move near-constant channels to around zero: the same network in exact arithmetic, a far better one in bfloat16.

A BatchNorm that blows up a channel of almost no variance leaves a map like 226 ± 0.2 whose mean the next
convolution's bias cancels. U²-Net-p's published weights have one before stage2d's last convolution, and what is
fine-tuned from them inherits it. Eight bits of mantissa see nothing of the ± 0.2, and an int8 scale that must reach
226 leaves little for the other channels; nearly all of what half precision costs these weights comes from there.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bgdl.nets.u2net import ConvBnRelu, Rsu, U2Net, fold_batchnorm, outputs_of

LEAST_MEAN = 16.0
"""Channels whose mean on the probe is above this, and above this many standard deviations, are moved."""
PROBE_SIDE = 96
SIZES = 4
"""Whose maps are kept, the newest."""


def centre_channels(net: U2Net) -> U2Net:
    """Rewrite `net` in place (BatchNorm folded): every decoder map of its blocks is centred where that pays.

    What is subtracted from a map is added by the convolution that reads it, zero padding considered, so the result
    is equal for every input; a probe picture only tells how much to subtract.
    """
    fold_batchnorm(net)
    for block, level, mean in _near_constant(net):
        producer, consumer = (block.get_submodule(f"rebnconv{number}d") for number in (level, level - 1))
        assert isinstance(producer, ConvBnRelu) and isinstance(consumer, ConvBnRelu | Floored)
        convolution = consumer.conv_s1
        assert isinstance(convolution, nn.Conv2d)
        consumer.conv_s1 = Centred(convolution, F.pad(mean, (0, convolution.in_channels - len(mean))))
        block.add_module(f"rebnconv{level}d", Floored(producer, mean))
    return net


class Floored(nn.Module):
    """A folded block whose output is lower by `mean`, its ReLU cutting at -mean."""

    floor: Tensor

    def __init__(self, block: ConvBnRelu, mean: Tensor) -> None:
        super().__init__()
        self.conv_s1: nn.Module = block.conv_s1
        assert isinstance(block.conv_s1, nn.Conv2d) and block.conv_s1.bias is not None
        block.conv_s1.bias.data -= mean
        self.register_buffer("floor", -mean.view(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.maximum(self.conv_s1(x), self.floor)


class Centred(nn.Module):
    """A convolution of (x + mean), zero padding after the sum, as one of x and a map that depends on the size only."""

    def __init__(self, convolution: nn.Conv2d, mean: Tensor) -> None:
        super().__init__()
        assert convolution.bias is not None
        self.conv = convolution
        self._exact = (convolution.weight.data.clone(), convolution.bias.data.clone(), mean)  # stays float32
        self._maps: dict[tuple[int, int], Tensor] = {}
        convolution.bias = None

    def forward(self, x: Tensor) -> Tensor:
        size_hw = (x.shape[-2], x.shape[-1])
        if size_hw not in self._maps:
            while len(self._maps) >= SIZES:
                del self._maps[next(iter(self._maps))]
            self._maps[size_hw] = self.map(size_hw).to(x.device, x.dtype)
        return self.conv(x) + self._maps[size_hw]  # type: ignore[no-any-return]

    def map(self, size_hw: tuple[int, int]) -> Tensor:
        """float64 (1,C,H,W): the convolution of the constant part, bias included."""
        weight, bias, mean = self._exact
        constant = mean.view(1, -1, 1, 1).expand(1, -1, *size_hw)
        padding, dilation = self.conv.padding, self.conv.dilation
        return F.conv2d(constant.double(), weight.double(), bias.double(), 1, padding, dilation)


@torch.no_grad()
def _near_constant(net: U2Net) -> list[tuple[Rsu, int, Tensor]]:
    """Blocks and levels whose decoder map has such channels, with what to subtract (0 for the other channels)."""
    probe = torch.randn(1, 3, PROBE_SIDE, PROBE_SIDE, generator=torch.Generator().manual_seed(0))
    maps = outputs_of((module for module in net.modules() if isinstance(module, ConvBnRelu)), net, probe)
    found = []
    for block in (module for module in net.modules() if isinstance(module, Rsu)):
        for level in range(2, block.depth):
            mean = _constant_part(maps[block.get_submodule(f"rebnconv{level}d")])
            if mean.any():
                found.append((block, level, mean))
    return found


def _constant_part(values: Tensor) -> Tensor:
    """(1,C,H,W) -> (C,): the mean of the channels that hardly vary, 0 for the others."""
    mean, deviation = values.mean(dim=(0, 2, 3)), values.std(dim=(0, 2, 3))
    return torch.where((mean > LEAST_MEAN) & (mean > LEAST_MEAN * deviation), mean.round(), 0.0)
