"""`bgdl train fit|validate|test --config FILE`: LightningCLI over PortraitModule and PortraitData."""

from __future__ import annotations

import argparse
import sys
import warnings
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
VERBS = {
    "fit": "Train and validate; checkpoints, scores and the resolved config go where the config says (runs/...).",
    "validate": "Score weights on the pictures that --data.split keeps for validation.",
    "test": "Score weights on the same pictures as validate, logged as test_iou and so on.",
}


def train(context: typer.Context) -> None:
    """Fine-tune a network on your own pictures and masks (fit, validate or test)."""
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
        @staticmethod
        def subcommands() -> dict[str, set[str]]:
            """Lightning's own but `predict`, which is `bgdl image` here."""
            return {verb: skipped for verb, skipped in LightningCLI.subcommands().items() if verb in VERBS}

        def setup_parser(self, *args: Any) -> None:
            super().setup_parser(*args)
            for action in self.parser._actions:
                if isinstance(action, argparse._SubParsersAction):
                    for verb in action._choices_actions:
                        verb.help = VERBS[verb.dest]

        def before_instantiate_classes(self) -> None:
            asked = self.config[self.subcommand].get("ckpt_path")
            if asked in ("last", "best"):
                raise InputError(
                    f"--ckpt_path {asked} is looked for among a run's own checkpoints, and this run has none yet; "
                    "give the file, such as runs/portrait/csv/version_0/checkpoints/last.ckpt"
                )

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
