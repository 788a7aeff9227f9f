"""What is built and installed: the wheel's contents, the extras, and every YAML of the project."""

from __future__ import annotations

import re
import subprocess
import sys
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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_the_package_its_weights_and_its_licence(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert {"bgdl/py.typed", "bgdl/_weights/README.md", "bgdl/evaluation/report.html", "bgdl/__main__.py"} <= names
    files = {path.relative_to(ROOT) for path in (ROOT / "bgdl").rglob("*") if path.is_file()}
    assert {path.as_posix() for path in files if "__pycache__" not in path.parts} <= names
    shipped = {f"bgdl/_weights/{path.name}" for path in (ROOT / "weights").iterdir()}
    assert shipped <= names
    assert {name.rpartition("/")[2] for name in names if "licenses/" in name} == {"LICENSE", "NOTICE"}
    assert not [name for name in names if name.startswith(("tests/", "shared/", "configs/"))]


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
