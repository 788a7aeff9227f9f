"""Folders as a LightningDataModule: roots, splits, sizes and shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pytorch_lightning import Callback, Trainer

from bgdl.errors import BgdlError, InputError
from bgdl.preprocess import InputSpec
from bgdl.training.module import PortraitModule
from tests.synthetic_people import write_people
from tests.training_runs import SMALL, data, trainer


def test_several_roots_with_weights(people: Path, tmp_path: Path) -> None:
    other = write_people(tmp_path / "other", 4)
    both = data([str(people), str(other)], root_weights=[1.0, 3.0])
    both.setup("fit")
    shares = both.pair_weights
    assert sum(shares) == pytest.approx(4) and max(shares) / min(shares) > 3
    with pytest.raises(InputError, match="2 roots but 1 root_weights"):
        data([str(people), str(other)], root_weights=[1.0])


def test_a_split_that_leaves_nothing_says_so(people: Path) -> None:
    with pytest.raises(InputError, match="leaves 0 pictures to train and 8 to validate"):
        data(people, split="hash:1").setup("fit")


def test_pictures_to_validate_are_checked_too(tmp_path: Path) -> None:
    people = write_people(tmp_path / "people", 20)
    (people / "images" / "person-010.png").write_bytes(b"no picture")
    with pytest.raises(BgdlError, match="person-010"):
        data(people, split="number:10:0").setup("fit")


def test_fewer_pictures_than_processes_are_refused(people: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(Trainer, "world_size", 5)
    pictures = data(people, samples=4)
    pictures.trainer = trainer(tmp_path)
    with pytest.raises(InputError, match="an epoch of 4 is too short for 5 processes"):
        pictures.setup("fit")


def test_overfitting_is_refused_with_the_way_out(people: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"overfit_batches .* use --data\.limit"):
        trainer(tmp_path, overfit_batches=2).fit(PortraitModule(input_spec=SMALL), data(people))


def test_rectangles_train_and_change_their_aspect(people: Path, tmp_path: Path) -> None:
    pictures = data(people, batch=2, samples=12, sizes=[96], shape="area")
    sizes = []

    class Watch(Callback):
        def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
            sizes.append(tuple(batch["frames"].shape[1:3]))

    trainer(tmp_path, callbacks=[Watch()]).fit(PortraitModule(input_spec=InputSpec(size=96, shape="area")), pictures)
    assert (
        len(sizes) == 6 and len(set(sizes)) > 1 and set(sizes) <= {(96, 96), (64, 128), (128, 64), (96, 128), (128, 96)}
    )


@pytest.mark.parametrize(("epochs", "expected"), [(1, [32, 32, 48, 48]), (2, [32] * 4 + [48] * 4)])
def test_every_size_has_its_share_of_the_training(
    people: Path, tmp_path: Path, epochs: int, expected: list[int]
) -> None:
    sides: list[int] = []

    class Watch(Callback):
        def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
            sides.append(batch["frames"].shape[1])

    pictures = data(people, batch=2, samples=8, sizes=[32, 48])
    trainer(tmp_path, max_epochs=epochs, callbacks=[Watch()]).fit(PortraitModule(input_spec=SMALL), pictures)
    assert sides == expected


def test_testing_needs_no_pictures_to_train_on(people: Path, tmp_path: Path) -> None:
    everything = data(people, split="all")
    scores = trainer(tmp_path).test(PortraitModule(input_spec=SMALL), everything, verbose=False)[0]
    assert len(everything.val_pairs) == 8 and 0 <= scores["test_iou"] <= 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"batch": 0}, r"data\.batch is 0; it must be a whole number, 1 or more"),
        ({"samples": 0}, r"data\.samples is 0; it must be a whole number, 1 or more"),
        ({"sizes": [320, 0]}, r"data\.sizes is 0; it must be a whole number, 1 or more"),
        ({"sizes": []}, r"data\.sizes is empty"),
        ({"workers": -1}, r"data\.workers is -1; it must be a whole number, 0 or more"),
        ({"root_weights": [0.0]}, r"data\.root_weights are \[0\.0\]; give none below 0"),
        ({"root_weights": [-1.0]}, r"data\.root_weights are \[-1\.0\]"),
    ],
)
def test_numbers_that_cannot_be_are_refused(people: Path, options: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        data(people, **options)


def test_pictures_and_limits_may_be_many(people: Path) -> None:
    many = data(people, samples=10**9, limit=10**9)
    assert (many.samples, many.limit) == (10**9, 10**9)
    for name in ("samples", "limit"):
        with pytest.raises(InputError, match=rf"data\.{name} is 1000000001; it must be 1000000000 or less"):
            data(people, **{name: 10**9 + 1})


def test_a_size_that_disagrees_is_found_before_training(tmp_path: Path) -> None:
    """Also of a picture that is not among those that are read first."""
    people = write_people(tmp_path / "people", 40)
    Image.new("L", (10, 12)).save(people / "masks" / "person-038.png")
    with pytest.raises(InputError, match=r"person-038: picture and mask are 40x48 and 10x12 px"):
        data(people, split="number:10:3").setup("fit")
