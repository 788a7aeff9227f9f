"""`bgdl train fit|validate|test --config FILE`: LightningCLI over PortraitModule and PortraitData."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer

from bgdl.errors import BgdlError, InputError

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Every option belongs to LightningCLI, --help included."""

ABOUT = (
    "Fine-tune U²-Net on your own pictures and masks. Start from a config, for instance: "
    "%(prog)s fit --config configs/portrait.yaml --data.root FOLDER"
)


def train(context: typer.Context) -> None:
    """Fine-tune a network on your own pictures and masks (fit, validate or test)."""
    main(context.args)


def main(args: list[str] | None = None) -> None:
    """Parse, build and run; the resolved config is saved beside the checkpoints.

    Raises what the run does; what a worker does, without its traceback.
    """
    import torch

    from bgdl.cli.train_run import VERBS, Cli, quieten
    from bgdl.data.datamodule import PortraitData
    from bgdl.training.module import PortraitModule

    torch.set_float32_matmul_precision("high")
    quieten()
    name = _called()
    texts = {
        verb: {"description": text, "usage": f"{name} {verb} --config FILE [--SECTION.OPTION VALUE ...]"}
        for verb, text in VERBS.items()
    }
    options: dict[str, Any] = {
        "save_config_kwargs": {"overwrite": True},
        "parser_kwargs": {"prog": name, "description": ABOUT, **texts},
        "args": args,
    }
    try:
        Cli(PortraitModule, PortraitData, seed_everything_default=0, **options)
    except (BgdlError, OSError) as error:
        text = str(error)
        if not text.startswith("Caught "):
            raise
        sentence = text.rstrip().rpartition("\n")[2]  # of a worker, after its traceback
        raise InputError(sentence.partition(": ")[2] or sentence) from error


def _called() -> str:
    """The command as it was typed, for usage lines and hints."""
    name = Path(sys.argv[0]).name
    return name if name == "train.py" else "bgdl train"
