"""BatchNorm folded, frozen, trained and measured anew, in one process and in two."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

from bgdl.errors import InputError
from bgdl.nets import checkpoint
from bgdl.nets.u2net import U2Net
from bgdl.preprocess import InputSpec
from bgdl.training import batchnorm
from bgdl.training.module import BatchNormMode, PortraitModule
from tests.conftest import ROOT
from tests.training_runs import SMALL, data, trainer


def settled_net() -> U2Net:
    """Random weights whose BatchNorm has statistics, weights and biases of its own."""
    torch.manual_seed(0)
    net = U2Net("u2netp")
    with torch.no_grad():
        for _ in range(3):
            net.train()(torch.randn(2, 3, 32, 32))
        for norm in net.modules():
            if isinstance(norm, torch.nn.BatchNorm2d):
                norm.weight.uniform_(0.5, 1.5)
                norm.bias.normal_(0, 0.1)
    return net.eval()


@torch.no_grad()
def logits(net: U2Net, x: Tensor) -> Tensor:
    return torch.logit(net.eval()(x).double())


def test_folding_changes_no_output() -> None:
    net, x = settled_net(), torch.randn(1, 3, 32, 32)
    before = logits(net, x)
    folded = batchnorm.fold(net)
    assert torch.allclose(logits(folded, x), before, atol=1e-3)
    assert all(parameter.requires_grad for parameter in folded.parameters())
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())


def test_reestimated_statistics_are_the_inputs_and_change_no_output() -> None:
    net, x = settled_net(), torch.randn(1, 3, 32, 32)
    batches = [torch.randn(2, 3, 32, 32) for _ in range(2)]
    before = logits(net, x)
    batchnorm.reestimate(net, batches)
    assert torch.allclose(logits(net, x), before, atol=1e-3)
    first = net.get_submodule("stage1.rebnconvin")
    entering = first.conv_s1(torch.cat(batches))  # type: ignore[operator]
    assert torch.allclose(first.bn_s1.running_mean, entering.mean(dim=(0, 2, 3)), atol=1e-4)  # type: ignore[arg-type, union-attr]
    assert torch.allclose(first.bn_s1.running_var, entering.var(dim=(0, 2, 3), correction=0), atol=1e-4)  # type: ignore[arg-type, union-attr]


def test_batchnorm_that_processes_share_is_one() -> None:
    """`--trainer.sync_batchnorm true` puts it in place of the other before training."""
    torch.manual_seed(0)
    batches = [torch.randn(2, 3, 32, 32)]
    alone = settled_net()
    shared = torch.nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(alone))
    for net in (alone, shared):
        batchnorm.reestimate(net, batches)
        batchnorm.freeze(net)
    assert torch.equal(shared.stage1.rebnconvin.bn_s1.running_mean, alone.stage1.rebnconvin.bn_s1.running_mean)
    norms = [module for module in shared.modules() if isinstance(module, torch.nn.SyncBatchNorm)]
    assert len(norms) == 112 and not any(norm.training or norm.weight.requires_grad for norm in norms)


@pytest.mark.parametrize("training", [True, False])
def test_reestimating_leaves_the_mode_as_it_was(training: bool) -> None:
    net = settled_net().train(training)
    batchnorm.reestimate(net, [torch.randn(1, 3, 32, 32)])
    assert all(module.training == training for module in net.modules())


@pytest.mark.parametrize(("mode", "there"), [("fold", False), ("freeze", True), ("reestimate", True)])
def test_only_fold_takes_batchnorm_away(mode: BatchNormMode, there: bool) -> None:
    net = PortraitModule(input_spec=SMALL, batchnorm=mode).net
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules()) == there


def test_frozen_batchnorm_keeps_its_statistics(people: Path, tmp_path: Path) -> None:
    module = PortraitModule(input_spec=SMALL, batchnorm="freeze")
    before = {name: value.clone() for name, value in module.net.named_buffers()}
    trainer(tmp_path).fit(module, data(people, batch=4))
    assert before and all(torch.equal(value, before[name]) for name, value in module.net.named_buffers())


def test_a_run_resumed_within_an_epoch_keeps_what_is_frozen(people: Path, tmp_path: Path) -> None:
    """Lightning says that an epoch begins only where one does."""

    def run(resume: str | None = None, **options: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        module = PortraitModule(input_spec=SMALL, freeze_stages=["stage1"], batchnorm="freeze", warmup_steps=0)
        keeper = ModelCheckpoint(tmp_path, filename="half", every_n_train_steps=1, enable_version_counter=False)
        fit = trainer(tmp_path, callbacks=[keeper], enable_checkpointing=True, limit_val_batches=0, **options)
        fit.fit(module, data(people, batch=1), ckpt_path=resume, weights_only=False)
        return {name: value.clone() for name, value in module.net.named_buffers()}

    before = run(max_steps=2)
    after = run(str(tmp_path / "half.ckpt"), max_steps=4)
    assert before and all(torch.equal(value, after[name]) for name, value in before.items())


def test_folded_weights_do_not_train_with_batchnorm(tmp_path: Path) -> None:
    checkpoint.write(tmp_path / "folded.safetensors", batchnorm.fold(settled_net()), spec=SMALL)
    with pytest.raises(InputError, match=r"'train' needs .* which model\.start has folded .* reestimate"):
        PortraitModule(start=str(tmp_path / "folded.safetensors"), batchnorm="train")


def test_trained_batchnorm_takes_a_last_batch_of_one(people: Path, tmp_path: Path) -> None:
    module = PortraitModule(input_spec=InputSpec(size=64), batchnorm="train")
    trainer(tmp_path).fit(module, data(people, batch=2, samples=3, sizes=[64]))
    assert all(value.isfinite().all() for value in module.net.state_dict().values())


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["freeze", "reestimate"])
def test_two_processes_train_one_network(people: Path, tmp_path: Path, mode: BatchNormMode) -> None:
    command = [sys.executable, "-m", "tests.training_runs", mode, str(people)]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("the same network everywhere") == 2


def test_sums_on_the_cpu_come_back_to_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """MPS has no float64, so there they are on the CPU; here "meta" stands for MPS."""
    monkeypatch.setattr(batchnorm._Moments, "close", lambda *_: (torch.zeros(4), torch.ones(4)))
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).to("meta")
    batchnorm.reestimate(net, [])  # type: ignore[arg-type]
    assert net[1].weight.is_meta and net[1].running_mean.is_meta
