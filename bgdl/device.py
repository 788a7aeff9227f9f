"""Which device the work runs on, and how many threads it may use."""

from __future__ import annotations

import os

import torch

from bgdl.errors import DeviceError


def pick_device(name: str = "auto") -> torch.device:
    """The device called `name`; "auto" takes CUDA, then MPS, then the CPU.

    Raises DeviceError when a device asked for by name is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if _has_mps() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
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
    """Let torch use `threads` processors (default: all that `cpu_count` allows); returns the number."""
    count = threads or cpu_count()
    torch.set_num_threads(count)
    return count


def _has_mps() -> bool:
    return torch.backends.mps.is_available()


def _check_cuda(device: torch.device) -> None:
    reason = why_no_cuda()
    if reason:
        raise DeviceError(f"device '{device}' was asked for, but {reason}; use --device cpu or --device auto")
    if device.index is not None and device.index >= torch.cuda.device_count():
        raise DeviceError(f"device '{device}' was asked for, but there are {torch.cuda.device_count()} CUDA devices")


def _cgroup_cpus() -> int | None:
    try:
        with open("/sys/fs/cgroup/cpu.max") as file:
            quota, period = file.read().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else max(1, int(quota) // int(period))
