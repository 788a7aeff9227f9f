"""What is built and installed: the wheel's contents, the extras, and every YAML of the project."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import bgdl
from tests.conftest import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


STRAYS = ("weights/u2net.onnx", "weights/u2net.part", "weights/.cache/u2net.onnx", "data_private.csv", "own/a.png")


Built = tuple[zipfile.ZipFile, tarfile.TarFile]


def build(root: Path, folder: Path) -> Built:
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl"))), tarfile.open(next(folder.glob("*.tar.gz")))


def unversioned(archive: tarfile.TarFile) -> set[str]:
    return {name.partition("/")[2] for name in archive.getnames()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(built: Built) -> zipfile.ZipFile:
    return built[0]


@pytest.fixture(scope="module")
def tracked() -> set[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    return set(listed.stdout.decode().split("\0")) - {""}


def test_the_wheel_holds_the_package_and_its_licence(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert {"bgdl/py.typed", "bgdl/_weights/README.md", "bgdl/evaluation/report.html", "bgdl/__main__.py"} <= names
    files = {path.relative_to(ROOT) for path in (ROOT / "bgdl").rglob("*") if path.is_file()}
    assert {path.as_posix() for path in files if "__pycache__" not in path.parts} <= names
    assert {name.rpartition("/")[2] for name in names if "licenses/" in name} == {"LICENSE", "NOTICE"}
    assert not [name for name in names if name.startswith(("tests/", "shared/", "configs/"))]


def test_every_tracked_file_is_shipped(tracked: set[str], built: Built) -> None:
    wheel, sdist = built
    weights = {name.replace("weights/", "bgdl/_weights/") for name in tracked if name.startswith("weights/")}
    assert weights == {name for name in wheel.namelist() if name.startswith("bgdl/_weights/")}
    assert tracked <= unversioned(sdist)


def test_what_lies_about_in_a_checkout_is_not_shipped(built: Built, tmp_path: Path) -> None:
    wheel, sdist = built
    sdist.extractall(tmp_path, filter="data")
    (root,) = tmp_path.iterdir()
    for stray in STRAYS:
        (root / stray).parent.mkdir(exist_ok=True)
        (root / stray).touch()
    again = build(root, tmp_path / "again")
    assert sorted(again[0].namelist()) == sorted(wheel.namelist())
    assert unversioned(again[1]) == unversioned(sdist)


def test_the_wheel_is_small(wheel: zipfile.ZipFile) -> None:
    assert sum(item.compress_size for item in wheel.infolist()) < 5e6


def test_version_is_semantic_and_in_the_changelog() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", bgdl.__version__)
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in changelog or f"## [{bgdl.__version__}]" in changelog


def test_extras_have_loose_lower_bounds_and_all_has_them_all() -> None:
    extras = PROJECT["optional-dependencies"]
    for requirement in [*PROJECT["dependencies"], *(r for extra in extras.values() for r in extra)]:
        assert not re.search(r"[<~]|==", requirement.partition(";")[0]), requirement
    wanted = ",".join(sorted(extras.keys() - {"all", "dev", "docs"}))
    assert extras["all"] == [f"bgdl[{wanted}]"]


@pytest.mark.parametrize(
    ("name", "too_old", "lacks"),
    [
        ("typer", "0.18", "options whose type is a Literal"),
        ("pytorch-lightning", "2.5.6", "EMAWeightAveraging, which the configs name"),
        ("jsonargparse", "4.38", "what Lightning 2.6 asks of it"),
        ("torchvision", "0.20.1", "make_params and transform, which bgdl/data/colour.py overrides"),
        ("torch", "2.5.1", "what torchvision 0.21 is built for"),
    ],
)
def test_lower_bounds_leave_out_what_is_too_old(name: str, too_old: str, lacks: str) -> None:
    (bound,) = (wanted for text in PROJECT["dependencies"] if (wanted := Requirement(text)).name == name)
    assert not bound.specifier.contains(too_old), f"{name} {too_old} lacks {lacks}"


def test_every_extra_that_an_error_names_exists() -> None:
    said = re.compile(r"MissingExtra\([^)]*?\"([a-z0-9]+)\"\s*\)", re.S)
    for path in (ROOT / "bgdl").rglob("*.py"):
        for extra in said.findall(path.read_text(encoding="utf-8")):
            assert extra in PROJECT["optional-dependencies"], f"{path.name} names the extra {extra}"


@pytest.mark.parametrize(
    "path",
    [p for pattern in ("configs/**/*.yaml", ".github/**/*.yml", ".pre-commit-config.yaml") for p in ROOT.glob(pattern)],
    ids=lambda p: p.relative_to(ROOT).as_posix(),
)
def test_every_yaml_is_parsed(path: Path) -> None:
    assert yaml.safe_load(path.read_text(encoding="utf-8"))
