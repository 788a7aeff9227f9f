"""`bgdl train` from its ends: what it refuses, how it goes on, and what it says when it stops."""

from __future__ import annotations

import re
import runpy
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._utils import ExceptionWrapper

from bgdl.cli.train import main
from bgdl.errors import InputError, MissingExtra
from bgdl.nets import checkpoint
from bgdl.training import saving
from bgdl.training.module import PortraitModule
from tests.conftest import ROOT, Bgdl
from tests.synthetic_people import write_people

LAST = Path("runs/smoke/csv/version_0/checkpoints/last.ckpt")


def fit(folder: Path, *options: object) -> list[str]:
    """The command for a run of two epochs of two small pictures, in `folder`."""
    small = ["--data.sizes", "[32]", "--model.input_spec.size", "32", "--data.batch", "2", "--data.limit", "2"]
    quiet = ["--trainer.enable_progress_bar", "false", "--trainer.enable_model_summary", "false"]
    config = ["fit", "--config", str(ROOT / "configs" / "smoke.yaml"), "--data.root", str(folder / "people")]
    return [*config, *small, *quiet, *map(str, options)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures and a run that has come to its end."""
    folder = tmp_path_factory.mktemp("finished")
    write_people(folder / "people", 8)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        main(fit(folder))
    return folder


@pytest.fixture
def _heard() -> Iterator[None]:
    """Lightning turns Ctrl-C off while it clears up."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--model.arch", "u2net"], r"model\.arch is u2net, but .*last\.ckpt was trained with u2netp"),
        (["--model.input_spec.size", "64"], r"model\.input_spec\.size is 64, but .* was trained with 32"),
        (["--model.batchnorm", "fold"], r"model\.batchnorm is fold, but .* was trained with train"),
        (["--model.freeze_stages", "[stage1]"], r"model\.freeze_stages is \['stage1'\], but .* was trained with \[\]"),
        (["--model.lr", "1e-2"], r"model\.lr is 0\.01, but .* was trained with 0\.0003"),
    ],
)
def test_options_against_the_checkpoint_are_refused(finished: Path, options: list[str], told: str) -> None:
    last = finished / LAST
    with pytest.raises(InputError, match=rf"{told}, .* --model\.start .*last\.ckpt"):
        main(fit(finished, *options, "--ckpt_path", last, "--trainer.max_epochs", 3))


def test_a_checkpoint_is_validated_under_another_config(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose learning rate, BatchNorm and start are of no account."""
    monkeypatch.chdir(finished)
    command = ["validate", "--config", str(ROOT / "configs" / "portrait.yaml"), "--data.root", str(finished / "people")]
    limits = [
        "--data.split",
        "hash:2",
        "--data.limit",
        "1",
        "--trainer.accelerator",
        "cpu",
        "--trainer.logger",
        "false",
    ]
    main([*command, *limits, "--model.start", "nowhere.pth", "--ckpt_path", str(finished / LAST)])
    with pytest.raises(InputError, match=r"model\.arch is u2net, but"):
        main([*command, *limits, "--model.arch", "u2net", "--ckpt_path", str(finished / LAST)])


def test_what_is_no_checkpoint_is_told_in_a_sentence(finished: Path, tmp_path: Path, tiny_weights: Path) -> None:
    state = checkpoint.read(tiny_weights).state
    torch.save(state, tmp_path / "weights.pth")
    torch.save({"state_dict": state}, tmp_path / "weights.ckpt")
    (tmp_path / "half.ckpt").write_bytes((finished / LAST).read_bytes()[:3000])
    kinds = dict.fromkeys(("weights.pth", "weights.ckpt"), "holds weights, .* --model.start")
    kinds |= {tiny_weights.name: "holds weights", "half.ckpt": "is damaged", "none.ckpt": "there is no checkpoint"}
    (tmp_path / tiny_weights.name).write_bytes(tiny_weights.read_bytes())
    for name, told in kinds.items():
        with pytest.raises(InputError, match=told):
            main(fit(finished, "--ckpt_path", tmp_path / name))


def test_a_finished_run_says_how_to_go_on(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"is the end of its run: 2 epochs and 2 steps are over; raise --trainer\.max"):
        main(fit(finished, "--ckpt_path", finished / LAST))
    with pytest.raises(InputError, match="2 epochs and 2 steps are over"):
        main(fit(finished, "--ckpt_path", finished / LAST, "--trainer.max_epochs", -1, "--trainer.max_steps", 2))
    assert not list(tmp_path.iterdir()), "nothing is left of it"
    main(fit(finished, "--ckpt_path", finished / LAST, "--trainer.max_epochs", 3))
    assert max(saving.read(file)["epoch"] for file in tmp_path.rglob("last.ckpt")) == 2


@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_a_sentence(finished: Path) -> None:
    for name in ("gpu", "cuda"):
        with pytest.raises(InputError, match=rf"accelerator {name} was asked for, but torch .* use --trainer"):
            main(fit(finished, "--trainer.accelerator", name))
    with pytest.raises(InputError, match=r"the trainer cannot be set up: .*devices"):
        main(fit(finished, "--trainer.devices", 0))


def test_the_end_says_where_the_checkpoints_are(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bgdl: Bgdl
) -> None:
    monkeypatch.chdir(tmp_path)
    done = bgdl("train", *fit(finished))
    assert done.status == 0 and f"checkpoints are in {LAST.parent}\n" in done.err
    assert f"bgdl export {LAST} -o mine.safetensors" in done.err
    assert "litlogger" not in done.err and "LeafSpec" not in done.err


@pytest.mark.usefixtures("_heard")
@pytest.mark.parametrize("epoch", [0, 1])
def test_ctrl_c_says_how_to_go_on(
    epoch: int, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bgdl: Bgdl
) -> None:
    def stop(module: PortraitModule, *_: Any) -> None:
        if module.current_epoch == epoch:
            raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(PortraitModule, "on_train_epoch_end", stop)
    done = bgdl("train", *fit(finished))
    told = f"stopped; to resume from the last epoch: --ckpt_path {LAST}" if epoch else "stopped; no epoch ended"
    assert done.status == 130 and told in done.err
    assert LAST.is_file() == bool(epoch) and (LAST.parent.parent / "curve.png").is_file()


def test_the_command_saves_whole_files(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.replace", full)
    with pytest.raises(InputError, match=r"cannot save .*checkpoints.*ckpt: No space left on device"):
        main(fit(finished))


def test_a_full_disk_names_the_runs_folder(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file that did not fit has no name in the error."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pytorch_lightning.loggers.CSVLogger.save", full)
    with pytest.raises(InputError, match=r"cannot write to runs.smoke.csv.version_0: No space left on device"):
        main(fit(finished))


@pytest.mark.parametrize("word", ["last", "best"])
def test_a_word_is_no_checkpoint(tmp_path: Path, word: str) -> None:
    config = [
        "--config",
        str(ROOT / "configs" / "smoke.yaml"),
        "--data.root",
        str(write_people(tmp_path / "people", 8)),
    ]
    with pytest.raises(InputError, match=f"--ckpt_path {word} means one of this run's own checkpoints"):
        main(["fit", *config, "--ckpt_path", word])


@pytest.mark.parametrize(
    "error", [InputError("b.png: damaged"), MissingExtra("HEIC", "heif"), OSError(28, "No space left on device")]
)
def test_a_workers_error_is_its_sentence_alone(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> None:
        try:
            raise error
        except Exception:
            caught = ExceptionWrapper(where="in DataLoader worker process 0")
        caught.reraise()

    monkeypatch.setattr("pytorch_lightning.cli.LightningCLI.__init__", run)
    with pytest.raises(InputError) as told:
        main([])
    assert str(told.value) == str(error)


def test_train_py_tells_a_full_disk_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given: list[list[str]] = []

    def full(args: list[str]) -> None:
        given.append(args)
        raise OSError(28, "No space left on device", "last.ckpt")

    monkeypatch.setattr("bgdl.cli.train.main", full)
    monkeypatch.setattr(sys, "argv", ["train.py", "fit", "--config", "x.yaml"])
    for _ in range(2):  # the second as Lightning starts further processes
        with pytest.raises(SystemExit, match="1"):
            runpy.run_path(str(ROOT / "train.py"), run_name="__main__")
    assert given == [["fit", "--config", "x.yaml"]] * 2
    assert capsys.readouterr().err.splitlines()[-1] == "error: cannot read or write last.ckpt: No space left on device"


@pytest.mark.parametrize(("program", "name"), [("bgdl", "bgdl train"), ("somewhere/train.py", "train.py")])
def test_help_names_the_command_as_it_was_typed(
    program: str, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [program])
    monkeypatch.setenv("COLUMNS", "200")
    for arguments in (["--help"], ["fit", "--help"], ["predict"], ["fit", "--bogus"]):
        with pytest.raises(SystemExit):
            main(arguments)
    overview, verb, none, unknown = re.split("(?=^usage: )", "".join(capsys.readouterr()), flags=re.M)[1:]
    assert overview.startswith(f"usage: {name} [") and "{fit,validate,test}" in overview
    assert "Fine-tune U²-Net on your own" in overview and "Lightning" not in overview
    assert verb.startswith(f"usage: {name} fit ")
    assert "Pictures in a batch, per process. (type: int, default: 8)" in verb
    assert none.startswith(f"usage: {name} ") and "invalid choice: 'predict'" in none
    assert unknown.startswith(f"usage: {name} ") and "bogus" in unknown
