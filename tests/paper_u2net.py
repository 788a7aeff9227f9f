"""U²-Net read a second time, straight from the table in the paper and as plain functions.

Nothing here is shared with bgdl.nets: it takes a state dict and computes, so that the two readings can be compared.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]


def _rebnconv(x: Tensor, state: State, name: str, dilation: int = 1) -> Tensor:
    weight, bias = state[f"{name}.conv_s1.weight"], state[f"{name}.conv_s1.bias"]
    x = F.conv2d(x, weight, bias, padding=dilation, dilation=dilation)
    bn = f"{name}.bn_s1"
    x = F.batch_norm(
        x, state[f"{bn}.running_mean"], state[f"{bn}.running_var"], state[f"{bn}.weight"], state[f"{bn}.bias"]
    )
    return x.clamp_min(0)


def _pool(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 2, 2, ceil_mode=True)


def _up(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear")


def _rsu7(x: Tensor, s: State, n: str) -> Tensor:
    x0 = _rebnconv(x, s, f"{n}.rebnconvin")
    x1 = _rebnconv(x0, s, f"{n}.rebnconv1")
    x2 = _rebnconv(_pool(x1), s, f"{n}.rebnconv2")
    x3 = _rebnconv(_pool(x2), s, f"{n}.rebnconv3")
    x4 = _rebnconv(_pool(x3), s, f"{n}.rebnconv4")
    x5 = _rebnconv(_pool(x4), s, f"{n}.rebnconv5")
    x6 = _rebnconv(_pool(x5), s, f"{n}.rebnconv6")
    x7 = _rebnconv(x6, s, f"{n}.rebnconv7", 2)
    y = _rebnconv(torch.cat((x7, x6), 1), s, f"{n}.rebnconv6d")
    y = _rebnconv(torch.cat((_up(y, x5), x5), 1), s, f"{n}.rebnconv5d")
    y = _rebnconv(torch.cat((_up(y, x4), x4), 1), s, f"{n}.rebnconv4d")
    y = _rebnconv(torch.cat((_up(y, x3), x3), 1), s, f"{n}.rebnconv3d")
    y = _rebnconv(torch.cat((_up(y, x2), x2), 1), s, f"{n}.rebnconv2d")
    return _rebnconv(torch.cat((_up(y, x1), x1), 1), s, f"{n}.rebnconv1d") + x0


def _rsu6(x: Tensor, s: State, n: str) -> Tensor:
    x0 = _rebnconv(x, s, f"{n}.rebnconvin")
    x1 = _rebnconv(x0, s, f"{n}.rebnconv1")
    x2 = _rebnconv(_pool(x1), s, f"{n}.rebnconv2")
    x3 = _rebnconv(_pool(x2), s, f"{n}.rebnconv3")
    x4 = _rebnconv(_pool(x3), s, f"{n}.rebnconv4")
    x5 = _rebnconv(_pool(x4), s, f"{n}.rebnconv5")
    x6 = _rebnconv(x5, s, f"{n}.rebnconv6", 2)
    y = _rebnconv(torch.cat((x6, x5), 1), s, f"{n}.rebnconv5d")
    y = _rebnconv(torch.cat((_up(y, x4), x4), 1), s, f"{n}.rebnconv4d")
    y = _rebnconv(torch.cat((_up(y, x3), x3), 1), s, f"{n}.rebnconv3d")
    y = _rebnconv(torch.cat((_up(y, x2), x2), 1), s, f"{n}.rebnconv2d")
    return _rebnconv(torch.cat((_up(y, x1), x1), 1), s, f"{n}.rebnconv1d") + x0


def _rsu5(x: Tensor, s: State, n: str) -> Tensor:
    x0 = _rebnconv(x, s, f"{n}.rebnconvin")
    x1 = _rebnconv(x0, s, f"{n}.rebnconv1")
    x2 = _rebnconv(_pool(x1), s, f"{n}.rebnconv2")
    x3 = _rebnconv(_pool(x2), s, f"{n}.rebnconv3")
    x4 = _rebnconv(_pool(x3), s, f"{n}.rebnconv4")
    x5 = _rebnconv(x4, s, f"{n}.rebnconv5", 2)
    y = _rebnconv(torch.cat((x5, x4), 1), s, f"{n}.rebnconv4d")
    y = _rebnconv(torch.cat((_up(y, x3), x3), 1), s, f"{n}.rebnconv3d")
    y = _rebnconv(torch.cat((_up(y, x2), x2), 1), s, f"{n}.rebnconv2d")
    return _rebnconv(torch.cat((_up(y, x1), x1), 1), s, f"{n}.rebnconv1d") + x0


def _rsu4(x: Tensor, s: State, n: str) -> Tensor:
    x0 = _rebnconv(x, s, f"{n}.rebnconvin")
    x1 = _rebnconv(x0, s, f"{n}.rebnconv1")
    x2 = _rebnconv(_pool(x1), s, f"{n}.rebnconv2")
    x3 = _rebnconv(_pool(x2), s, f"{n}.rebnconv3")
    x4 = _rebnconv(x3, s, f"{n}.rebnconv4", 2)
    y = _rebnconv(torch.cat((x4, x3), 1), s, f"{n}.rebnconv3d")
    y = _rebnconv(torch.cat((_up(y, x2), x2), 1), s, f"{n}.rebnconv2d")
    return _rebnconv(torch.cat((_up(y, x1), x1), 1), s, f"{n}.rebnconv1d") + x0


def _rsu4f(x: Tensor, s: State, n: str) -> Tensor:
    x0 = _rebnconv(x, s, f"{n}.rebnconvin")
    x1 = _rebnconv(x0, s, f"{n}.rebnconv1")
    x2 = _rebnconv(x1, s, f"{n}.rebnconv2", 2)
    x3 = _rebnconv(x2, s, f"{n}.rebnconv3", 4)
    x4 = _rebnconv(x3, s, f"{n}.rebnconv4", 8)
    y = _rebnconv(torch.cat((x4, x3), 1), s, f"{n}.rebnconv3d", 4)
    y = _rebnconv(torch.cat((y, x2), 1), s, f"{n}.rebnconv2d", 2)
    return _rebnconv(torch.cat((y, x1), 1), s, f"{n}.rebnconv1d") + x0


def seven_logits(x: Tensor, s: State) -> list[Tensor]:
    """The fused logit and the six side logits, all at the size of `x`."""
    en1 = _rsu7(x, s, "stage1")
    en2 = _rsu6(_pool(en1), s, "stage2")
    en3 = _rsu5(_pool(en2), s, "stage3")
    en4 = _rsu4(_pool(en3), s, "stage4")
    en5 = _rsu4f(_pool(en4), s, "stage5")
    en6 = _rsu4f(_pool(en5), s, "stage6")
    de5 = _rsu4f(torch.cat((_up(en6, en5), en5), 1), s, "stage5d")
    de4 = _rsu4(torch.cat((_up(de5, en4), en4), 1), s, "stage4d")
    de3 = _rsu5(torch.cat((_up(de4, en3), en3), 1), s, "stage3d")
    de2 = _rsu6(torch.cat((_up(de3, en2), en2), 1), s, "stage2d")
    de1 = _rsu7(torch.cat((_up(de2, en1), en1), 1), s, "stage1d")
    sides = [
        F.conv2d(feature, s[f"side{i}.weight"], s[f"side{i}.bias"], padding=1)
        for i, feature in enumerate((de1, de2, de3, de4, de5, en6), start=1)
    ]
    full = [_up(side, x) for side in sides]
    return [F.conv2d(torch.cat(full, 1), s["outconv.weight"], s["outconv.bias"]), *full]
