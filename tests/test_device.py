"""Devices by name, processors by affinity and quota, and what the processor can do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bgdl import device
from bgdl.errors import DeviceError, InputError


@pytest.fixture
def files(monkeypatch):
    """Pretends what the system's files say."""

    def pretend(**texts: str) -> None:
        found = {f"/{name.replace('__', '/')}": text for name, text in texts.items()}
        names = {path.replace("cpu_max", "cpu.max").replace("cpu_cfs", "cpu.cfs"): text for path, text in found.items()}
        monkeypatch.setattr(device, "_text", lambda path: names.get(path, ""))

    return pretend


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({}, 16),
        ({"sys__fs__cgroup__cpu_max": "max 100000\n"}, 16),
        ({"sys__fs__cgroup__cpu_max": "250000 100000\n"}, 2),
        ({"sys__fs__cgroup__cpu_max": "50000 100000\n"}, 1),
        ({"sys__fs__cgroup__cpu_max": "9900000 100000\n"}, 16),
        ({"sys__fs__cgroup__cpu__cpu_cfs_quota_us": "-1", "sys__fs__cgroup__cpu__cpu_cfs_period_us": "100000"}, 16),
        ({"sys__fs__cgroup__cpu__cpu_cfs_quota_us": "300000", "sys__fs__cgroup__cpu__cpu_cfs_period_us": "100000"}, 3),
    ],
)
def test_processors_respect_affinity_and_quota(files, monkeypatch, texts, expected):
    files(**texts)
    monkeypatch.setattr(device.os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    assert device.cpu_count() == expected


def test_threads_of_engines_are_those_that_were_set(files, monkeypatch):
    before = torch.get_num_threads()
    try:
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        assert device.set_threads() == 1
        monkeypatch.delenv("OMP_NUM_THREADS")
        assert device.set_threads(1) == device.thread_count() == 1
        assert device.set_threads() == device.cpu_count()
        assert device.thread_count() == device.cpu_count()
        files(sys__fs__cgroup__cpu_max="100000 100000")
        assert device.thread_count() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("threads", "wished", "said"), [
    (1025, "2", "threads is 1025; it must be 1024 or less"),
    (2**31, "2", "threads is 2147483648; it must be 1024 or less"),
    (None, "99999999999", "OMP_NUM_THREADS is 99999999999; it must be 1024 or less"),
])  # fmt: skip
def test_threads_that_no_process_can_have_are_a_sentence(monkeypatch, threads, wished, said):
    monkeypatch.setenv("OMP_NUM_THREADS", wished)
    with pytest.raises(InputError, match=f"^{said}$"):
        device.set_threads(threads)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512_bf16 amx_tile\n", {"avx2", "avx512f", "avx512_bf16"}),
        ("processor\t: 0\nFeatures\t: fp asimd asimdhp bf16 i8mm\n", {"asimdhp", "bf16", "i8mm"}),
    ],
)
def test_features_of_the_processor(files, text, expected):
    files(proc__cpuinfo=text)
    assert device.cpu_features.__wrapped__() == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"architecture": "x86_64", "avx2": True, "avx512_f": True, "avx512_vnni": True, "amx_int8": False},
         {"avx2", "avx512f", "avx512_vnni"}),
        ({"architecture": "aarch64", "neon": True, "fp16_arith": True, "bf16": True, "sve_max_length": 1},
         {"asimdhp", "bf16"}),
        (None, set()),
    ],
)  # fmt: skip
def test_features_where_there_is_no_cpuinfo(files, monkeypatch, told, expected):
    files()  # as on Windows and macOS
    if told is None:  # an older torch
        monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    else:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told, raising=False)
    assert device.cpu_features.__wrapped__() == expected


def test_the_processor_s_name(files, monkeypatch):
    files(proc__cpuinfo="processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC: 9R14\n")
    assert device.processor_name() == "AMD EPYC: 9R14"
    files(proc__cpuinfo="processor\t: 0\nCPU implementer\t: 0x41\n")  # ARM's Linux tells no name
    monkeypatch.setattr(device.platform, "processor", lambda: "")
    monkeypatch.setattr(device.platform, "machine", lambda: "aarch64")
    assert device.processor_name() == "aarch64"


def test_memory_of_the_gpu_is_told_for_cuda_alone(monkeypatch):
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: 3 << 19)
    assert device.peak_device_mb(torch.device("cuda", 1)) == 1.5
    assert device.peak_device_mb(torch.device("cpu")) is None


@pytest.mark.parametrize("name", ["gpu", "vulkan", "xpu:99", None, 1.5])
def test_unknown_devices_are_refused(name):
    with pytest.raises(DeviceError, match="use auto, cpu, cuda, cuda:N or mps"):
        device.pick_device(name)


def test_cuda_by_name_where_there_is_none(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"'cuda' was asked for, but torch .*; use --device cpu or --device auto"):
        device.pick_device("cuda")
    assert device.pick_device("auto").type == "cpu"


def test_mps_is_taken_by_name_only(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device.pick_device("auto").type == "cpu"
    assert device.pick_device("mps").type == "mps"


def test_more_cuda_devices_than_there_are(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(DeviceError, match="'cuda:3' was asked for, but there are 1 CUDA devices"):
        device.pick_device("cuda:3")
    assert device.pick_device("cuda:0").index == 0


FORK = """
import os, sys, numpy as np, bgdl
picture = np.random.default_rng(0).integers(0, 256, (400, 600, 3), np.uint8)
matter = bgdl.load(sys.argv[1], engine="torch", device="cpu")
before = bgdl.remove(picture, model=matter)
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(bgdl.remove(picture, model=matter), before) else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks on this system")
def test_a_forked_process_does_not_wait_for_threads_of_its_parent(tiny_weights: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}  # with one, nobody is waited for
    subprocess.run([sys.executable, "-c", FORK, str(tiny_weights)], check=True, timeout=60, env=environment)
