"""int8 for the OpenVINO engine: the range of every map, measured once on pictures, and the graph rounded to them.

A map is rounded to 256 levels over its range, each output channel of a convolution's weights to 255 around zero
(Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR
2018). The channels are centred before (`bgdl.nets.centre`); without that int8 ruins U²-Net-p. Channels of the last
block that hardly matter are left out (`bgdl.nets.narrow`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bgdl.engines.network import Network
from bgdl.engines.openvino_package import load_openvino
from bgdl.errors import WeightsError
from bgdl.nets.narrow import needed_channels
from bgdl.weights import Calibration

ROUNDED = ("Parameter", "Relu", "Maximum", "Interpolate", "Add")
"""What makes maps that are rounded, but for a bias, which is added before a ReLU, and for the mattes of one channel."""


def measure(network: Network, pictures: NDArray[np.float32]) -> Calibration:
    """Which channels stay, and the mean over the pictures of each map's extremes. They fit every input size.

    pictures: float32 (P,3,H,W), prepared as the network needs them; some dozens like those that it will see.
    Raises WeightsError for a graph that is not a U²-Net.
    """
    openvino = load_openvino("int8")
    ops = openvino.opset13
    if network.weights is None:
        raise WeightsError(f"{network.path.name} is not a U²-Net in a form that bgdl reads, so it cannot run in int8")
    kept = needed_channels(network.weights.net(), torch.from_numpy(pictures))
    core = openvino.Core()
    model = core.read_model(network.graph((pictures.shape[-2], pictures.shape[-1]), exact=False, kept=kept))
    maps = list(_maps(model))
    axes = np.array([0, 1, 2, 3])
    extremes = [reduce(output, axes, False) for _, output in maps for reduce in (ops.reduce_min, ops.reduce_max)]
    probe = core.compile_model(
        openvino.Model(extremes, model.get_parameters()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    found = np.mean([[float(value) for value in probe(picture[None]).values()] for picture in pictures], axis=0)
    pairs = zip(found[::2], found[1::2], strict=True)
    ranges = {name: _with_zero(low, high) for (name, _), (low, high) in zip(maps, pairs, strict=True)}
    return Calibration(ranges, kept)


def quantize(model: Any, ranges: Mapping[str, tuple[float, float]]) -> Any:
    """Round an OpenVINO model, in place, to `ranges`. Raises WeightsError where they are of another network."""
    ops = load_openvino("int8").opset13
    maps = dict(_maps(model))
    if maps.keys() != ranges.keys():
        raise WeightsError(
            "the int8 calibration is of another network; measure it again: bgdl export ... --int8 FOLDER"
        )
    for name, output in maps.items():
        readers = list(output.get_target_inputs())
        low, high = (np.full((1, 1, 1, 1), value, np.float32) for value in ranges[name])
        rounded = _rounded(ops, output, low, high, 256)
        for reader in readers:
            reader.replace_source_output(rounded)
    for convolution in (op for op in model.get_ops() if op.get_type_name() == "Convolution"):
        weight = convolution.input_value(1)
        most = np.abs(weight.get_node().data).max(axis=(1, 2, 3), keepdims=True).clip(1e-8)
        convolution.input(1).replace_source_output(_rounded(ops, weight, -most, most, 255))
    return model


def no_ranges(network: Network | None) -> str:
    """Why int8 cannot be had, and what to do."""
    name = network.path.name if network else "NAME"
    return f"{name} has no int8 calibration (bgdl export {name} -o OWN.safetensors --int8 FOLDER measures it)"


def _maps(model: Any) -> Iterator[tuple[str, Any]]:
    """Name and output of every map that is rounded."""
    for op in model.get_ordered_ops():
        sources = {value.get_node().get_type_name() for value in op.input_values()}
        wide = op.get_type_name() in ROUNDED and op.output(0).get_partial_shape()[1].get_length() > 1
        if wide and not (op.get_type_name() == "Add" and "Convolution" in sources):
            yield op.get_friendly_name(), op.output(0)


def _rounded(ops: Any, output: Any, low: NDArray[np.float32], high: NDArray[np.float32], levels: int) -> Any:
    return ops.fake_quantize(output, low, high, low, high, levels).output(0)


def _with_zero(low: float, high: float) -> tuple[float, float]:
    """The range widened until 0, with which maps are padded, is one of its 256 levels."""
    low, high = min(low, 0.0), max(high, 1e-6)
    if low < 0:
        below = min(254, int(-255 * low / (high - low)))
        scale, steps = min((max(-low / n, high / (255 - n)), n) for n in (below, below + 1) if 0 < n < 255)
        low, high = -scale * steps, scale * (255 - steps)
    return float(f"{low:.6g}"), float(f"{high:.6g}")
