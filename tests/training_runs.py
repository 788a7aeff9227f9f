"""A trainer and data for runs of a moment on drawn people."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import EMAWeightAveraging, ModelCheckpoint

from bgdl.data.datamodule import PortraitData
from bgdl.preprocess import InputSpec
from bgdl.training.module import BatchNormMode, PortraitModule

SMALL = InputSpec(size=32)


def trainer(folder: Path, **options: Any) -> Trainer:
    settings = {"max_epochs": 1, "logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    settings |= {"accelerator": "cpu", "devices": 1, "num_sanity_val_steps": 0, "enable_checkpointing": False}
    return Trainer(default_root_dir=folder, **{**settings, **options})


def data(root: Path | list[str], **options: Any) -> PortraitData:
    return PortraitData(root if isinstance(root, list) else str(root), **{"split": "hash:2", "sizes": [32], **options})


class Compare(Callback):
    """Says at the end of every process whether its network is that of the first.

    Running statistics are those of each process's last batch until the next one begins.
    """

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        values = torch.cat([value.detach().flatten() for value in pl_module.parameters()])
        first = trainer.strategy.broadcast(values)
        assert torch.allclose(values, first, atol=1e-6), float((values - first).abs().max())
        print("the same network everywhere", flush=True)


class PowerCut(Callback):
    """Ends the run in the middle, with its last checkpoint written."""

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch == 1:
            raise RuntimeError("power cut")


def resume_exactly(people: Path, folder: Path, *, workers: int) -> None:
    """Two epochs in one go and two with an interruption end with the same weights, averages and learning rate.

    The second epoch trains at another size, which the interrupted run has to know of as well.
    """

    def run(folder: Path, *extra: Callback, resume: Path | None = None) -> dict[str, Any]:
        torch.manual_seed(0)
        keeper = ModelCheckpoint(folder, filename="last", enable_version_counter=False)
        average = EMAWeightAveraging(decay=0.5)
        fit = trainer(folder, max_epochs=2, callbacks=[keeper, average, *extra], enable_checkpointing=True)
        module = PortraitModule(input_spec=SMALL, batchnorm="train", warmup_steps=2)
        pictures = data(people, batch=2, sizes=[32, 48], workers=workers)
        fit.fit(module, pictures, ckpt_path=resume and str(resume), weights_only=False)
        return dict(torch.load(folder / "last.ckpt", weights_only=False))

    whole = run(folder / "whole")
    with pytest.raises(RuntimeError, match="power cut"):
        run(folder / "parts", PowerCut())
    torch.rand(17)  # other random numbers in between change nothing
    resumed = run(folder / "parts", resume=folder / "parts" / "last.ckpt")
    assert resumed["global_step"] == whole["global_step"] > 0
    for part in ("state_dict", "current_model_state"):
        assert all(torch.equal(value, resumed[part][key]) for key, value in whole[part].items())
    assert resumed["lr_schedulers"] == whole["lr_schedulers"]


def two_processes(mode: BatchNormMode, root: str) -> None:
    """A fit in two processes, which is a program of its own."""
    torch.manual_seed(0)
    ddp = {"devices": 2, "strategy": "ddp", "limit_val_batches": 0, "callbacks": [Compare()]}
    module = PortraitModule(input_spec=SMALL, batchnorm=mode, warmup_steps=1, lr=1e-3)
    trainer(Path(root), **ddp).fit(module, data(root, batch=2, samples=12))


if __name__ == "__main__":
    if sys.argv[1] == "resume":
        resume_exactly(Path(sys.argv[2]), Path(sys.argv[2]).parent, workers=1)
        print("exact")
    else:
        two_processes(sys.argv[1], sys.argv[2])  # type: ignore[arg-type]
