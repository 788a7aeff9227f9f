"""`bgdl doctor`: what this machine has, what `auto` takes here and why."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from bgdl.cli import console, options
from bgdl.errors import BgdlError

PACKAGES = ("torch", "torchvision", "pillow", "numpy", "av", "pytorch-lightning")
OPTIONAL = {
    "openvino": "openvino",
    "onnxruntime": "onnx",
    "mediapipe": "mediapipe",
    "pymatting": "matting",
    "pillow-heif": "heif",
    "pyvirtualcam": "virtualcam",
    "pysodmetrics": "eval",
    "tensorboard": "train",
}


def doctor(model: options.Model = "portrait", device: options.Device = "auto") -> None:
    """Show versions, devices, engines, what auto picks here and why, free memory and where weights are."""
    sections: dict[str, Callable[[], Iterator[str]]] = {
        "versions": _versions,
        "devices": _devices,
        "engine": lambda: _engine(model, device),
        "memory": _memory,
        "weights": _weights,
    }
    for title, lines in sections.items():
        console.out.print(title, style="bold")
        try:
            for line in lines():
                console.out.print(f"  {line}", markup=False)
        except BgdlError as error:
            console.out.print(f"  {error}", markup=False)


def _versions() -> Iterator[str]:
    import bgdl

    yield f"bgdl {bgdl.__version__}, Python {platform.python_version()}, {platform.platform()}"
    yield ", ".join(f"{name} {_version(name) or 'missing'}" for name in PACKAGES)
    for name, extra in OPTIONAL.items():
        found = _version(name) or f'is not installed: pip install "bgdl[{extra}]"'
        yield f"{name} {found}"
    from bgdl.opencv import cv2  # several packages hold it

    yield f"opencv {cv2.__version__}"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _devices() -> Iterator[str]:
    import torch

    from bgdl.device import cpu_count, cpu_features, why_no_cuda

    fast = ", ".join(sorted(cpu_features())) or "none of bf16, fp16, int8"
    yield f"cpu: {cpu_count()} processors available; fast arithmetic: {fast}"
    reason = why_no_cuda()
    yield f"cuda: {reason}" if reason else f"cuda: {torch.cuda.get_device_name()}"
    yield f"mps: {'available' if torch.backends.mps.is_available() else 'no Metal GPU'}"


def _engine(model: str, device: str) -> Iterator[str]:
    from bgdl import registry, weights
    from bgdl.engines import cache, choose, network

    yield f"installed: {', '.join(choose.installed())}"
    yield f"compiled networks: {cache.size_bytes() / 1e9:.2f} of {cache.BUDGET_BYTES / 1e9:g} GB in {cache.folder()}"
    model, _ = registry.split_options(model)
    record = weights.RECORDS.get(model)
    if not registry.is_network(model):
        yield f"{model} does not use a network"
        return
    path = weights.locate(record) if record else weights.path_of(model)
    if path is None:
        yield f"{model} is not downloaded yet: bgdl models fetch {model}"
        return
    where, choice = choose.place(device, network=network.read(path), cost=record.cost if record else None)
    yield f"auto picks {choice.engine} {choice.precision} on {where} for {model}: {choice.reason}"


def _memory() -> Iterator[str]:
    import torch

    yield _main_memory()
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        yield f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB free on the GPU"


def _main_memory() -> str:
    """What is free, where the system tells it without a package of its own (Linux), else what there is."""
    with suppress(OSError, KeyError, ValueError):
        lines = Path("/proc/meminfo").read_text("utf-8").splitlines()
        kib = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
        return f"{kib['MemAvailable'] / 2**20:.1f} of {kib['MemTotal'] / 2**20:.1f} GiB free"
    with suppress(AttributeError, OSError, ValueError):
        return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB"
    return "this system does not tell"


def _weights() -> Iterator[str]:
    from bgdl import weights

    for record in weights.RECORDS.values():
        yield f"{record.name}: {weights.locate(record) or f'not downloaded yet: bgdl models fetch {record.name}'}"
    yield f"looked for in: {', '.join(map(str, weights.search_path()))}"
