"""Exported files in the user's registry: names, replacing, and what `bgdl models` tells of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from bgdl import registry, weights
from bgdl.cli.main import app
from bgdl.errors import InputError
from bgdl.export import model, user_registry
from bgdl.nets import checkpoint

needs = {".onnx": "onnxruntime", ".xml": "openvino"}


@pytest.mark.parametrize("licence", ["--licence", "--license"])
def test_command_registers_a_name_for_load(trained: Path, tmp_path: Path, own_registry: Path, licence: str) -> None:
    target = tmp_path / "mine.safetensors"
    command = ["export", str(trained), "-o", str(target), "--register", "my-desk", licence, "CC0"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert checkpoint.read(target).metadata["licence"] == "CC0"
    assert weights.registered() == {"my-desk": own_registry / "my-desk.safetensors"}
    matter = registry.load("my-desk", device="cpu", engine="torch")
    assert matter.name == "my-desk"
    assert matter.alpha(torch.zeros(1, 20, 30, 3, dtype=torch.uint8)).shape == (1, 20, 30, 1)
    with pytest.raises(InputError, match=r"unknown model 'your-desk'; known are .*my-desk"):
        registry.load("your-desk")


def test_registering_again_replaces(trained: Path, tmp_path: Path, own_registry: Path) -> None:
    pytest.importorskip("onnxruntime")
    for suffix in (".safetensors", ".onnx"):
        model.export(trained, tmp_path / f"mine{suffix}")
        user_registry.register(tmp_path / f"mine{suffix}", "desk", overwrite=True)
    assert [file.name for file in own_registry.iterdir()] == ["desk.onnx"]


def test_what_is_there_is_not_replaced_unasked(trained: Path, tmp_path: Path, own_registry: Path) -> None:
    """Before any work: neither a file nor a registered name, of whatever kind."""
    mine, other = tmp_path / "mine.safetensors", tmp_path / "other.safetensors"
    model.export(trained, mine)
    user_registry.register(mine, "desk")
    written = mine.stat().st_mtime_ns
    with pytest.raises(InputError, match=r"mine\.safetensors exists; use overwrite or another name"):
        model.export(tmp_path, mine)
    with pytest.raises(InputError, match=r"'desk' is registered already \(.*desk\.safetensors\)"):
        user_registry.register(other, "desk")
    command = ["export", str(trained), "-o", str(other), "--register"]
    for name, told in {"desk": "is registered already", "my model": "cannot be a model's name"}.items():
        result = CliRunner().invoke(app, [*command, name])
        assert isinstance(result.exception, InputError) and told in str(result.exception)
    assert not other.exists() and mine.stat().st_mtime_ns == written
    assert CliRunner().invoke(app, [*command, "desk", "--overwrite"]).exit_code == 0
    model.export(trained, mine, overwrite=True)
    assert mine.stat().st_mtime_ns > written


@pytest.mark.parametrize("name", ["portrait", "mog2", "a/b", "", "x.y"])
def test_names_that_cannot_be_registered(name: str, tmp_path: Path, own_registry: Path) -> None:
    with pytest.raises(InputError, match="cannot be a model's name"):
        user_registry.register(tmp_path / "mine.safetensors", name)


def test_registering_a_file_of_the_registry_keeps_it(trained: Path, own_registry: Path) -> None:
    own_registry.mkdir()
    model.export(trained, own_registry / "desk.safetensors")
    assert user_registry.register(own_registry / "desk.safetensors", "desk") == own_registry / "desk.safetensors"
    assert [file.name for file in own_registry.iterdir()] == ["desk.safetensors"]


def test_names_stand_for_files(trained: Path, tmp_path: Path, own_registry: Path) -> None:
    """A registered name can be exported, blended in and is listed."""
    model.export(trained, tmp_path / "mine.safetensors", scores={"people": 0.97})
    user_registry.register(tmp_path / "mine.safetensors", "desk")
    command = ["export", "desk", "-o", str(tmp_path / "again.safetensors"), "--blend", "desk", "--share", "0.3"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    card = checkpoint.read(tmp_path / "again.safetensors").metadata
    assert (
        card["blend"] == {"start": "desk", "share": 0.3} and "scores" not in card
    )  # others than those that were measured
    listed = CliRunner().invoke(app, ["models", "--json"]).output.splitlines()
    assert json.loads(listed[-1])["weights"] == str(own_registry / "desk.safetensors")


@pytest.mark.parametrize("suffix", weights.EXPORTED)
def test_models_show_licence_and_scores_of_what_is_registered(
    trained: Path, tmp_path: Path, own_registry: Path, suffix: str
) -> None:
    if suffix in needs:
        pytest.importorskip(needs[suffix])
    scores = {"people": 0.97, "humans": {"iou": 0.9}}
    model.export(trained, tmp_path / f"mine{suffix}", licence="MIT", scores=scores)
    user_registry.register(tmp_path / f"mine{suffix}", "desk")
    shown = CliRunner().invoke(app, ["models"]).output.split("desk ", 1)[1]
    assert "MIT\n" in shown and "people 0.970, humans iou 0.900" in shown


def test_a_full_disk_is_told_and_leaves_nothing(
    trained: Path, tmp_path: Path, own_registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.export(trained, tmp_path / "mine.safetensors")

    def full(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:100])
        raise OSError(28, "No space left on device", str(source))

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(InputError, match=r"cannot copy mine.safetensors to .*models/desk.safetensors: No space left"):
        user_registry.register(tmp_path / "mine.safetensors", "desk")
    assert list(own_registry.iterdir()) == [] and weights.registered() == {}
