"""The machine: the device that work runs on, its processors, and the memory that was taken."""

from __future__ import annotations

import functools
import os
import platform
import sys
from pathlib import Path

import torch

from bgdl import checks
from bgdl.errors import DeviceError

MOST_THREADS = 1024

FEATURES = frozenset(
    {"amx_bf16", "amx_fp16", "amx_int8", "avx2", "avx512_bf16", "avx512_fp16", "avx512_vnni", "avx512f", "avx_vnni"}
    | {"asimdhp", "bf16", "i8mm"}  # ARM
)

_LINUX_NAMES = {"avx512_f": "avx512f", "fp16_arith": "asimdhp"}
"""Features that torch calls by another name."""


def pick_device(name: str = "auto") -> torch.device:
    """The device called `name`; "auto" takes CUDA, then the CPU.

    MPS is taken by name only: torch ends the process where two threads use it at once, as those of a clip's stages do
    (pytorch#197805). Raises DeviceError when a device asked for by name is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        raise DeviceError(f"unknown device {name!r}; use auto, cpu, cuda, cuda:N or mps") from None
    if device.type not in ("cpu", "cuda", "mps"):
        raise DeviceError(f"unknown device {name!r}; use auto, cpu, cuda, cuda:N or mps")
    if device.type == "cuda":
        _check_cuda(device)
    if device.type == "mps" and not _has_mps():
        raise DeviceError("device 'mps' was asked for, but this machine has no Metal GPU; use --device cpu")
    return device


def why_no_cuda() -> str | None:
    """The reason why CUDA cannot be used, or None where it can."""
    if torch.cuda.is_available():
        return None
    if torch.version.cuda is None:
        return f"torch {torch.__version__} is a build without CUDA"
    return f"torch {torch.__version__} (CUDA {torch.version.cuda}) finds no NVIDIA GPU or driver"


def cpu_count() -> int:
    """Processors that this process may use: affinity and the cgroup's quota respected."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, _cgroup_cpus() or allowed))


def set_threads(threads: int | None = None) -> int:
    """Let torch and the other engines use `threads` processors; default: OMP_NUM_THREADS, else all of `cpu_count`.

    Raises InputError for more than MOST_THREADS: the runtime of torch's threads ends the process that cannot have them.
    """
    wished = os.environ.get("OMP_NUM_THREADS", "")
    option, count = ("threads", threads) if threads else ("OMP_NUM_THREADS", int(wished) if wished.isdecimal() else 0)
    count = checks.count(option, count, at_most=MOST_THREADS) or cpu_count()
    torch.set_num_threads(count)
    return count


def thread_count() -> int:
    """Threads that an engine starts: what `set_threads` or OMP_NUM_THREADS chose, the cgroup's quota at most."""
    return min(torch.get_num_threads(), cpu_count())


@functools.cache
def survive_forks() -> None:
    """Let processes that are forked from this one use one thread of torch: they would wait for ever for their parent's.

    Their own `torch.set_num_threads` comes after it and holds.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


def upload(frames: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Frames on `device`; to CUDA through pinned memory, which torch recycles once the copy is done."""
    if device.type == "cuda" and frames.device.type == "cpu":
        frames = frames.pin_memory()
    return frames.to(device, non_blocking=device.type == "cuda")


def peak_memory_mb() -> float | None:
    """The most main memory that this process has held so far in MiB, or None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)


def peak_device_mb(device: torch.device) -> float | None:
    """The most memory that torch has held on a CUDA device so far in MiB, or None for others."""
    return round(torch.cuda.max_memory_allocated(device) / (1 << 20), 1) if device.type == "cuda" else None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, of the GPU or of the machine; only some libraries have a class of its own for it."""
    said = (
        "out of memory", "CUDNN_STATUS_ALLOC_FAILED", "Failed to allocate", "can't allocate memory", "not enough memory"
    )  # fmt: skip
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(words in str(error) for words in said)


def processor_name() -> str:
    """What the processor calls itself, or its kind where the system does not say."""
    return _cpu_info("model name") or platform.processor() or platform.machine()


@functools.cache
def cpu_features() -> frozenset[str]:
    """What this processor can do for networks, of FEATURES; empty where the system does not tell."""
    return FEATURES & _cpu_flags()


def _has_mps() -> bool:
    return torch.backends.mps.is_available()


def _check_cuda(device: torch.device) -> None:
    reason = why_no_cuda()
    if reason:
        raise DeviceError(f"device '{device}' was asked for, but {reason}; use --device cpu or --device auto")
    if device.index is not None and device.index >= torch.cuda.device_count():
        raise DeviceError(f"device '{device}' was asked for, but there are {torch.cuda.device_count()} CUDA devices")


def _cpu_flags() -> frozenset[str]:
    """Linux's names of the processor's features (those of ARM are `bf16` and `asimdhp`); elsewhere torch tells."""
    if flags := _cpu_info("flags", "Features"):
        return frozenset(flags.split())
    ask = getattr(torch.cpu, "get_capabilities", dict)  # older torch has none
    return frozenset(_LINUX_NAMES.get(name, name) for name, there in ask().items() if there is True)


def _cpu_info(*names: str) -> str:
    """What Linux says of the first processor under one of `names`; empty elsewhere."""
    for line in _text("/proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in names:
            return value.strip()
    return ""


def _cgroup_cpus() -> int | None:
    """The quota of cgroup version 2 or 1 in whole processors, or None where there is none."""
    version_1 = (f"/sys/fs/cgroup/cpu/cpu.cfs_{name}_us" for name in ("quota", "period"))
    words = (_text("/sys/fs/cgroup/cpu.max") or " ".join(map(_text, version_1))).split()
    if len(words) != 2 or not all(word.isdecimal() for word in words):
        return None
    return max(1, int(words[0]) // int(words[1]))


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
