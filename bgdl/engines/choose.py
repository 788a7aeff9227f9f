"""Which engine and precision run a network: the fastest here whose precision does not cost quality."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from bgdl import checks
from bgdl.choices import EngineName, Precision
from bgdl.device import cpu_features, pick_device
from bgdl.engines import cache
from bgdl.engines.engine import Engine
from bgdl.engines.int8 import no_ranges
from bgdl.engines.network import Network
from bgdl.errors import DeviceError, InputError, WeightsError

ALLOWED_COST = 0.002
"""mIoU that `precision="auto"` may lose against fp32."""

PACKAGES = {"torch": "torch", "openvino": "openvino", "onnx": "onnxruntime"}
BF16_FEATURES = frozenset({"amx_bf16", "avx512_bf16"})
ARM_BF16 = "bf16"  # torch has it, OpenVINO does not
INT8_FEATURES = frozenset({"amx_int8", "avx512_vnni", "avx_vnni"})  # on ARM, OpenVINO rounds to int8 and runs floats
FP16_FEATURES = frozenset({"amx_fp16", "asimdhp"})  # with avx512_fp16 OpenVINO is slower than in fp32

OPTIONS: dict[str, EngineName] = {"compiled": "torch", "target": "openvino", "provider": "onnx"}
"""What `start` takes for one engine or another."""

Candidate = tuple[EngineName, Precision]


@dataclass(frozen=True)
class Choice:
    """What runs a network, and why, in words."""

    engine: EngineName
    precision: Precision
    reason: str


def installed() -> list[EngineName]:
    """The engines whose packages are there, by name."""
    names: list[EngineName] = ["openvino", "onnx", "torch"]
    return [name for name in names if importlib.util.find_spec(PACKAGES[name]) is not None]


def place(
    device: str,
    *,
    engine: EngineName = "auto",
    precision: Precision = "auto",
    network: Network | None = None,
    cost: Mapping[str, float] | None = None,
) -> tuple[torch.device, Choice]:
    """The device called `device` and what `choose` takes there; "auto" is the CPU where nothing is left on the GPU."""
    where = pick_device(device)
    asked: Any = {"engine": engine, "precision": precision, "network": network, "cost": cost}
    try:
        return where, choose(where, **asked)
    except DeviceError:
        if device != "auto" or where.type == "cpu":
            raise
    where = torch.device("cpu")
    return where, choose(where, **asked)


def choose(
    device: torch.device,
    *,
    engine: EngineName = "auto",
    precision: Precision = "auto",
    network: Network | None = None,
    cost: Mapping[str, float] | None = None,
) -> Choice:
    """The first of `candidates` that was not excluded by name, by what is installed, or by what its precision costs.

    network: excludes engines that cannot run its file, and tells what each precision costs its mIoU.
    cost: more of that, mIoU by precision; what is not measured is not taken.
    Raises InputError for an unknown word, DeviceError where nothing is left, with the reason.
    """
    checks.one_of("engine", engine, EngineName)
    checks.one_of("precision", precision, Precision)
    if engine != "auto" and precision != "auto":
        if precision == "int8" and engine != "openvino":
            raise DeviceError(f"nothing runs {engine} int8 on {device}: int8 is for the openvino engine")
        if device.type == "cpu" or engine in [name for name, _ in able(device, network)]:
            return Choice(engine, precision, "both asked for")
    known = _cost(network, cost)
    skipped: list[str] = []
    for name, kind in candidates(device):
        if engine not in ("auto", name) or precision not in ("auto", kind):
            continue
        obstacle = _unable(name, network, device)
        if obstacle is None and kind == "int8" and (network is None or network.calibration is None):
            obstacle = no_ranges(network)
        if obstacle is None and precision == "auto":
            obstacle = _too_costly(kind, known)
        if obstacle is None:
            return Choice(name, kind, _reason(kind, known, skipped))
        skipped.append(obstacle)
    wanted = " ".join(word for word in (engine, precision) if word != "auto")
    why = "; ".join(dict.fromkeys(skipped)) or f"no such pair; available: {in_words(able(device, network))}"
    way_out = "" if device.type == "cpu" else "; use --device cpu"
    raise DeviceError(f"nothing runs {wanted or 'this network'} on {device}: {why}{way_out}")


def candidates(device: torch.device) -> list[Candidate]:
    """Engine and precision by falling speed, as `bgdl bench` measured them (docs/performance.md)."""
    if device.type == "cuda":
        return [("torch", "fp16"), ("torch", "bf16"), ("torch", "fp32"), ("onnx", "fp32")]
    if device.type == "mps":
        return [("torch", "fp16"), ("torch", "fp32"), ("onnx", "fp32")]
    has = cpu_features()
    fast: list[tuple[bool, Candidate]] = [
        (bool(has & INT8_FEATURES), ("openvino", "int8")),
        (bool(has & BF16_FEATURES), ("openvino", "bf16")),
        (bool(has & FP16_FEATURES), ("openvino", "fp16")),
        (bool(has & BF16_FEATURES) or ARM_BF16 in has, ("torch", "bf16")),
    ]
    return [*(pair for there, pair in fast if there), ("openvino", "fp32"), ("onnx", "fp32"), ("torch", "fp32")]


def able(device: torch.device, network: Network | None = None) -> list[Candidate]:
    """Those of `candidates` that are installed, for the device too, and can run the network's file."""
    return [pair for pair in candidates(device) if _unable(pair[0], network, device) is None]


def in_words(pairs: Sequence[Candidate]) -> str:
    return ", ".join(map(" ".join, pairs)) or "nothing"


def runs(network: Network) -> tuple[EngineName, ...]:
    """The engines that can run the network's file."""
    if network.weights is not None:
        return ("openvino", "onnx", "torch")
    return ("openvino",) if network.path.suffix == ".xml" else ("openvino", "onnx")


def start(network: Network, choice: Choice, device: torch.device, **options: Any) -> Engine:
    """The engine of `choice`, ready to run `network`.

    options: `compiled` (torch), `target` (openvino), `provider` (onnx). Raises InputError for one that the engine
    does not have, WeightsError where the engine cannot run the file.
    """
    if choice.engine not in runs(network):
        fit = " or ".join(runs(network))
        raise WeightsError(
            f"{network.path.name} is not a U²-Net in a form that bgdl reads; run it with the {fit} engine"
        )
    for option in options:
        if (owner := OPTIONS[option]) != choice.engine:
            raise InputError(f"{option} is for the {owner} engine, but {choice.engine} runs {network.path.name} here")
    if choice.engine == "torch":
        from bgdl.engines.torch import TorchEngine

        assert network.weights is not None
        return TorchEngine(network.weights.net(), device, precision=choice.precision, **options)
    if choice.engine == "openvino":
        from bgdl.engines.openvino import OpenVINOEngine

        return OpenVINOEngine(network, precision=choice.precision, **options)
    from bgdl.engines.onnx import OnnxEngine

    return OnnxEngine(network, device, precision=choice.precision, **options)


def _unable(engine: EngineName, network: Network | None, device: torch.device) -> str | None:
    if network is not None and engine not in runs(network):
        return f"{engine} cannot run {network.path.name}"
    if engine not in installed():
        return f'{engine} is not installed (pip install "bgdl[{engine}]")'
    if engine == "onnx" and device.type != "cpu":
        from bgdl.engines import onnx

        return onnx.why_not(onnx.default_provider(device))
    return None


def _cost(network: Network | None, cost: Mapping[str, float] | None) -> dict[str, float]:
    """mIoU lost by precision: what the file says, what the caller knows, what was measured on this machine."""
    if network is None:
        return dict(cost or {})
    return {**network.cost, **(cost or {}), **cache.measured_cost(network.key)}


def _too_costly(precision: Precision, cost: Mapping[str, float]) -> str | None:
    if precision == "fp32" or (precision == "fp16" and cost.get("fp16", cost.get("bf16", 1.0)) <= ALLOWED_COST):
        return None  # fp16 has three bits more than bf16: what bf16 keeps, it keeps
    if precision not in cost:
        return f"the cost of {precision} is not known for these weights (bgdl bench --pictures FOLDER measures it)"
    if cost[precision] > ALLOWED_COST:
        return f"{precision} costs these weights {cost[precision]:.4f} mIoU, more than {ALLOWED_COST}"
    return None


def _reason(precision: Precision, cost: Mapping[str, float], skipped: list[str]) -> str:
    why = "the fastest that is installed"
    if precision in cost:
        why += f"; {precision} costs {max(cost[precision], 0):.4f} mIoU"
    return "; ".join([why, *dict.fromkeys(skipped)])
