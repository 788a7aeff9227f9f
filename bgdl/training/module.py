"""U²-Net as a LightningModule: what is trained, with which loss and schedule, and how it is validated."""

from __future__ import annotations

from itertools import islice
from math import cos, pi
from typing import Any, Literal

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.callbacks import Timer
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torchmetrics import MeanMetric

from bgdl import convert, preprocess, weights
from bgdl.data.dataset import Sample
from bgdl.errors import InputError
from bgdl.metrics import segmentation
from bgdl.nets import checkpoint
from bgdl.nets.checkpoint import Checkpoint
from bgdl.nets.u2net import Arch, U2Net
from bgdl.preprocess import InputSpec
from bgdl.training import batchnorm
from bgdl.training.losses import Loss

BatchNormMode = Literal["fold", "freeze", "train", "reestimate"]


class PortraitModule(LightningModule):
    """Fine-tunes U²-Net on pictures and masks.

    Args:
        arch: The network to build where no start is given: u2netp (1.1 million parameters) or u2net (44 million).
        start: Weights to start from, a name from `bgdl models` or a file; null for random ones.
        input_spec: How pictures are fed to the network; null for what the start's file says, else the default.
        loss: How much each term of the loss counts.
        batchnorm: What happens to BatchNorm: fold merges it into the convolutions, which train on (fastest, and safe
            with small batches), freeze keeps its statistics, train updates them, reestimate first measures them anew
            on training pictures.
        freeze_stages: Stages whose weights do not change, for instance [stage1, stage2].
        lr: Highest learning rate of AdamW.
        weight_decay: Weight decay of AdamW.
        warmup_steps: Steps over which the learning rate rises, at most half of the training; after them it falls along
            a cosine, until max_steps, max_epochs or max_time, whichever comes first.
        final_lr: Learning rate at the end, as a fraction of lr.
        teacher: Weights whose mattes are imitated as well, weighted by loss.distil.

    Raises InputError for what contradicts itself or the start.
    """

    def __init__(
        self,
        *,
        arch: Arch = "u2netp",
        start: str | None = None,
        input_spec: InputSpec | None = None,
        loss: Loss = Loss(),  # noqa: B008 (frozen)
        batchnorm: BatchNormMode = "fold",
        freeze_stages: list[str] | None = None,
        lr: float = 3e-4,
        weight_decay: float = 1e-4,
        warmup_steps: int = 50,
        final_lr: float = 0.01,
        teacher: str | None = None,
    ) -> None:
        super().__init__()
        if bool(teacher) != bool(loss.distil):
            raise InputError("model.teacher and model.loss.distil go together; set both or neither")
        loaded = checkpoint.read(weights.path_of(start)) if start else None
        self.spec = input_spec or (loaded and loaded.spec) or InputSpec()
        self.loss, self.batchnorm = loss, batchnorm
        self.lr, self.weight_decay, self.warmup_steps, self.final_lr = lr, weight_decay, warmup_steps, final_lr
        self.net = _start_net(arch, loaded, batchnorm)
        self.freeze_stages = freeze_stages or []
        self.frozen = [_stage(self.net, stage).requires_grad_(False) for stage in self.freeze_stages]
        self.teacher = [_load(teacher)] if teacher else []  # in a list: not part of the state dict
        self.val_iou, self.val_boundary_iou, self.val_mae = MeanMetric(), MeanMetric(), MeanMetric()
        self.progress, self.clock = 0.0, 0.0  # shares of the training that are over, the latter by max_time alone
        self.train()

    def forward(self, x: Tensor) -> tuple[Tensor, ...] | Tensor:
        """float (N,3,H,W), normalised -> seven logits while training, else the fused probability."""
        return self.net(x)  # type: ignore[no-any-return]

    def training_step(self, batch: Sample, _: int) -> Tensor:
        x = preprocess.normalise(batch["frames"], self.spec).to(self.dtype)
        loss = self.loss(self.net(x), batch["masks"], self._taught(x))
        if not torch.isfinite(loss):
            raise InputError(
                f"the loss is {loss.item()} at step {self.global_step} on the pictures {', '.join(batch['names'])}; "
                "look at them, lower --model.lr, or train with --trainer.precision 32"
            )
        self.log("train_loss", loss, prog_bar=True, on_step=True, on_epoch=True, batch_size=len(x))
        return loss

    def validation_step(self, batch: Sample, _: int) -> None:
        """Scores at the pictures' own size; none of a step without a picture."""
        if not batch["names"]:
            return
        truth = batch["masks"]
        probability = self.net(preprocess.prepare(batch["frames"], self.spec).to(self.dtype)).float()
        alpha = convert.to_nchw(preprocess.restore(probability, (truth.shape[-2], truth.shape[-1]), self.spec))
        self.val_iou.update(segmentation.iou(alpha, truth))
        self.val_boundary_iou.update(segmentation.boundary_iou(alpha, truth))
        self.val_mae.update((alpha - truth).abs().mean())

    test_step = validation_step

    def on_validation_epoch_end(self) -> None:
        self._log_scores("val")

    def on_test_epoch_end(self) -> None:
        self._log_scores("test")

    def on_fit_start(self) -> None:
        shape = getattr(self.trainer.datamodule, "shape", None)  # type: ignore[attr-defined]
        if shape is not None and (shape == "square") != (self.spec.shape == "square"):
            raise InputError(
                f"model.input_spec.shape is {self.spec.shape}, but data.shape is {shape}; use the same shape for both"
            )
        if self.batchnorm == "reestimate" and not self.trainer.ckpt_path:
            batchnorm.reestimate(self.net, self._batches(32), total=self._total)
            self.train()

    def train(self, mode: bool = True) -> PortraitModule:
        """Whoever asks for train mode: what is frozen stays in eval mode, BatchNorm's statistics with it."""
        super().train(mode)
        for stage in self.frozen:
            stage.eval()
        if self.batchnorm == "freeze":
            batchnorm.freeze(self.net)
        return self

    def on_train_batch_start(self, batch: Sample, batch_idx: int) -> None:
        self.clock = self.trainer.strategy.broadcast(self._clock_share())
        self.progress = min(1.0, max(self.global_step / max(1.0, self.trainer.estimated_stepping_batches), self.clock))

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        trained = [p for p in self.net.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=self.lr, weight_decay=self.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say of itself what a weights file says, which `--model` and `bgdl export` read, and what resuming keeps."""
        kept = {name: getattr(self, name) for name in ("batchnorm", "freeze_stages", "lr", "weight_decay")}
        checkpoint["hyper_parameters"] = {"arch": self.net.arch, "input_spec": self.spec.to_dict(), **kept}

    def _rate(self, step: int) -> float:
        """Up to 1 by warmup_steps, and by half of the training at the latest; from there on down along a cosine."""
        risen = max((step + 1) / max(1, self.warmup_steps), 2 * self.progress)
        if risen < 1:
            return risen
        warm = min(0.5, self.progress * self.warmup_steps / max(1, step))  # the share of the training that it took
        fallen = max(0.0, (self.progress - warm) / (1 - warm))
        return self.final_lr + (1 - self.final_lr) * (1 + cos(pi * fallen)) / 2

    def _clock_share(self) -> float:
        """The share of max_time that is over, 0 where there is none."""
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, Timer) and (left := callback.time_remaining()) is not None:
                return min(1.0, callback.time_elapsed() / (callback.time_elapsed() + left))
        return 0.0

    def _total(self, values: Tensor) -> Tensor:
        """The sum over all processes."""
        return self.trainer.strategy.reduce(values, reduce_op="sum")

    def _taught(self, x: Tensor) -> Tensor | None:
        if not self.teacher:
            return None
        with torch.no_grad():
            return self.teacher[0].to(x.device, x.dtype)(x)  # type: ignore[no-any-return]

    def _log_scores(self, stage: str) -> None:
        scores = {"iou": self.val_iou, "boundary_iou": self.val_boundary_iou, "mae": self.val_mae}
        for name, metric in scores.items():
            self.log(f"{stage}_{name}", metric.compute(), prog_bar=name == "iou", rank_zero_only=True)
            metric.reset()

    def _batches(self, count: int) -> list[Tensor]:
        loader = self.trainer.datamodule.train_dataloader()  # type: ignore[attr-defined]
        prepared = (preprocess.prepare(batch["frames"].to(self.device), self.spec) for batch in loader)
        return [x.to(self.dtype) for x in islice(prepared, count)]


def _start_net(arch: Arch, loaded: Checkpoint | None, mode: BatchNormMode) -> U2Net:
    net = loaded.net() if loaded else U2Net(arch)
    if net.arch != arch:
        raise InputError(f"model.start is {net.arch}, but model.arch is {arch}; make them agree")
    if mode == "train" and loaded and loaded.folded:
        raise InputError(
            "batchnorm 'train' needs BatchNorm's statistics, which model.start has folded into its convolutions; "
            "use reestimate, which measures them again, or fold"
        )
    if mode == "fold":
        batchnorm.fold(net)
    return net.to(memory_format=torch.channels_last)


def _load(name: str) -> U2Net:
    return checkpoint.read(weights.path_of(name)).net().requires_grad_(False)


def _stage(net: U2Net, name: str) -> torch.nn.Module:
    try:
        return net.get_submodule(name)
    except AttributeError:
        stages = ", ".join(dict(net.named_children()))
        raise InputError(f"there is no stage {name!r} to freeze; the stages are {stages}") from None
