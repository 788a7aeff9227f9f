"""Exported files describe themselves, agree with torch and load by path or by a registered name."""

from __future__ import annotations

import copy
import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

import bgdl
from bgdl import weights
from bgdl.cli.main import app
from bgdl.engines import network
from bgdl.errors import InputError, MissingExtra, WeightsError
from bgdl.export import formats, model
from bgdl.export.blend import blend
from bgdl.nets import checkpoint
from bgdl.nets.u2net import U2Net, fold_batchnorm
from bgdl.preprocess import InputSpec

SPEC = InputSpec(size=40, scale="max")
needs = {".onnx": "onnxruntime", ".xml": "openvino"}


@pytest.mark.parametrize("suffix", weights.EXPORTED)
@pytest.mark.parametrize("half", [True, False])
def test_export_agrees_with_torch_and_keeps_its_spec(trained: Path, tmp_path: Path, suffix: str, half: bool) -> None:
    if suffix in needs:
        pytest.importorskip(needs[suffix])
    target = tmp_path / f"mine{suffix}"
    assert model.export(trained, target, half=half, licence="CC0") < (2e-3 if half else 1e-5)
    assert network.read(target).spec == SPEC
    assert not [file for file in tmp_path.iterdir() if ".part" in file.name]


@pytest.mark.parametrize("suffix", [".safetensors", ".onnx"])
def test_the_card_says_where_the_weights_come_from(trained: Path, tmp_path: Path, suffix: str) -> None:
    if suffix in needs:
        pytest.importorskip(needs[suffix])
    target = tmp_path / f"mine{suffix}"
    model.export(trained, target, licence="CC0", scores={"people": 0.9})
    card = checkpoint.read(target).metadata
    assert (card["licence"], card["scores"], card["arch"]) == ("CC0", {"people": 0.9}, "u2netp")
    assert card["config"] == "model: {lr: 0.5}\n"


def test_folded_weights_leave_batchnorm_out_and_load_alike(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, x = U2Net("u2netp").eval(), torch.randn(1, 3, 32, 32)
    expected = net(x)
    checkpoint.write(tmp_path / "folded.safetensors", fold_batchnorm(net), spec=SPEC, half=False)
    loaded = checkpoint.read(tmp_path / "folded.safetensors")
    assert loaded.folded and torch.allclose(loaded.net()(x), expected, atol=1e-5)


def test_onnx_takes_any_batch_and_size(trained: Path, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    model.export(trained, tmp_path / "mine.onnx", half=False)
    session = runtime.InferenceSession(str(tmp_path / "mine.onnx"), providers=["CPUExecutionProvider"])
    net = checkpoint.read(trained).net()
    for shape in ((1, 3, 32, 32), (3, 3, 50, 33)):
        x = torch.randn(shape)
        with torch.no_grad():
            assert torch.allclose(torch.from_numpy(session.run(None, {"image": x.numpy()})[0]), net(x), atol=1e-4)


def test_levels_are_kept_by_the_file(trained: Path, tmp_path: Path) -> None:
    for suffix in (".safetensors", ".onnx"):
        model.export(trained, tmp_path / f"net{suffix}", levels=(0.1, 0.9))
        assert bgdl.load(str(tmp_path / f"net{suffix}")).spec.levels == (0.1, 0.9)
    model.export(tmp_path / "net.safetensors", tmp_path / "again.safetensors")
    assert bgdl.load(str(tmp_path / "again.safetensors")).spec.levels == (0.1, 0.9)


def test_unknown_suffix_says_what_is_allowed(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot export to 'x.tflite'; use one of .safetensors, .onnx, .xml"):
        model.export(trained, tmp_path / "x.tflite")


def test_a_file_that_disagrees_is_not_left_behind(trained: Path, tmp_path: Path, monkeypatch: Any) -> None:
    write = formats.WRITERS[".safetensors"]

    def altered(path: Path, net: U2Net, card: dict[str, Any], half: bool) -> None:
        """A hundredth off in the network's last layer."""
        changed = copy.deepcopy(net)
        with torch.no_grad():
            changed.outconv.bias += 0.04  # type: ignore[operator]
        write(path, changed, card, half)

    monkeypatch.setitem(formats.WRITERS, ".safetensors", altered)
    for half in (True, False):
        with pytest.raises(WeightsError, match=r"mine.safetensors differs from torch"):
            model.export(trained, tmp_path / "mine.safetensors", half=half)
    assert list(tmp_path.iterdir()) == []


def test_without_the_runtime_that_checks_it_nothing_is_left_behind(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match=r'checking an exported .onnx needs .* pip install "bgdl\[onnx\]"'):
        model.export(trained, tmp_path / "portrait.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_the_file_has_the_permissions_of_any_other(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    model.export(trained, tmp_path / "own.safetensors")
    assert (tmp_path / "own.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_the_size_told_is_that_of_all_files(trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    result = CliRunner().invoke(app, ["export", str(trained), "-o", str(tmp_path / "mine.xml")])
    size_mb = sum((tmp_path / f"mine{suffix}").stat().st_size for suffix in (".xml", ".bin")) / 1e6
    assert size_mb > 2 and f"mine.xml: {size_mb:.2f} MB" in result.output


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (RuntimeError("iostream error"), r"OpenVINO failed \(iostream error\); is the disk full\?"),
        (RuntimeError("Check 'ok' failed at a.cpp:1:\niostream error\n"), r"OpenVINO failed \(iostream error\); is .*"),
        (RuntimeError(), r"OpenVINO failed \(it gave no reason\); is .*"),
    ],
)
def test_what_openvino_cannot_write_is_told(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    openvino = pytest.importorskip("openvino")

    def full(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(openvino, "save_model", full)
    with pytest.raises(InputError, match=rf"^cannot write .*mine.xml: {told}$"):
        model.export(trained, tmp_path / "mine.xml")


def test_a_missing_folder_and_broken_scores_are_explained(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write x.onnx: there is no folder .*nowhere; create it first"):
        model.export(trained, tmp_path / "nowhere" / "x.onnx")
    (tmp_path / "scores.json").write_text("{")
    told = {"scores.json": "cannot be read as JSON: ", "none.json": "there is no file .*none.json; scores takes a JSON"}
    for scores, reason in told.items():
        command = ["export", str(trained), "-o", str(tmp_path / "x.onnx"), "--scores", str(tmp_path / scores)]
        result = CliRunner().invoke(app, command)
        assert isinstance(result.exception, InputError) and re.search(reason, str(result.exception))


def test_scores_file_goes_into_the_card(trained: Path, tmp_path: Path) -> None:
    scores, target = tmp_path / "scores.json", tmp_path / "mine.safetensors"
    scores.write_text(json.dumps({"people": {"iou": 0.97}}))
    result = CliRunner().invoke(app, ["export", str(trained), "-o", str(target), "--scores", str(scores)])
    assert result.exit_code == 0, result.output
    assert checkpoint.read(target).metadata["scores"] == {"people": {"iou": 0.97}}


@pytest.mark.parametrize("content", ["[1, 2]", '{"people": "good"}', '{"people": true}', "3"])
def test_scores_are_names_with_numbers(trained: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "s.json").write_text(content)
    command = ["export", str(trained), "-o", str(tmp_path / "x.onnx"), "--scores", str(tmp_path / "s.json")]
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, InputError) and "other than names with numbers" in str(result.exception)


def test_cards_are_read_without_torch(trained: Path, tmp_path: Path) -> None:
    model.export(trained, tmp_path / "mine.safetensors", licence="MIT")
    (tmp_path / "none.safetensors").write_bytes(b"\0" * 20)
    ask = "import sys; from pathlib import Path; from bgdl.nets.card import read_card as r; print(*(r(Path(p)).get("
    ask += "'licence') for p in sys.argv[1:]), 'torch' in sys.modules)"
    command = [sys.executable, "-c", ask, str(tmp_path / "mine.safetensors"), str(tmp_path / "none.safetensors")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "MIT None False\n"


def test_precision_is_half_or_full(trained: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["export", str(trained), "-o", str(tmp_path / "x.onnx"), "--precision", "int4"])
    assert result.exit_code == 2 and "'int4' is not one of" in result.output


def test_blend_is_the_mean_of_folded_weights(trained: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    start, tuned = checkpoint.read(trained), tmp_path / "tuned.safetensors"
    checkpoint.write(tuned, fold_batchnorm(U2Net("u2netp")), spec=SPEC, half=False)
    model.export(tuned, tmp_path / "half-way.safetensors", half=False, start=trained, share=0.25)
    mixed = checkpoint.read(tmp_path / "half-way.safetensors")
    key = "stage1.rebnconvin.conv_s1.weight"
    expected = 0.25 * checkpoint.read(tuned).state[key] + 0.75 * fold_batchnorm(start.net()).state_dict()[key]
    assert torch.allclose(mixed.state[key], expected, atol=1e-6)
    assert mixed.metadata["blend"] == {"start": "last.ckpt", "share": 0.25}


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_blend_of_all_or_nothing_is_one_of_the_two(trained: Path, share: float) -> None:
    torch.manual_seed(2)
    one, other = checkpoint.read(trained), checkpoint.Checkpoint("u2netp", U2Net("u2netp").state_dict())
    expected = one if share else other
    mixed = blend(one, other, share)
    assert all(
        torch.equal(value, expected.state[key]) for key, value in mixed.state.items() if value.is_floating_point()
    )


def test_blend_refuses_what_it_cannot_average(trained: Path) -> None:
    one = checkpoint.read(trained)
    with pytest.raises(InputError, match=r"share is 1.5; allowed are 0"):
        blend(one, one, 1.5)
    with pytest.raises(InputError, match="u2netp and u2net cannot be blended"):
        blend(one, checkpoint.Checkpoint("u2net", {}), 0.5)


def test_a_share_without_a_blend_is_refused(trained: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["export", str(trained), "-o", str(tmp_path / "x.onnx"), "--share", "0"])
    assert str(result.exception) == "share is the weight in an average; give blend too"
    assert not (tmp_path / "x.onnx").exists()


def test_blend_of_trained_batchnorm_with_a_folded_start(trained: Path, tmp_path: Path) -> None:
    torch.manual_seed(3)
    start = tmp_path / "start.safetensors"
    checkpoint.write(start, fold_batchnorm(U2Net("u2netp")), spec=SPEC, half=False)
    tuned, other = checkpoint.read(trained), checkpoint.read(start)
    assert other.folded and not tuned.folded
    mixed = blend(tuned, other, 0.25)
    key = "stage1.rebnconvin.conv_s1.weight"
    expected = 0.25 * fold_batchnorm(tuned.net()).state_dict()[key] + 0.75 * other.state[key]
    assert torch.allclose(mixed.state[key], expected, atol=1e-6)
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    whole = blend(tuned, other, 1.0)
    assert whole.folded and torch.allclose(whole.net()(x), tuned.net()(x), atol=1e-4)


def test_the_revision_of_another_repository_is_not_bgdls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = functools.partial(subprocess.run, cwd=tmp_path, check=True, capture_output=True)
    run(["git", "init", "-q"])
    run(["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "theirs"])
    installed = tmp_path / "site-packages" / "bgdl" / "export"
    installed.mkdir(parents=True)
    monkeypatch.setattr(model, "__file__", str(installed / "model.py"))
    assert model._git_revision() is None
    (tmp_path / "bgdl" / "export").mkdir(parents=True)
    monkeypatch.setattr(model, "__file__", str(tmp_path / "bgdl" / "export" / "model.py"))
    assert re.fullmatch("[0-9a-f]{40}", model._git_revision() or "")
