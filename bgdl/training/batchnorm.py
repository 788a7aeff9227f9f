"""What to do with BatchNorm when fine-tuning with few pictures in a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bgdl.nets.u2net import U2Net, fold_batchnorm


def fold(net: U2Net) -> U2Net:
    """Merge BatchNorm into the convolutions, in place; they stay trainable."""
    return fold_batchnorm(net).requires_grad_(True)


def freeze(net: nn.Module) -> None:
    """Keep running statistics, weight and bias of every BatchNorm as they are."""
    for norm in _norms(net):
        norm.eval().requires_grad_(False)


def _same(values: Tensor) -> Tensor:
    return values


@torch.no_grad()
def reestimate(net: U2Net, batches: Iterable[Tensor], *, total: Callable[[Tensor], Tensor] = _same) -> None:
    """Measure mean and variance of what enters each BatchNorm, and set it to give back its present output.

    For weights whose BatchNorm was folded (released ONNX files): an identity with statistics 0 and 1 would break
    as soon as training normalises by the batch. batches: float (N,3,S,S), normalised. total: sums a tensor over all
    processes, each of which has batches of its own.
    """
    norms, training = _norms(net), net.training
    lines = [_line(norm) for norm in norms]
    net.eval()
    sums = [_Moments(norm) for norm in norms]
    for batch in batches:
        net(batch)
    for norm, (gain, offset), moments in zip(norms, lines, sums, strict=True):
        mean, variance = (value.to(gain.device) for value in moments.close(total))
        assert norm.running_mean is not None and norm.running_var is not None
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_(gain * (variance + norm.eps).sqrt())
        norm.bias.copy_(offset + gain * mean)
    net.train(training)


def _line(norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    """What the layer does at inference: gain and offset of each channel."""
    assert norm.running_mean is not None and norm.running_var is not None
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return gain, norm.bias - gain * norm.running_mean


class _Moments:
    """Mean and variance, by channel, of all that a layer is given until `close`."""

    def __init__(self, layer: nn.Module) -> None:
        self._count, self._sum, self._squares = 0, torch.zeros(()), torch.zeros(())
        self._hook = layer.register_forward_pre_hook(self._add)

    def _add(self, _: nn.Module, inputs: tuple[Tensor]) -> None:
        x = inputs[0].cpu().double() if inputs[0].device.type == "mps" else inputs[0].double()  # MPS has none
        self._count += x.numel() // x.shape[1]
        self._sum = self._sum.to(x.device) + x.sum(dim=(0, 2, 3))
        self._squares = self._squares.to(x.device) + x.square().sum(dim=(0, 2, 3))

    def close(self, total: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        self._hook.remove()
        counts = torch.full_like(self._sum, self._count)
        count, sums, squares = total(torch.stack([counts, self._sum, self._squares]))
        mean = sums / count
        return mean.float(), (squares / count - mean**2).clamp_min(0).float()


def _norms(net: nn.Module) -> list[_BatchNorm]:
    """Those that Lightning's `sync_batchnorm` put in their place too."""
    return [module for module in net.modules() if isinstance(module, _BatchNorm)]
