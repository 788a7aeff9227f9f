"""What a run leaves behind for the eye: a grid of the pictures it trained on, and its learning curve."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.utilities import rank_zero_info

from bgdl import convert
from bgdl.data.check import sample_grid, save_sheet
from bgdl.data.dataset import Sample

Curve = list[tuple[float, float]]
COLOURS = ((31, 119, 180), (214, 39, 40), (44, 160, 44), (148, 103, 189))


class SampleGrid(Callback):
    """Saves the first `count` augmented pictures of a run as samples.png, and logs them to TensorBoard."""

    def __init__(self, count: int = 16) -> None:
        self.count = count
        self._pictures: list[tuple[Any, Any]] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Sample, batch_idx: int) -> None:
        if len(self._pictures) >= self.count:
            return
        masks = convert.to_bytes(batch["masks"])[:, 0].cpu().numpy()
        self._pictures += list(zip(batch["frames"].cpu().numpy(), masks, strict=True))
        if len(self._pictures) >= self.count:
            self._save(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if 0 < len(self._pictures) < self.count:
            self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        folder = _folder(trainer)
        if not trainer.is_global_zero:
            return
        sheet = sample_grid(self._pictures[: self.count])
        save_sheet(sheet, folder / "samples.png")
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image("samples", np.asarray(sheet), 0, dataformats="HWC")


class LearningCurve(Callback):
    """Draws curve.png beside the metrics.csv of its CSV logger at the end of a run, by Ctrl-C too.

    Says where the run was too short for a score.
    """

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._draw(trainer)
        if trainer.enable_validation and "val_iou" not in trainer.callback_metrics:
            rank_zero_info("the run ended before its first validation, so it has no score and no best checkpoint")

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        if isinstance(exception, KeyboardInterrupt):
            self._draw(trainer)

    def _draw(self, trainer: Trainer) -> None:
        for logger in trainer.loggers if trainer.is_global_zero else ():
            logger.save()
            path = Path(logger.log_dir or "") / "metrics.csv"
            names = ("train_loss_step", "val_iou", "val_boundary_iou", "val_mae")
            if path.is_file() and (curves := _read_curves(path, names)):
                save_sheet(draw_curves(curves), path.with_name("curve.png"))


def _read_curves(path: Path, columns: tuple[str, ...]) -> dict[str, Curve]:
    """(step, value) of each of the `columns` that metrics.csv holds."""
    curves: dict[str, Curve] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for name in columns:
                if row.get(name):
                    curves.setdefault(name, []).append((float(row["step"]), float(row[name])))
    return curves


def draw_curves(curves: Mapping[str, Curve], *, width: int = 800, height: int = 220) -> Image.Image:
    """One panel for each curve, one above the other, its lowest and highest value written beside it."""
    sheet = Image.new("RGB", (width, height * len(curves)), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (name, curve) in enumerate(curves.items()):
        _draw_panel(draw, (70, number * height + 25, width - 20, (number + 1) * height - 20), name, curve, number)
    return sheet


def _draw_panel(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], name: str, curve: Curve, number: int
) -> None:
    left, top, right, bottom = box
    steps, values = zip(*curve, strict=True)
    low, high, last = min(values), max(values), max(*steps, 1.0)
    scale = (bottom - top) / ((high - low) or 1.0)
    points = [(left + step / last * (right - left), bottom - (value - low) * scale) for step, value in curve]
    draw.rectangle(box, outline=(200, 200, 200))
    colour = COLOURS[number % len(COLOURS)]
    draw.line(points, fill=colour, width=2)
    x, y = points[-1]  # marked, since one validation alone makes no line
    draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour)
    draw.text((left, top - 16), f"{name}: {values[0]:.4f} to {values[-1]:.4f} in {int(last)} steps", fill="black")
    draw.text((5, top), f"{high:.4g}", fill="black")
    draw.text((5, bottom - 10), f"{low:.4g}", fill="black")


def _folder(trainer: Trainer) -> Path:
    """Where the run's files go: its first logger's folder. Every process must ask: they agree on it together."""
    folder = Path(trainer.log_dir or trainer.default_root_dir)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
