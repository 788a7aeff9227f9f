"""U²-Net and U²-Net-p, built from one table.

Source: Qin et al., "U²-Net: Going Deeper with Nested U-Structure for Salient Object Detection", Pattern
Recognition 2020. Parameter names, shapes and dilations are those of the authors' code (xuebinqin/U-2-Net,
Apache-2.0), so its weights load as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Arch = Literal["u2net", "u2netp"]


class Row(NamedTuple):
    """One stage: block depth (0 is the dilated RSU-4F) and its input, middle and output channels."""

    depth: int
    inner: tuple[int, int, int]


STAGES = ("stage1", "stage2", "stage3", "stage4", "stage5", "stage6")
DECODERS = ("stage5d", "stage4d", "stage3d", "stage2d", "stage1d")

TABLE: dict[Arch, dict[str, Row]] = {
    "u2net": {
        "stage1": Row(7, (3, 32, 64)),
        "stage2": Row(6, (64, 32, 128)),
        "stage3": Row(5, (128, 64, 256)),
        "stage4": Row(4, (256, 128, 512)),
        "stage5": Row(0, (512, 256, 512)),
        "stage6": Row(0, (512, 256, 512)),
        "stage5d": Row(0, (1024, 256, 512)),
        "stage4d": Row(4, (1024, 128, 256)),
        "stage3d": Row(5, (512, 64, 128)),
        "stage2d": Row(6, (256, 32, 64)),
        "stage1d": Row(7, (128, 16, 64)),
    },
    "u2netp": {
        "stage1": Row(7, (3, 16, 64)),
        "stage2": Row(6, (64, 16, 64)),
        "stage3": Row(5, (64, 16, 64)),
        "stage4": Row(4, (64, 16, 64)),
        "stage5": Row(0, (64, 16, 64)),
        "stage6": Row(0, (64, 16, 64)),
        "stage5d": Row(0, (128, 16, 64)),
        "stage4d": Row(4, (128, 16, 64)),
        "stage3d": Row(5, (128, 16, 64)),
        "stage2d": Row(6, (128, 16, 64)),
        "stage1d": Row(7, (128, 16, 64)),
    },
}


class ConvBnRelu(nn.Module):
    """3×3 convolution, batch normalisation and ReLU; the size stays."""

    def __init__(self, channels_in: int, channels_out: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv_s1 = nn.Conv2d(channels_in, channels_out, 3, padding=dilation, dilation=dilation)
        self.bn_s1: nn.Module = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn_s1(self.conv_s1(x))
        return F.relu(x, inplace=True)


class Rsu(nn.Module):
    """Residual U-block: a small U-Net of `depth` levels around a skip connection."""

    def __init__(self, depth: int, channels: tuple[int, int, int]) -> None:
        super().__init__()
        c_in, c_mid, c_out = channels
        self.depth = depth
        self.rebnconvin = ConvBnRelu(c_in, c_out)
        for level in range(1, depth + 1):
            dilation = 2 if level == depth else 1
            self.add_module(f"rebnconv{level}", ConvBnRelu(c_out if level == 1 else c_mid, c_mid, dilation))
        for level in range(depth - 1, 0, -1):
            self.add_module(f"rebnconv{level}d", ConvBnRelu(2 * c_mid, c_out if level == 1 else c_mid))

    def forward(self, x: Tensor) -> Tensor:
        entry: Tensor = self.rebnconvin(x)
        return entry + self.inner(entry)

    def inner(self, entry: Tensor) -> Tensor:
        """The small U-Net beside the skip connection."""
        levels = [self.get_submodule("rebnconv1")(entry)]
        for level in range(2, self.depth):
            levels.append(self.get_submodule(f"rebnconv{level}")(_halve(levels[-1])))
        up: Tensor = self.get_submodule(f"rebnconv{self.depth}")(levels[-1])
        for level in range(self.depth - 1, 0, -1):
            skip = levels[level - 1]
            up = self.get_submodule(f"rebnconv{level}d")(torch.cat((_resize_like(up, skip), skip), 1))
        return up


class RsuDilated(nn.Module):
    """RSU-4F: the residual U-block that dilates instead of pooling, for the smallest maps."""

    def __init__(self, channels: tuple[int, int, int]) -> None:
        super().__init__()
        c_in, c_mid, c_out = channels
        self.rebnconvin = ConvBnRelu(c_in, c_out)
        self.rebnconv1 = ConvBnRelu(c_out, c_mid, 1)
        self.rebnconv2 = ConvBnRelu(c_mid, c_mid, 2)
        self.rebnconv3 = ConvBnRelu(c_mid, c_mid, 4)
        self.rebnconv4 = ConvBnRelu(c_mid, c_mid, 8)
        self.rebnconv3d = ConvBnRelu(2 * c_mid, c_mid, 4)
        self.rebnconv2d = ConvBnRelu(2 * c_mid, c_mid, 2)
        self.rebnconv1d = ConvBnRelu(2 * c_mid, c_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        entry: Tensor = self.rebnconvin(x)
        x1: Tensor = self.rebnconv1(entry)
        x2 = self.rebnconv2(x1)
        x3 = self.rebnconv3(x2)
        up: Tensor = self.rebnconv3d(torch.cat((self.rebnconv4(x3), x3), 1))
        up = self.rebnconv2d(torch.cat((up, x2), 1))
        up = self.rebnconv1d(torch.cat((up, x1), 1))
        return entry + up


class U2Net(nn.Module):
    """U²-Net ("u2net", 44,009,869 parameters) or U²-Net-p ("u2netp", 1,131,181).

    Input: float (N,3,H,W), normalised, of any size. Output while training: seven logits (N,1,H,W), the fused
    one first. Output in eval mode: the fused probability (N,1,H,W); the other six are not returned.
    """

    def __init__(self, arch: Arch = "u2netp") -> None:
        super().__init__()
        self.arch = arch
        for name, row in TABLE[arch].items():
            self.add_module(name, Rsu(row.depth, row.inner) if row.depth else RsuDilated(row.inner))
        sides = ("stage1d", "stage2d", "stage3d", "stage4d", "stage5d", "stage6")
        for number, stage in enumerate(sides, start=1):
            self.add_module(f"side{number}", nn.Conv2d(TABLE[arch][stage].inner[2], 1, 3, padding=1))
        self.outconv = nn.Conv2d(6, 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...] | Tensor:
        sides = self._sides(x)
        full = [sides[0]] + [_resize_like(side, sides[0]) for side in sides[1:]]
        fused = self.outconv(torch.cat(full, 1))
        return (fused, *full) if self.training else torch.sigmoid(fused)

    def _sides(self, x: Tensor) -> list[Tensor]:
        """The six side logits, finest first, each at its own size."""
        maps = [self.get_submodule("stage1")(x)]
        for name in STAGES[1:]:
            maps.append(self.get_submodule(name)(_halve(maps[-1])))
        decoded = [maps[-1]]
        for name, skip in zip(DECODERS, reversed(maps[:-1]), strict=True):
            decoded.append(self.get_submodule(name)(torch.cat((_resize_like(decoded[-1], skip), skip), 1)))
        return [self.get_submodule(f"side{n}")(x) for n, x in enumerate(reversed(decoded), start=1)]


def fold_batchnorm(net: U2Net) -> U2Net:
    """Merge every BatchNorm into its convolution, in float32 and in place; the net is for inference after it."""
    net.float().eval()
    for block in net.modules():
        if isinstance(block, ConvBnRelu) and isinstance(block.bn_s1, nn.BatchNorm2d):
            block.conv_s1 = fuse_conv_bn_eval(block.conv_s1, block.bn_s1)
            block.bn_s1 = nn.Identity()
    return net.requires_grad_(False)


def outputs_of(modules: Iterable[nn.Module], net: U2Net, x: Tensor) -> dict[nn.Module, Tensor]:
    """Run `net` on `x` -> what each of its modules gives, in the order in which they are done."""
    seen: dict[nn.Module, Tensor] = {}
    hooks = [module.register_forward_hook(lambda module, _, out: seen.update({module: out})) for module in modules]
    net(x)
    for hook in hooks:
        hook.remove()
    return seen


def _halve(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 2, stride=2, ceil_mode=True)


def _resize_like(x: Tensor, target: Tensor) -> Tensor:
    return F.interpolate(x, target.shape[2:], mode="bilinear", align_corners=False)
