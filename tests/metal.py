"""Apple's GPU, pretended on a CPU: tensors that say they are on MPS and refuse what torch lacks there."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

MPS = torch.device("mps")


class OnMetal(Tensor):
    """On "MPS" until `cpu()`: no float64, no border in grid_sample (before torch 2.13), only cells that divide."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func == Tensor.device.__get__:  # type: ignore[attr-defined]
            return MPS
        if func is Tensor.double or any(value is torch.float64 for value in (*args, *kwargs.values())):
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        if func is F.grid_sample and kwargs.get("padding_mode") == "border":
            raise NotImplementedError("MPS: unsupported padding mode: border")
        if func is F.interpolate and kwargs.get("mode") == "area":
            sides = zip(args[0].shape[-2:], kwargs["size"], strict=True)
            if any(whole % part for whole, part in sides):
                raise RuntimeError("Adaptive pool MPS: input sizes must be divisible by output sizes")
        result = super().__torch_function__(func, types, args, kwargs)
        return result.as_subclass(Tensor) if func is Tensor.cpu else result


class Metal(TorchFunctionMode):
    """What is made on, or moved to, MPS here becomes an OnMetal."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        there = kwargs.get("device") == MPS or MPS in [arg for arg in args if isinstance(arg, torch.device)]
        if kwargs.get("device") == MPS:
            del kwargs["device"]
        args = tuple(torch.device("cpu") if isinstance(arg, torch.device) and arg == MPS else arg for arg in args)
        result = func(*args, **kwargs)
        return result.as_subclass(OnMetal) if there and isinstance(result, Tensor) else result
