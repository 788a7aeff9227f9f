"""LightningCLI as `bgdl train` runs it: what goes wrong is one sentence, and what was saved is told at the end."""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from pathlib import Path
from typing import Any, NoReturn

import torch
from jsonargparse import Namespace
from lightning_fabric.plugins.io import TorchCheckpointIO
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.cli import LightningCLI

from bgdl.cli import console
from bgdl.device import why_no_cuda
from bgdl.errors import InputError
from bgdl.training import saving

VERBS = {
    "fit": "Train and validate; checkpoints, scores and the resolved config go where the config says (runs/...).",
    "validate": "Score weights on the pictures that --data.split keeps for validation.",
    "test": "Score weights on the same pictures as validate, logged as test_iou and so on.",
}

UNTRUE = (
    "LightningCLI's args parameter",  # they are sys.argv's own, without the verb
    r"`isinstance\(treespec, LeafSpec\)`",  # of Lightning's own code
    "You're using the WeightAveraging callback, but loading a checkpoint outside",  # what is validated is the average
    "The dirpath has changed",  # each run has a folder of its own
    r"It is recommended to use `self\.log\(.*sync_dist",  # scores are of all processes; the loss shown is one's
    r"Found \d+ module\(s\) in eval mode",  # what is frozen
    "Precision .* is not supported by the model summary",
    r"`ModelCheckpoint\(monitor='val_iou'\)` could not find",  # LearningCurve says why
)
"""Beginnings of Lightning's warnings that do not hold here, or are told better."""


class Cli(LightningCLI):
    """Verbs and texts of bgdl's own; a checkpoint's own options are not overruled in silence."""

    args: Any
    resumed: dict[str, Any] | None = None

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

    def parse_arguments(self, parser: Any, args: Any) -> None:
        super().parse_arguments(parser, args)
        self.args = args

    def _parse_ckpt_path(self) -> None:
        """Lightning's own puts the checkpoint's options over those of the command line and the config."""
        verb = self.config.subcommand
        path = self.config[verb].get("ckpt_path")
        if not path:
            return
        if path in ("last", "best"):
            raise InputError(
                f"--ckpt_path {path} means one of this run's own checkpoints, and it has none yet; "
                "give the file, such as runs/portrait/csv/version_0/checkpoints/last.ckpt"
            )
        self.resumed = saving.read(path)
        given = self.parser.parse_args(self.args, defaults=False)[verb].get("model") or {}
        for name in saving.OPTIONS if verb == "fit" else ("arch", "input_spec"):
            asked, has = given.get(name), self.resumed["hyper_parameters"].get(name)
            if asked is not None and not _agree(asked, has):
                _refuse(name, asked, has, path)
        super()._parse_ckpt_path()
        if verb != "fit":
            self.config[verb].model.start = None  # all is in the checkpoint

    def before_instantiate_classes(self) -> None:
        asked, reason = self.config[self.subcommand].trainer.accelerator, why_no_cuda()
        if reason and (asked == "cuda" or (asked == "gpu" and not torch.backends.mps.is_available())):
            raise InputError(
                f"--trainer.accelerator {asked} was asked for, but {reason}; use --trainer.accelerator cpu or auto"
            )

    def instantiate_classes(self) -> None:
        try:
            super().instantiate_classes()
        except MisconfigurationException as error:  # a number of devices, a precision or the like
            raise InputError(f"the trainer cannot be set up: {error}") from error
        if type(self.trainer.strategy.checkpoint_io) is TorchCheckpointIO:
            self.trainer.strategy.checkpoint_io = saving.WholeFiles()

    def fit(self, **options: Any) -> None:
        """Train; says where the checkpoints lie, also when Ctrl-C ends the run."""
        if self.resumed and self._reached(*saving.progress(self.resumed)):
            raise _over(options["ckpt_path"], *saving.progress(self.resumed))  # before there is a folder for it
        try:
            self.trainer.fit(**options)
        except SystemExit as end:
            if isinstance(end.__context__, KeyboardInterrupt):
                self._stopped()
            raise
        except OSError as error:
            if error.errno is None or error.filename:
                raise
            raise InputError(f"cannot write to {self._folder()}: {error.strerror}") from error
        if self.resumed and self.trainer.global_step == self.resumed["global_step"]:
            raise _over(options["ckpt_path"], self.trainer.current_epoch, self.trainer.global_step)
        last = self._last()
        if last:
            self._note(f"checkpoints are in {last.parent}")
            self._note(f"to use the last one: bgdl export {last} -o mine.safetensors")

    def _reached(self, epochs: int, steps: int) -> bool:
        """Whether so many are all that the trainer is to do; -1 is no limit."""
        limits = (self.trainer.fit_loop.max_epochs, epochs), (self.trainer.max_steps, steps)
        return any(limit is not None and 0 <= limit <= done for limit, done in limits)

    def _stopped(self) -> NoReturn:
        """Exit as after Ctrl-C anywhere else."""
        last = self._last()
        saved = f"to resume from the last epoch: --ckpt_path {last}" if last else "no epoch ended, nothing was saved"
        self._note(f"stopped; {saved}")
        sys.exit(130)

    def _last(self) -> Path | None:
        """The checkpoint to go on from: of those this run has saved, the youngest."""
        keepers = [callback for callback in self.trainer.checkpoint_callbacks if isinstance(callback, ModelCheckpoint)]
        saved = {Path(path) for keeper in keepers for path in (keeper.best_model_path, keeper.last_model_path) if path}
        return max((path for path in saved if path.is_file()), key=lambda path: path.stat().st_mtime_ns, default=None)

    def _folder(self) -> str:
        logger = self.trainer.logger
        return (logger and logger.log_dir) or self.trainer.default_root_dir

    def _note(self, text: str) -> None:
        if self.trainer.is_global_zero:
            console.note(text)


def quieten() -> None:
    """Leave out what Lightning says and is not so here, or of no use."""
    for text in UNTRUE:
        warnings.filterwarnings("ignore", text)
    told = logging.getLogger("pytorch_lightning.utilities.rank_zero")
    if _no_advertisement not in told.filters:
        told.addFilter(_no_advertisement)


def _no_advertisement(record: logging.LogRecord) -> bool:
    return "litlogger" not in record.getMessage()


def _over(path: str, epochs: int, steps: int) -> InputError:
    return InputError(
        f"{path} is the end of its run: {epochs} epochs and {steps} steps are over; raise --trainer.max_epochs "
        "(max_steps, max_time), which counts from the start of the first run"
    )


def _agree(asked: Any, has: Any) -> bool:
    if isinstance(asked, Namespace):
        return isinstance(has, dict) and all(has.get(key) == value for key, value in vars(asked).items())
    return bool(asked == has)


def _refuse(name: str, asked: Any, has: Any, path: str) -> NoReturn:
    if isinstance(asked, Namespace):
        key = next(key for key, value in vars(asked).items() if (has or {}).get(key) != value)
        name, asked, has = f"{name}.{key}", getattr(asked, key), (has or {}).get(key)
    raise InputError(
        f"model.{name} is {asked}, but {path} was trained with {has}, which a resumed run keeps: leave it "
        f"out (the run's options are in its config.yaml), or start a new run from its weights: --model.start {path}"
    )
