"""Checkpoints on disk: written whole or not at all, and read with a sentence for whatever else a file may be."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from bgdl import whole
from bgdl.errors import InputError

OPTIONS = ("arch", "input_spec", "batchnorm", "freeze_stages", "lr", "weight_decay")
"""Those of the model that a checkpoint holds and a run that goes on from it keeps."""
_RUN = ("global_step", "state_dict", "loops", "optimizer_states", "hyper_parameters")


class WholeFiles(TorchCheckpointIO):
    """Saves beside the file and then renames, so that a full disk leaves the checkpoint before as it was.

    (Lightning's own writes into the system's temporary folder and copies from there over the old file.)
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Raises InputError where the disk does not take it; nothing is left behind then."""
        path = Path(path)
        held = io.BytesIO()  # torch hides the reason where it writes into a file itself
        torch.save(checkpoint, held)
        with whole.told(f"save {path}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole.part(path) as part:
                part.write_bytes(held.getvalue())


def read(path: str | Path) -> dict[str, Any]:
    """The checkpoint of a run that can go on; raises InputError for any other file."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no checkpoint {path} to resume from")
    weights = InputError(f"{path} holds weights, not a run to resume; to start from them: --model.start {path}")
    if path.suffix != ".ckpt":
        raise weights
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(f"{path} is damaged or was not saved by bgdl train; resume from another checkpoint") from error
    if not isinstance(found, dict) or not set(_RUN) <= found.keys():
        raise weights
    return found


def progress(run: dict[str, Any]) -> tuple[int, int]:
    """Epochs and steps that are over at the checkpoint of a run."""
    return run["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"], run["global_step"]
