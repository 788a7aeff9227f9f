"""Fixtures that several test files share."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from bgdl import download
from bgdl.nets import checkpoint
from bgdl.nets.u2net import U2Net
from bgdl.preprocess import InputSpec

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # for the workers, whose idle threads would spin against each other


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("cuda") and not torch.cuda.is_available():
        if os.environ.get("FAIL_WITHOUT_CUDA") == "1":
            pytest.fail("FAIL_WITHOUT_CUDA=1, but torch finds no CUDA device")
        pytest.skip("needs an NVIDIA GPU")
    if item.get_closest_marker("shared") and not SHARED.is_dir():
        pytest.skip("needs the shared photographs beside the checkout")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("-m"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="slow: ask for it with -m slow"))


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_is_heard() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it


@pytest.fixture(autouse=True, scope="session")
def _few_threads() -> None:
    torch.set_num_threads(1)  # tests run side by side


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["BGDL_CACHE"] = str(tmp_path_factory.mktemp("engines"))  # networks that the engines compile


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("needs the shared photographs beside the checkout")
    return SHARED


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random U²-Net-p weights whose input is 32 px: a real model file that runs in milliseconds."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    checkpoint.write(path, U2Net("u2netp"), spec=InputSpec(size=32), half=False)
    return path


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the caches, weights or models of the person who runs it."""
    home = tmp_path_factory.mktemp("home")
    for name in ("HOME", "USERPROFILE", "XDG_CACHE_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(home))
    for name in ("BGDL_WEIGHTS", "BGDL_MODELS", "U2NET_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(download, "make_bar", None)  # what the command line sets does not outlive a test


class Done(NamedTuple):
    """How a command ended and what it printed."""

    status: int
    out: str
    err: str


Bgdl = Callable[..., Done]


@pytest.fixture
def bgdl(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Bgdl:
    """Run `bgdl ARGS` in this process, as the console script does."""
    from bgdl.cli.main import main

    def run(*args: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["bgdl", *map(str, args)])
        status: object = 0
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
        out, err = capsys.readouterr()
        assert isinstance(status, int)
        return Done(status, out, err)

    return run
