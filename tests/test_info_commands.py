"""`bgdl --help`, `bgdl models` and `bgdl doctor` tell the truth about this machine."""

from __future__ import annotations

import json
import shutil
import sys
from importlib import metadata
from pathlib import Path

import pytest
import torch

import bgdl as package
from bgdl import registry, weights
from bgdl.opencv import cv2
from tests.conftest import Bgdl
from tests.test_package import PROJECT


def test_help_lists_the_verbs(bgdl: Bgdl) -> None:
    done = bgdl("--help")
    assert done.status == 0
    for verb in ("image", "models", "doctor"):
        assert verb in done.out


@pytest.mark.parametrize("verb", ["", "video", "live", "eval", "bench", "export", "synth", "data check", "models"])
def test_h_is_help(bgdl: Bgdl, verb: str) -> None:
    done = bgdl(*verb.split(), "-h")
    assert done.status == 0 and f"Usage: bgdl {verb}".strip() in done.out


def test_version(bgdl: Bgdl) -> None:
    done = bgdl("--version")
    assert (done.status, done.out) == (0, f"bgdl {package.__version__}\n")


def test_a_shell_completes_verbs_and_options(bgdl: Bgdl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_BGDL_COMPLETE", "complete_bash")
    for typed, words in (("bgdl vi", ["video", "virtual-background"]), ("bgdl image --only", ["--only-matte"])):
        monkeypatch.setenv("COMP_WORDS", typed)
        monkeypatch.setenv("COMP_CWORD", str(typed.count(" ")))
        assert set(words) & set(bgdl().out.split())


def test_models_prints_every_method_with_licence_and_source(bgdl: Bgdl) -> None:
    text = bgdl("models").out
    for name, method in registry.METHODS.items():
        assert name in text
        assert method.summary in text or name in weights.TFLITE
    assert text.count("learns the empty scene: --prime") == sum(row.primed for row in registry.METHODS.values()) == 5
    for record in (weights.RECORDS | weights.TFLITE).values():
        assert f"{record.name} " in text and record.summary in text
        assert f"{record.licence}, {record.source}" in text


def test_models_json_says_where_weights_are(bgdl: Bgdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BGDL_WEIGHTS", str(tmp_path))
    (tmp_path / "u2net.onnx").write_bytes(b"x")
    rows = {row["name"]: row for row in map(json.loads, bgdl("models", "--json").out.splitlines())}
    assert rows["u2net"]["weights"] == str(tmp_path / "u2net.onnx")
    assert rows["u2net_human_seg"]["weights"] == "not downloaded yet: bgdl models fetch u2net_human_seg"
    assert rows["otsu"]["weights"] == "none needed"
    assert {(row["name"], row["primed"], row["stateful"]) for row in rows.values()} == {
        (name, method.primed, method.stateful) for name, method in registry.METHODS.items()
    } | {("mediapipe:variant=general", False, False)}


def test_fetch_finds_what_is_there(
    bgdl: Bgdl, tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BGDL_WEIGHTS", str(tmp_path))
    shutil.copy(tiny_weights, tmp_path / "u2netp.safetensors")
    assert bgdl("models", "fetch", "u2netp").out.strip() == f"u2netp: {tmp_path / 'u2netp.safetensors'}"


def test_fetch_of_an_unknown_name(bgdl: Bgdl) -> None:
    done = bgdl("models", "fetch", "u3net")
    assert done.status == 1
    assert "unknown weights 'u3net'; known are portrait" in done.err


def test_doctor(bgdl: Bgdl, tiny_weights: Path) -> None:
    done = bgdl("doctor", "-m", tiny_weights, "--device", "cpu")
    assert done.status == 0
    for fact in (
        f"bgdl {package.__version__}",
        f"torch {torch.__version__}",
        "installed: ",
        "on cpu for",
        "memory\n  ",
        "looked for in: ",
        "u2net_human_seg: not downloaded yet: bgdl models fetch u2net_human_seg",
    ):
        assert fact in done.out


def test_doctor_on_a_method_and_on_missing_weights(bgdl: Bgdl) -> None:
    assert "mog2 does not use a network" in bgdl("doctor", "-m", "mog2").out
    assert "u2net is not downloaded yet: bgdl models fetch u2net" in bgdl("doctor", "-m", "u2net").out
    assert "\n  no weights file at nowhere.pth\nmemory\n" in bgdl("doctor", "-m", "nowhere.pth").out


def test_doctor_tells_all_else_where_opencv_does_not_load(bgdl: Bgdl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "bgdl.opencv")
    monkeypatch.setitem(sys.modules, "cv2", None)  # whose import fails
    done = bgdl("doctor", "-m", "mog2")
    assert done.status == 0 and "\n  OpenCV does not load" in done.out and "looked for in: " in done.out


def test_doctor_knows_opencv_by_any_package_and_every_extra(bgdl: Bgdl, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    text = bgdl("doctor", "-m", "mog2").out
    assert f"opencv {cv2.__version__}\n" in text and "opencv-python" not in text
    for extra in PROJECT["optional-dependencies"].keys() - {"all", "dev", "docs"}:
        assert f'is not installed: pip install "bgdl[{extra}]"\n' in text
