"""A trainer and data for runs of a moment on drawn people."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

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


def main(mode: BatchNormMode, root: str) -> None:
    """A fit in two processes, which is a program of its own."""
    torch.manual_seed(0)
    ddp = {"devices": 2, "strategy": "ddp", "limit_val_batches": 0, "callbacks": [Compare()]}
    module = PortraitModule(input_spec=SMALL, batchnorm=mode, warmup_steps=1, lr=1e-3)
    trainer(Path(root), **ddp).fit(module, data(root, batch=2, samples=12))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])  # type: ignore[arg-type]
