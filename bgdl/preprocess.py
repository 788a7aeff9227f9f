"""From frames to what a network takes, by an InputSpec that belongs to its weights; and back to full size."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from bgdl import checks, convert
from bgdl.errors import InputError
from bgdl.resize import enlarge

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
STEP = 32
"""The least side of an input, of which those of a rectangular one are multiples: U²-Net halves them five times."""
MOST = 2048
"""The largest `size`."""
WIDEST = 4
"""Frames longer than so many times their width are squeezed to that by shape "area"."""


Scale = Literal["unit", "max"]
Interpolation = Literal["bilinear", "bicubic"]
Stretch = Literal["none", "minmax"]
Shape = Literal["square", "area", "aspect"]
CHOICES = {"scale": Scale, "interpolation": Interpolation, "stretch": Stretch, "shape": Shape}


@dataclass(frozen=True)
class InputSpec:
    """How the pictures that a network was trained on were made ready.

    size, shape: "square": a frame is resized to a square whose side is `size` pixels. "area": to the frame's own
        aspect and about as many pixels as that square has. "aspect": to the frame's own aspect, `size` the long side,
        which is fewer pixels. The sides of the latter two are multiples of 32.
    scale: "unit" divides by 255; "max" divides by the frame's own maximum, as upstream does.
    interpolation, antialias: of that resize; antialias=False is upstream's.
    stretch: "none" takes the network's probability as alpha; "minmax" stretches each matte to 0..1 as
        upstream does (it turns an empty frame into a subject, so it is for parity only).
    levels: the probability up to which a place is empty, and from which it is full; alpha rises evenly in between. It
        takes haze and see-through subjects away, and narrows edges that the network's few pixels made wide.
    """

    size: int = 320
    scale: Scale = "unit"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    interpolation: Interpolation = "bilinear"
    antialias: bool = True
    stretch: Stretch = "none"
    shape: Shape = "square"
    levels: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", checks.count("size", self.size, at_least=STEP, at_most=MOST))
        for name in ("mean", "std"):
            object.__setattr__(self, name, checks.numbers(name, getattr(self, name), 3))
        for name, choices in CHOICES.items():
            checks.one_of(name, getattr(self, name), choices)
        low, high = checks.numbers("levels", self.levels, 2)
        if not 0 <= low < high <= 1:
            raise InputError(f"levels is {low:g}, {high:g}; it must be two numbers from 0 to 1, the lower one first")
        object.__setattr__(self, "levels", (low, high))

    @property
    def size_hw(self) -> tuple[int, int]:
        return (self.size, self.size)

    def input_hw(self, frame_hw: tuple[int, int]) -> tuple[int, int]:
        """The network's input (H,W) for a frame of `frame_hw`."""
        if self.shape == "square":
            return self.size_hw
        height, width = frame_hw
        full: float = max(frame_hw)
        if self.shape == "area":
            height, width = max(height, width // WIDEST), max(width, height // WIDEST)
            full = math.sqrt(height * width)
        rows, columns = (max(1, round(side * self.size / full / STEP)) for side in (height, width))
        return (rows * STEP, columns * STEP)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> InputSpec:
        """Read back `to_dict`, for instance from the metadata of a weights file."""
        return cls(**{name: value for name, value in values.items() if name in cls.__dataclass_fields__})


def prepare(frames: Tensor, spec: InputSpec) -> Tensor:
    """uint8 (N,H,W,3) -> float32 (N,3,S,S) on the same device, channels-last, normalised by `spec`."""
    planes = convert.to_nchw(frames)
    if not (spec.antialias and planes.device.type == "cpu"):
        planes = planes.to(torch.float32)  # else bytes, rounded as Pillow does: torch shrinks them ten times faster
    size_hw = spec.input_hw((planes.shape[2], planes.shape[3]))
    planes = F.interpolate(planes, size_hw, mode=spec.interpolation, antialias=spec.antialias, align_corners=False)
    return _normalised(planes.to(torch.float32), spec)


def normalise(frames: Tensor, spec: InputSpec) -> Tensor:
    """uint8 (N,H,W,3) -> float32 (N,3,H,W): `prepare` for frames that have the network's size already."""
    return _normalised(convert.to_nchw(frames).to(torch.float32), spec)


def restore(probability: Tensor, size_hw: tuple[int, int], spec: InputSpec) -> Tensor:
    """float (N,1,S,S) probability -> float32 (N,H,W,1) alpha at the frame's full size."""
    probability = probability.float()
    if spec.stretch == "minmax":
        probability = _stretch(probability)
    low, high = spec.levels
    probability = (probability - low) / (high - low)  # cut off at full size: cut small, borders enlarge to stairs
    shrinks = size_hw[0] < probability.shape[-2] or size_hw[1] < probability.shape[-1]
    if not shrinks:
        return enlarge(probability, size_hw).clamp_(0, 1)
    alpha = F.interpolate(probability, size_hw, mode="bilinear", antialias=True, align_corners=False)
    return convert.to_nhwc(alpha.clamp_(0, 1)).contiguous()


def _normalised(planes: Tensor, spec: InputSpec) -> Tensor:
    mean = planes.new_tensor(spec.mean).view(1, 3, 1, 1)
    std = planes.new_tensor(spec.std).view(1, 3, 1, 1)
    return ((planes / _peak(planes, spec)) - mean).div_(std).contiguous(memory_format=torch.channels_last)


def _peak(planes: Tensor, spec: InputSpec) -> Tensor:
    if spec.scale == "unit":
        return planes.new_tensor(255.0)
    return planes.amax(dim=(1, 2, 3), keepdim=True).clamp_min(1.0)


def _stretch(probability: Tensor) -> Tensor:
    low = probability.amin(dim=(1, 2, 3), keepdim=True)
    high = probability.amax(dim=(1, 2, 3), keepdim=True)
    return (probability - low) / (high - low).clamp_min(1e-8)
