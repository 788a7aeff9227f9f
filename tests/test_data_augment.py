"""Training pictures: mask and picture stay together, the same index gives the same picture, edges are clean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bgdl.data import augment as augmenting
from bgdl.data.augment import MOSAICS, Augment
from bgdl.data.dataset import TrainingPictures
from bgdl.data.pairs import Pair, find_pairs
from tests.synthetic_people import draw_person, write_people

PLAIN = Augment(replace=0, portrait=0, whole=1, crowd=0, flip=0, rotate_deg=0, occlude=0)


@pytest.fixture
def pairs(tmp_path: Path) -> list[Pair]:
    return find_pairs(write_people(tmp_path, 6))


def test_flip_is_left_right() -> None:
    rgb, mask = draw_person(0)
    rgba = torch.from_numpy(np.dstack([rgb, mask])).permute(2, 0, 1)
    straight = PLAIN.own(rgba, (48, 48))
    flipped = Augment(**{**vars(PLAIN), "flip": 1.0}).own(rgba, (48, 48))
    assert torch.equal(flipped, straight.flip(2)) and not torch.equal(flipped, straight)


@pytest.mark.parametrize(
    "augment",
    [
        Augment(),
        Augment(replace=1.0),
        Augment(replace=0, portrait=1.0),
        Augment(replace=0, mosaic=1.0),
        Augment(replace=0, wide=1.0),
    ],
)
def test_mask_follows_the_person(pairs: list[Pair], augment: Augment) -> None:
    """The drawn person alone is red: where the mask says person, the picture must be red, and nowhere else."""
    calm = Augment(**{**vars(augment), "occlude": 0.0, "plain": 0.0})
    pictures = TrainingPictures(pairs, calm, seed=0)
    agreement = []
    for number in range(24):
        sample = pictures[(0, number % 6, (64, 64))]
        red, green = sample["frames"][0, ..., 0].int(), sample["frames"][0, ..., 1].int()
        agreement.append(float(((red - green > 50) == (sample["masks"][0, 0] > 0.5)).float().mean()))
    assert min(agreement) > 0.93 and np.mean(agreement) > 0.98


def test_a_rotated_person_is_whole_and_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The corners of its box, which grows around the same middle, are not cut off."""
    laid: list[tuple[torch.Tensor, int]] = []
    monkeypatch.setattr(augmenting, "chance", lambda probability: probability == 0.3)  # rotated, and not flipped
    monkeypatch.setattr(augmenting, "lay_over", lambda _, person, top, __: laid.append((person, top)))
    canvas, person = torch.zeros(4, 200, 200, dtype=torch.uint8), torch.full((4, 60, 40), 255, dtype=torch.uint8)
    for seed in range(6):
        for degrees in (0.0, 20.0):
            monkeypatch.setattr(augmenting, "between", lambda low, high: low + 0.1 * seed * (high - low))  # noqa: B023
            Augment(rotate_deg=degrees)._paste(canvas, person, 60, 1.0)
    for (upright, top), (rotated, higher) in zip(laid[::2], laid[1::2], strict=True):
        assert float(rotated[3].sum() / 255) == pytest.approx(float(upright[3].sum() / 255), rel=0.01)
        assert higher + rotated.shape[1] / 2 == pytest.approx(top + upright.shape[1] / 2, abs=1)


def test_pictures_as_they_are_keep_their_proportions(tmp_path: Path) -> None:
    ground = np.zeros((60, 120, 3), np.uint8)
    disc = cv2.circle(ground.copy(), (60, 30), 15, (255, 255, 255), -1)
    Image.fromarray(np.dstack([ground, disc[..., 0]])).save(tmp_path / "disc.png")
    pairs = find_pairs(tmp_path)

    def side_lengths(size_hw: tuple[int, int], natural: bool) -> tuple[int, int]:
        person = TrainingPictures(pairs, None, seed=0, natural=natural)[(0, 0, size_hw)]["masks"][0, 0] > 0.5
        return int(person.any(1).sum()), int(person.any(0).sum())

    assert side_lengths((60, 90), True) == (31, 31)
    assert side_lengths((60, 60), False)[1] == 16


def test_same_index_same_picture_another_epoch_another(pairs: list[Pair]) -> None:
    first, again = TrainingPictures(pairs, Augment(), seed=3), TrainingPictures(pairs, Augment(), seed=3)
    torch.manual_seed(99)
    one = first[(2, 4, (64, 64))]
    state = torch.get_rng_state()
    first[(0, 1, (64, 64))]
    two = again[(2, 4, (64, 64))]
    assert torch.equal(one["frames"], two["frames"]) and one["seeds"] == two["seeds"]
    assert torch.equal(state, torch.get_rng_state())  # the caller's random numbers are not touched
    assert not torch.equal(one["frames"], first[(3, 4, (64, 64))]["frames"])


def test_without_augmentation_the_picture_is_only_resized(pairs: list[Pair]) -> None:
    pictures = TrainingPictures(pairs, None, seed=0)
    expected = np.array(Image.fromarray(draw_person(1)[0]).resize((48, 48), Image.Resampling.BILINEAR)).astype(int)
    for draw in range(12):
        assert abs(pictures[(draw, 1, (48, 48))]["frames"][0].numpy().astype(int) - expected).max() <= 2


def _ball(height: int, width: int) -> torch.Tensor:
    """A picture (4,H,W) with a ball in its middle."""
    y, x = torch.meshgrid(torch.arange(height) - height / 2, torch.arange(width) - width / 2, indexing="ij")
    inside = (y**2 + x**2 < (min(height, width) / 8) ** 2).to(torch.uint8) * 255
    return torch.stack([inside] * 4)


@pytest.mark.parametrize("size_hw", [(64, 160), (96, 96), (160, 64)])
@pytest.mark.parametrize("natural", [True, False])
def test_natural_proportions_stay(size_hw: tuple[int, int], natural: bool) -> None:
    """A ball stays round, however the canvas lies, where all of it is seen; squeezed, it seldom does."""

    def proportions(draw: Callable[[], torch.Tensor]) -> list[float]:
        masks = [draw()[3] > 127 for _ in range(100)]
        seen = [mask for mask in masks if mask.any() and not (mask[[0, -1]].any() or mask[:, [0, -1]].any())]
        return [float(mask.any(0).sum() / mask.any(1).sum()) for mask in seen]

    torch.manual_seed(0)
    picture, scene = _ball(120, 90), torch.zeros(3, 70, 50, dtype=torch.uint8)
    small = Augment(**{**vars(PLAIN), "small": 1.0})
    ways = [proportions(lambda: PLAIN.own(picture, size_hw, natural=natural))]
    ways += [proportions(lambda: small.before(scene, lambda: picture[:, 48:72, 33:57], size_hw, natural=natural))]
    for found in ways:
        assert len(found) > 5
        assert (max(abs(np.log(found))) < 0.25) == natural


@pytest.mark.parametrize(
    "augment",
    [
        Augment(mosaic=0.3),
        Augment(replace=1.0),
        Augment(replace=0, portrait=1.0),
        Augment(wide=1.0, things=1.0, bystanders=1.0),
    ],
)
def test_rectangles_come_in_their_size(pairs: list[Pair], augment: Augment) -> None:
    pictures = TrainingPictures(pairs, augment, seed=0, natural=True)
    for number in range(12):
        sample = pictures[(0, number % 6, (64, 96))]
        assert sample["frames"].shape == (1, 64, 96, 3) and sample["masks"].shape == (1, 1, 64, 96)


def test_mosaic_holds_whole_pictures_side_by_side() -> None:
    """Pictures of one colour each: as many colours as tiles, the asked one among them, masks in the same places."""
    torch.manual_seed(0)
    first = torch.full((4, 40, 30), 255, dtype=torch.uint8)
    others = (torch.full((4, 50, 60), shade, dtype=torch.uint8) for shade in range(1, 100))
    canvas = PLAIN.tiled(first, lambda: next(others), (37, 37))
    assert canvas.shape == (4, 37, 37) and torch.equal(canvas[0], canvas[3])
    assert len(canvas.unique()) in {rows * columns for rows, columns in MOSAICS} and (canvas == 255).any()


@given(st.tuples(st.integers(8, 70), st.integers(8, 70)), st.booleans(), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_wide_pictures_are_small_and_without_a_seam(picture_hw: tuple[int, int], natural: bool, seed: int) -> None:
    """A slope of grey goes on around the picture, whose place the mask shows, without a step."""
    torch.manual_seed(seed)
    slope = torch.linspace(40, 120, picture_hw[1]).to(torch.uint8).expand(3, *picture_hw)
    picture = torch.cat([slope, torch.full((1, *picture_hw), 255, dtype=torch.uint8)])
    canvas = PLAIN.widened(picture, slope, (96, 128), natural=natural)
    height, width = int(canvas[3].any(1).sum()), int(canvas[3].any(0).sum())
    assert canvas.shape == (4, 96, 128) and canvas.dtype == torch.uint8
    assert 8 <= height <= 0.9 * 96 and 8 <= width <= 128 and int((canvas[3] == 255).sum()) == height * width
    assert canvas[0].int().diff(dim=1).abs().max() <= 80 / (width - 1) + 2
    assert canvas[0].int().diff(dim=0).abs().max() <= 1
    if natural and min(height, width) > 8:
        assert height / (width + 1) <= picture_hw[0] / picture_hw[1] <= (height + 1) / width


@pytest.mark.parametrize("natural", [True, False])
def test_things_and_bystanders_stand_behind_people(natural: bool) -> None:
    """The person and the mask stay as they are; what is around changes."""
    torch.manual_seed(0)
    canvas = torch.full((4, 60, 60), 90, dtype=torch.uint8)
    canvas[3] = 0
    canvas[:, 20:50, 25:35] = 255
    scene, other = torch.full((3, 30, 40), 200, dtype=torch.uint8), torch.full((4, 30, 12), 200, dtype=torch.uint8)
    ways: list[Callable[[Augment], torch.Tensor]] = [
        lambda augment: augment.furnished(canvas, lambda: scene),
        lambda augment: augment.passed(canvas, lambda: other, natural=natural),
    ]
    for way in ways:
        changed = []
        for _ in range(20):
            result = way(Augment(things=1.0, bystanders=1.0))
            assert torch.equal(result[3], canvas[3]) and (result[:, 20:50, 25:35] == 255).all()
            changed.append(float((result[0] != canvas[0]).float().mean()))
        assert sum(share > 0.01 for share in changed) >= 15
        assert torch.equal(way(PLAIN), canvas)


def test_bystanders_need_somebody_to_stand_behind() -> None:
    nobody = torch.zeros(4, 20, 20, dtype=torch.uint8)
    assert torch.equal(Augment(bystanders=1.0).passed(nobody, lambda: nobody + 255), nobody)


def test_empty_scenes_have_empty_masks(pairs: list[Pair]) -> None:
    pictures = TrainingPictures(pairs, Augment(replace=0.0, empty=1.0, bystanders=1.0, things=0.5), seed=0)
    samples = [pictures[(0, number, (32, 32))] for number in range(6)]
    assert all(not sample["masks"].any() for sample in samples)
    assert len({sample["frames"].float().mean().item() for sample in samples}) == 6


def test_one_picture_in_ten_shows_nobody_where_empty_says_so(pairs: list[Pair]) -> None:
    pictures = TrainingPictures(pairs, Augment(empty=0.1, occlude=0.0), seed=0)
    empty = sum(not pictures[(epoch, 0, (16, 16))]["masks"].any() for epoch in range(300))
    assert 18 <= empty <= 45


def test_empty_masks_and_single_pixels_are_handled(tmp_path: Path) -> None:
    write_people(tmp_path, 2)
    Image.new("L", (40, 48)).save(tmp_path / "masks" / "person-000.png")
    Image.new("RGB", (1, 1)).save(tmp_path / "images" / "person-001.png")
    Image.new("L", (1, 1), 255).save(tmp_path / "masks" / "person-001.png")
    pictures = TrainingPictures(find_pairs(tmp_path), Augment(crowd=0.5, occlude=0.5), seed=0)
    for epoch in range(12):
        for number in range(2):
            sample = pictures[(epoch, number, (33, 33))]
            assert sample["frames"].shape == (1, 33, 33, 3) and bool(sample["masks"].isfinite().all())


def test_camouflage_leaves_the_mask_and_what_is_behind() -> None:
    rgb, mask = draw_person(1)
    canvas = torch.from_numpy(np.dstack([rgb, mask])).permute(2, 0, 1)
    assert torch.equal(Augment().camouflaged(canvas), canvas)
    torch.manual_seed(0)
    hidden = Augment(camouflage=1.0).camouflaged(canvas)
    inside, outside = mask > 250, mask == 0
    assert torch.equal(hidden[3], canvas[3]) and torch.equal(hidden[:3, outside], canvas[:3, outside])
    apart = [
        float((one[:3, inside].float().mean(1) - one[:3, outside].float().mean(1)).norm()) for one in (canvas, hidden)
    ]
    assert apart[1] < 0.8 * apart[0]
    for level in (0, 255):  # nobody, or nothing behind
        canvas[3] = level
        assert torch.equal(Augment(camouflage=1.0).camouflaged(canvas), canvas)


def test_a_crowd_has_an_end() -> None:
    person = torch.zeros(4, 8, 4, dtype=torch.uint8)
    drawn: list[int] = []

    def cutout() -> torch.Tensor:
        drawn.append(1)
        return person

    Augment(crowd=1.0, small=1.0).before(torch.zeros(3, 16, 16, dtype=torch.uint8), cutout, (16, 16))
    assert len(drawn) == 21


def test_squeezed_people_are_narrower() -> None:
    person = torch.full((4, 60, 40), 255, dtype=torch.uint8)
    assert [PLAIN._resized(person, 90, squeeze).shape for squeeze in (1.0, 2.0)] == [(4, 90, 60), (4, 90, 30)]


def test_what_stands_before_the_person_is_out_of_the_mask() -> None:
    torch.manual_seed(0)
    canvas, scene = torch.full((4, 60, 60), 255, dtype=torch.uint8), torch.zeros(3, 30, 40, dtype=torch.uint8)
    for _ in range(10):
        covered = Augment(occlude=1.0).occluded(canvas, lambda: scene)
        assert (covered[:3].int() - covered[3].int()).abs().max() <= 1  # black where nobody is left
        assert 0.003 < (covered[3] == 0).float().mean() < 0.17
