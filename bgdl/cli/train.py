"""`bgdl train fit|validate|test --config FILE`: LightningCLI over PortraitModule and PortraitData."""

from __future__ import annotations

import warnings
from typing import Any

import typer

from bgdl.errors import BgdlError, InputError

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Every option belongs to LightningCLI, --help included."""


def train(context: typer.Context) -> None:
    """Fine-tune on pictures and masks: fit, validate or test, with --config FILE; the same as train.py."""
    main(context.args)


def main(args: list[str] | None = None) -> None:
    """Parse, build and run; the resolved config is saved beside the checkpoints.

    Raises what the run does; what a worker does, without its traceback.
    """
    import torch
    from pytorch_lightning.cli import LightningCLI

    from bgdl.data.datamodule import PortraitData
    from bgdl.training.module import PortraitModule

    torch.set_float32_matmul_precision("high")
    warnings.filterwarnings("ignore", "LightningCLI's args parameter")  # they are sys.argv's own, without the verb

    class Cli(LightningCLI):
        def before_instantiate_classes(self) -> None:
            asked = self.config[self.subcommand].get("ckpt_path")
            if asked in ("last", "best"):
                raise InputError(
                    f"--ckpt_path {asked} is looked for among a run's own checkpoints, and this run has none yet; "
                    "give the file, such as runs/portrait/csv/version_0/checkpoints/last.ckpt"
                )

    options: dict[str, Any] = {"save_config_kwargs": {"overwrite": True}, "args": args}
    try:
        Cli(PortraitModule, PortraitData, seed_everything_default=0, **options)
    except (BgdlError, OSError) as error:
        text = str(error)
        if not text.startswith("Caught "):
            raise
        sentence = text.rstrip().rpartition("\n")[2]  # of a worker, after its traceback
        raise InputError(sentence.partition(": ")[2] or sentence) from error
