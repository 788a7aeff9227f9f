"""Fixtures that several test files share."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

import bgdl as package
from bgdl import download
from bgdl.nets import checkpoint
from bgdl.nets.u2net import U2Net
from bgdl.preprocess import InputSpec
from bgdl.types import Matter
from tests.synthetic_people import write_people

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


@pytest.fixture(autouse=True)
def _cpu_unless_asked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is a GPU too, device "auto" is the CPU, whose results most tests know."""
    if torch.cuda.is_available() and not request.node.get_closest_marker("cuda"):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture(autouse=True, scope="session")
def _few_threads() -> None:
    torch.set_num_threads(1)  # tests run side by side


@pytest.fixture(autouse=True, scope="session")
def _shared_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["BGDL_CACHE"] = str(tmp_path_factory.mktemp("engines"))  # compiled once for the tests of a worker


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


@pytest.fixture(scope="session")
def tiny(tiny_weights: Path) -> Matter:
    """Those weights, loaded."""
    return package.load(tiny_weights, device="cpu")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Lightning checkpoint for 40 px as `bgdl train` leaves it, its config beside it."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("version_0")
    (folder / "checkpoints").mkdir()
    (folder / "config.yaml").write_text("model: {lr: 0.5}\n")
    state = {f"net.{key}": value for key, value in U2Net("u2netp").state_dict().items()}
    facts = {"arch": "u2netp", "input_spec": InputSpec(size=40, scale="max").to_dict()}
    path = folder / "checkpoints" / "last.ckpt"
    torch.save({"state_dict": state, "hyper_parameters": facts}, path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three pictures of noise, one of them in a subfolder."""
    rng = np.random.default_rng(0)
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    for name, size in {"a.jpg": (40, 30), "b (1).png": (33, 47), "sub/c.webp": (64, 20)}.items():
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(tmp_path / "photos" / name)
    return tmp_path / "photos"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A folder of eight drawn people with their masks."""
    return write_people(tmp_path / "people", 8)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What engines keep in this test: at first nothing, and nothing of it for others."""
    monkeypatch.setenv("BGDL_CACHE", str(tmp_path / "engines"))
    return tmp_path / "engines"


@pytest.fixture
def own_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `--register` puts models in this test."""
    monkeypatch.setenv("BGDL_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


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
