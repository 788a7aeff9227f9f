"""The module and what trains it: what broke a run is named, what is frozen stays, the rate, scores and curves."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from PIL import Image
from pytorch_lightning import Callback, Trainer

from bgdl import preprocess
from bgdl.data.augment import Augment
from bgdl.data.dataset import WholePictures, collate
from bgdl.data.pairs import find_pairs
from bgdl.errors import InputError
from bgdl.nets import checkpoint
from bgdl.preprocess import InputSpec
from bgdl.training.callbacks import COLOURS, LearningCurve, SampleGrid, draw_curves
from bgdl.training.losses import Loss
from bgdl.training.module import BatchNormMode, PortraitModule
from tests.synthetic_people import write_people
from tests.training_runs import SMALL, data, trainer
from tests.video_clips import room_for


def test_a_full_disk_leaves_the_former_samples_and_curve_whole(tmp_path: Path) -> None:
    run = Mock(log_dir=str(tmp_path), is_global_zero=True, loggers=[Mock(log_dir=str(tmp_path))])
    run.enable_validation = False
    (tmp_path / "metrics.csv").write_text("step,val_iou\n1,0.5\n")
    batch = {"frames": torch.zeros(2, 8, 8, 3, dtype=torch.uint8), "masks": torch.zeros(2, 1, 8, 8)}
    draw = {
        "samples.png": lambda: SampleGrid(2).on_train_batch_start(run, Mock(), batch, 0),
        "curve.png": lambda: LearningCurve().on_fit_end(run, Mock()),
    }
    for name, write in draw.items():
        (tmp_path / name).write_bytes(b"old")
        with room_for(100), pytest.raises(InputError, match=rf"^cannot write .*{name}: "):
            write()
        assert (tmp_path / name).read_bytes() == b"old"
        write()
    assert {path.name for path in tmp_path.iterdir()} == {"metrics.csv", *draw}


def test_non_finite_loss_names_the_pictures(people: Path, tmp_path: Path) -> None:
    module = PortraitModule(input_spec=SMALL, loss=Loss(bce=float("inf")))
    with pytest.raises(InputError, match=r"the loss is (inf|nan) at step 0 on the pictures person-00\d"):
        trainer(tmp_path).fit(module, data(people, batch=2))


def test_black_masks_single_pictures_and_odd_sizes_train(tmp_path: Path) -> None:
    people = write_people(tmp_path / "people", 4, (37, 61))
    for file in (people / "masks").iterdir():
        Image.new("L", (61, 37)).save(file)
    module = PortraitModule(input_spec=InputSpec(size=35), batchnorm="fold")
    run = trainer(tmp_path)
    run.fit(module, data(people, batch=1, sizes=[35]))
    assert run.callback_metrics["train_loss_epoch"].isfinite() and run.callback_metrics["val_iou"].isfinite()


@pytest.mark.parametrize("kept", ["stage1", "stage6"])
def test_frozen_stages_stay(people: Path, tmp_path: Path, kept: str) -> None:
    """Their weights, and the statistics of their BatchNorm."""
    module = PortraitModule(input_spec=SMALL, freeze_stages=[kept], batchnorm="train", warmup_steps=0, lr=1e-2)
    before = {name: value.clone() for name, value in module.net.state_dict().items()}
    trainer(tmp_path).fit(module, data(people, batch=4))
    moved = {name for name, value in module.net.state_dict().items() if not torch.equal(value, before[name])}
    assert {name.rpartition(".")[2] for name in moved} >= {"weight", "bias", "running_mean", "running_var"}
    assert not any(name.startswith(f"{kept}.") for name in moved)


def test_options_reach_the_optimizer(people: Path, tmp_path: Path) -> None:
    module = PortraitModule(input_spec=SMALL, lr=2e-3, weight_decay=0.3, warmup_steps=4, freeze_stages=["stage1"])
    run = trainer(tmp_path, limit_train_batches=1, limit_val_batches=0)
    run.fit(module, data(people, batch=2))
    group = run.optimizers[0].param_groups[0]
    assert (group["weight_decay"], group["initial_lr"], group["lr"]) == (0.3, 2e-3, pytest.approx(2 * 2e-3 / 4))
    assert len(group["params"]) == sum(value.requires_grad for value in module.parameters()) > 0


def test_unknown_stage_lists_those_there_are() -> None:
    with pytest.raises(InputError, match="there is no stage 'encoder' to freeze; the stages are stage1, stage2"):
        PortraitModule(freeze_stages=["encoder"])


def test_a_registered_name_is_a_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_weights: Path) -> None:
    monkeypatch.setenv("BGDL_MODELS", str(tmp_path))
    (tmp_path / "desk.safetensors").write_bytes(tiny_weights.read_bytes())
    started = PortraitModule(start="desk", batchnorm="freeze").net.state_dict()
    assert all(torch.equal(value, started[key]) for key, value in checkpoint.read(tiny_weights).state.items())


def test_the_rate_falls_with_the_clock_where_time_ends_the_training(people: Path, tmp_path: Path) -> None:
    rates: list[float] = []

    class Watch(Callback):
        def on_train_batch_end(self, trainer: Trainer, *_: object) -> None:
            rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    module = PortraitModule(input_spec=SMALL, lr=1e-3, warmup_steps=1)
    timed = trainer(tmp_path, max_epochs=1000, max_time={"seconds": 4}, callbacks=[Watch()])
    timed.fit(module, datamodule=data(people, batch=2, samples=8))
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.5e-3


def test_teacher_pulls_towards_its_matte(people: Path, tmp_path: Path, tiny_weights: Path) -> None:
    """Trained by nothing but the teacher, the network comes nearer to its matte, which is white nearly everywhere."""
    teacher = checkpoint.read(tiny_weights).net()
    torch.nn.init.constant_(teacher.outconv.bias, 3.0)  # type: ignore[arg-type]
    white = tmp_path / "white.safetensors"
    checkpoint.write(white, teacher, spec=SMALL)
    loss = Loss(bce=0, iou=0, sides=0, distil=1.0)
    torch.manual_seed(0)
    module = PortraitModule(input_spec=SMALL, teacher=str(white), loss=loss, warmup_steps=0, lr=1e-3)
    assert not any("teacher" in name for name in module.state_dict())
    x = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))

    @torch.no_grad()
    def distance() -> float:
        away = float((module.net.eval()(x) - teacher(x)).abs().mean())
        module.net.train()
        return away

    before = distance()
    pictures = data(people, batch=4, samples=32, augment=Augment(occlude=0))
    trainer(tmp_path, limit_val_batches=0).fit(module, pictures)
    assert before > 0.3 and distance() < 0.5 * before


def test_validation_scores_are_those_of_the_matter(people: Path, tmp_path: Path, tiny_weights: Path) -> None:
    """What is validated is what `bgdl image` will do: the same preprocessing, the same size back."""
    from bgdl.metrics import matting, segmentation

    module = PortraitModule(start=str(tiny_weights), input_spec=SMALL, batchnorm="train")
    pictures = data(people)
    scores = trainer(tmp_path).validate(module, pictures, verbose=False)[0]
    net, expected = checkpoint.read(tiny_weights).net(), defaultdict[str, list[torch.Tensor]](list)
    for batch in pictures.val_dataloader():
        with torch.no_grad():
            probability = net(preprocess.prepare(batch["frames"], SMALL))
        alpha = preprocess.restore(probability, (48, 40), SMALL)[..., 0]
        for measure in (segmentation.iou, segmentation.boundary_iou, matting.mae):
            expected[measure.__name__].append(measure(alpha, batch["masks"][:, 0]))
    for name, values in expected.items():
        assert scores[f"val_{name}"] == pytest.approx(float(torch.cat(values).mean()), abs=1e-5)
    assert not any(metric.update_count for metric in (module.val_iou, module.val_boundary_iou, module.val_mae))


def test_a_step_without_a_picture_counts_for_nothing(people: Path) -> None:
    """As a process has it that ran out of pictures to validate before the others."""
    module, pictures = PortraitModule(input_spec=SMALL), WholePictures(find_pairs(people))
    with torch.no_grad():
        for index in (0, None):
            module.eval().validation_step(collate([pictures[index]]), 0)
    assert module.val_iou.update_count == module.val_mae.update_count == 1


def test_a_start_is_fed_as_it_says(tmp_path: Path, tiny_weights: Path) -> None:
    spec = InputSpec(size=64, shape="area")
    checkpoint.write(tmp_path / "area.safetensors", checkpoint.read(tiny_weights).net(), spec=spec)
    start = str(tmp_path / "area.safetensors")
    assert PortraitModule(start=start).spec == spec
    assert PortraitModule(start=start, input_spec=SMALL).spec == SMALL
    assert PortraitModule().spec == InputSpec()


def test_a_teacher_and_its_share_go_together(tiny_weights: Path) -> None:
    for options in ({"teacher": str(tiny_weights)}, {"loss": Loss(distil=1.0)}):
        with pytest.raises(InputError, match=r"model\.teacher and model\.loss\.distil go together"):
            PortraitModule(**options)


def test_shapes_that_disagree_are_refused(people: Path, tmp_path: Path) -> None:
    module = PortraitModule(input_spec=InputSpec(size=32, shape="area"))
    with pytest.raises(InputError, match=r"model\.input_spec\.shape is area, but data\.shape is square; use the same"):
        trainer(tmp_path).fit(module, data(people))


@pytest.mark.parametrize("precision", ["bf16-true", "bf16-mixed"])
@pytest.mark.parametrize("mode", ["fold", "reestimate"])
def test_half_precisions_train(
    people: Path, tmp_path: Path, tiny_weights: Path, precision: str, mode: BatchNormMode
) -> None:
    run = trainer(tmp_path, precision=precision, limit_train_batches=2, limit_val_batches=1)
    module = PortraitModule(input_spec=SMALL, batchnorm=mode, teacher=str(tiny_weights), loss=Loss(distil=0.5))
    run.fit(module, data(people, batch=2))
    assert run.callback_metrics["train_loss_epoch"].isfinite() and run.callback_metrics["val_iou"].isfinite()


@pytest.mark.parametrize(("warmup", "steps", "top"), [(30, 200, 30), (50, 60, 31), (300, 200, 101), (0, 10, 0)])
def test_the_rate_rises_and_falls_without_a_jump(warmup: int, steps: int, top: int) -> None:
    """Its top is where the warm-up ends, at half of the training at the latest."""
    module = PortraitModule(warmup_steps=warmup, final_lr=0.0)
    rates = []
    for step in range(steps + 1):
        module.progress = max(0, step - 1) / steps  # as it is known when the schedule is asked
        rates.append(module._rate(step))
    assert rates[: top + 1] == sorted(rates[: top + 1]) and rates[top:] == sorted(rates[top:], reverse=True)
    assert max(rates) == pytest.approx(1, abs=0.001) and rates[-1] < 0.05
    assert max(abs(a - b) for a, b in pairwise(rates)) < max(0.05, 1.6 * 2 / steps)


def test_a_curve_of_one_value_is_seen() -> None:
    panel = draw_curves({"val_iou": [(100.0, 0.95)]})
    assert COLOURS[0] in {colour for _, colour in panel.getcolors(panel.width * panel.height) or []}


def test_a_curve_is_a_line_from_its_first_value_to_its_last() -> None:
    sheet = np.asarray(draw_curves({"val_iou": [(0.0, 0.2), (10.0, 0.7)]}))
    drawn = (sheet == COLOURS[0]).all(-1)
    first, last = drawn.any(0).nonzero()[0][[0, -1]]
    assert last - first > 650 and drawn[:, first:last].any(0).all()
    heights = [int(drawn[:, column].nonzero()[0].mean()) for column in (first, (first + last) // 2, last)]
    assert heights[0] > 190 and abs(heights[1] - 112) < 5 and heights[2] < 35
