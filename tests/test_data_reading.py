"""Pictures as training reads them: kept while there is room, and made small when they are read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bgdl.data.dataset import AS_IT_IS, TrainingPictures
from bgdl.data.pairs import Pair, find_pairs, read_pair
from tests.synthetic_people import write_people


@pytest.fixture
def pairs(tmp_path: Path) -> list[Pair]:
    return find_pairs(write_people(tmp_path, 6))


def test_decoded_pairs_are_kept_within_their_bytes(pairs: list[Pair]) -> None:
    rgb, mask = read_pair(pairs[0])
    room = TrainingPictures(pairs, AS_IT_IS, seed=0, cache_bytes=2 * (rgb.nbytes + mask.nbytes))
    for number in range(6):
        room[(number, number, (32, 32))]
    assert list(room._decoded._pairs) == [(pair.image, pair.mask) for pair in pairs[-2:]]


def test_one_picture_with_two_masks_keeps_both(pairs: list[Pair]) -> None:
    """As two manifests give them: the people in one, their hair in the other."""
    one, other = pairs[0], replace(pairs[0], mask=pairs[1].mask)
    masks = TrainingPictures([one, other], AS_IT_IS, seed=0)
    for number, pair in enumerate((one, other)):
        assert np.array_equal(masks._read(number)[1], read_pair(pair)[1])


def test_pictures_of_high_people_are_made_small_when_they_are_read(tmp_path: Path) -> None:
    pairs = find_pairs(write_people(tmp_path / "people", 1, (300, 200)))
    rgb, mask = read_pair(pairs[0])
    person = np.ptp(np.flatnonzero(mask.max(axis=1))) + 1
    small = TrainingPictures(pairs, AS_IT_IS, seed=0, person_px=100)._read(0)
    assert small[0].shape[:2] == small[1].shape == (round(300 * 100 / person), round(200 * 100 / person))
    assert np.ptp(np.flatnonzero(small[1].max(axis=1) > 127)) + 1 == pytest.approx(100, abs=2)
    assert small[1].mean() == pytest.approx(mask.mean(), rel=0.02)
    whole = TrainingPictures(pairs, AS_IT_IS, seed=0)._read(0)
    assert np.array_equal(whole[0], rgb) and np.array_equal(whole[1], mask)


@pytest.mark.parametrize(("size_hw", "small_hw"), [((4, 8192), (2, 4096)), ((40, 100), (20, 50))])
def test_pictures_of_nobody_are_made_small_by_their_longer_side(
    tmp_path: Path, size_hw: tuple[int, int], small_hw: tuple[int, int]
) -> None:
    Image.new("RGBA", size_hw[::-1], (9, 9, 9, 0)).save(tmp_path / "room.png")
    person_px = 4096 if size_hw[1] > 4096 else 50
    rgb, mask = TrainingPictures(find_pairs(tmp_path), AS_IT_IS, seed=0, person_px=person_px)._read(0)
    assert rgb.shape[:2] == mask.shape == small_hw


def test_long_pictures_of_small_people_are_made_small(tmp_path: Path) -> None:
    picture = np.zeros((8, 8192, 4), np.uint8)
    picture[2:6, 100:104, 3] = 255
    Image.fromarray(picture).save(tmp_path / "panorama.png")
    rgb, _ = TrainingPictures(find_pairs(tmp_path), AS_IT_IS, seed=0)._read(0)
    assert rgb.shape == (4, 4096, 3)
