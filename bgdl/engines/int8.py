"""Quantize a network to int8 for the OpenVINO engine, calibrated on pictures (NNCF, post-training)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bgdl.engines.network import Network
from bgdl.errors import MissingExtra, WeightsError
from bgdl.preprocess import InputSpec


def quantize(network: Network, pictures: NDArray[np.float32], target: Path, *, spec: InputSpec) -> None:
    """Write `target` (.xml, its .bin beside it), a file that `bgdl.load` and `--model` take.

    pictures: float32 (P,3,H,W), prepared by `spec`; some dozens like those that it will see. The channels are
    centred before, without which int8 ruins U²-Net-p. Raises WeightsError for a graph that is no U²-Net.
    """
    try:
        import nncf
        import openvino
    except ImportError as error:
        raise MissingExtra("int8", "int8") from error
    if network.weights is None:
        raise WeightsError(f"{network.path.name} is no U²-Net in a form that bgdl reads, so it cannot be quantized")
    size_hw = (pictures.shape[-2], pictures.shape[-1])
    model = openvino.Core().read_model(network.graph(size_hw, exact=False))
    samples = nncf.Dataset([picture[None] for picture in pictures])
    preset = nncf.QuantizationPreset.MIXED
    quantized = nncf.quantize(model, samples, subset_size=len(pictures), preset=preset)
    card = {"arch": network.weights.arch, "input_spec": spec.to_dict()}
    quantized.set_rt_info(json.dumps(card), "bgdl")
    openvino.save_model(quantized, target, compress_to_fp16=False)
