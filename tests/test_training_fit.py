"""Whole trainings on drawn people: they start from every config, leave their files, learn and resume exactly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from bgdl.cli.train import main
from bgdl.data.pairs import find_pairs
from bgdl.nets import checkpoint
from bgdl.preprocess import InputSpec
from bgdl.training.module import PortraitModule
from tests.conftest import ROOT
from tests.training_runs import SMALL, data, resume_exactly, trainer

CONFIGS = ("portrait.yaml", "smoke.yaml", "u2net_portrait.yaml")


@pytest.mark.parametrize("config", CONFIGS)
def test_every_config_starts(config: str, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["--data.root", str(people), "--data.split", "hash:2", "--data.sizes", "[32]", "--data.workers", "0"]
    small += [
        "--model.start",
        "null",
        "--model.arch",
        "u2netp",
        "--model.input_spec.size",
        "32",
        "--data.batch",
        "2",
        "--data.limit",
        "2",
    ]
    small += ["--trainer.fast_dev_run", "1", "--trainer.accelerator", "cpu", "--trainer.devices", "1"]
    main(["fit", "--config", str(ROOT / "configs" / config), *small])


def test_fit_leaves_checkpoint_config_samples_and_curve(
    people: Path, tmp_path: Path, monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.chdir(tmp_path)
    smoke = ["fit", "--config", str(ROOT / "configs" / "smoke.yaml"), "--data.root", str(people)]
    main([*smoke, "--data.sizes", "[32]", "--model.input_spec.size", "32"])
    folder = tmp_path / "runs" / "smoke" / "csv" / "version_0"
    assert {"config.yaml", "metrics.csv", "samples.png", "curve.png"} <= {file.name for file in folder.iterdir()}
    with Image.open(folder / "curve.png") as curve:
        assert curve.size == (800, 4 * 220)
    loaded = checkpoint.read(folder / "checkpoints" / "last.ckpt")
    assert loaded.arch == "u2netp" and loaded.spec == SMALL
    assert "first validation" not in caplog.text


def test_a_run_shorter_than_an_epoch_leaves_its_checkpoint(
    people: Path,
    tmp_path: Path,
    monkeypatch: Any,
    caplog: pytest.LogCaptureFixture,
    recwarn: pytest.WarningsRecorder,
) -> None:
    """Nothing was validated by then, which neither stopping early nor keeping the best may take amiss."""
    caplog.set_level("INFO")
    monkeypatch.chdir(tmp_path)
    small = ["--data.root", str(people), "--data.split", "hash:2", "--data.sizes", "[32]", "--data.batch", "2"]
    small += ["--model.start", "null", "--model.arch", "u2netp", "--model.input_spec.size", "32"]
    small += ["--trainer.accelerator", "cpu", "--trainer.devices", "1", "--trainer.max_steps", "2"]
    main(["fit", "--config", str(ROOT / "configs" / "portrait.yaml"), *small])
    folder = tmp_path / "runs" / "portrait" / "csv" / "version_0"
    assert "the run ended before its first validation, so it has no score and no best checkpoint" in caplog.messages
    assert not any("val_iou" in str(warning.message) for warning in recwarn)
    assert not (folder / "curve.png").exists()  # it would be white
    assert checkpoint.read(folder / "checkpoints" / "last.ckpt").spec == SMALL


@pytest.mark.slow
def test_two_processes_make_one_run(people: Path, tmp_path: Path) -> None:
    """Both meet in every collective call, also while the first alone writes samples.png and the curve."""
    command = [sys.executable, str(ROOT / "train.py"), "fit", "--config", str(ROOT / "configs" / "smoke.yaml")]
    command += ["--data.root", str(people), "--data.sizes", "[32]", "--model.input_spec.size", "32"]
    command += ["--trainer.accelerator", "cpu", "--trainer.devices", "2", "--trainer.strategy", "ddp"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=300, env=os.environ | {"OMP_NUM_THREADS": "1"})
    folder = tmp_path / "runs" / "smoke" / "csv" / "version_0"
    assert {"metrics.csv", "samples.png", "curve.png"} <= {file.name for file in folder.iterdir()}
    assert checkpoint.read(folder / "checkpoints" / "last.ckpt").spec == SMALL


@pytest.mark.slow
def test_eight_pictures_are_learnt(people: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    pictures = data(people, augment=None, colour=0, samples=160, sizes=[64])
    pictures.train_pairs = pictures.val_pairs = find_pairs(people)
    module = PortraitModule(input_spec=InputSpec(size=64), batchnorm="train", lr=3e-3, warmup_steps=5)
    run = trainer(tmp_path, max_epochs=3)
    run.fit(module, pictures)
    assert float(run.callback_metrics["val_iou"]) > 0.97


def test_resume_is_exact(people: Path, tmp_path: Path) -> None:
    resume_exactly(people, tmp_path, workers=0)


def test_resume_is_exact_with_workers(people: Path) -> None:
    """In a process of its own: what other tests have loaded keeps threads that do not bear a fork."""
    command = [sys.executable, "-m", "tests.training_runs", "resume", str(people)]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=one_thread)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("exact\n")
