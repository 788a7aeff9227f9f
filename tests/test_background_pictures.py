"""A picture as background is decoded no more often than it must be, and refused before anything is loaded."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import bgdl
from bgdl.errors import InputError
from bgdl.media import image as files
from bgdl.pipeline.backdrop import channels_under, make_moving_look
from tests.video_clips import BrightSubject, decoded, write_clip


@pytest.fixture
def beach(tmp_path: Path) -> Path:
    Image.new("RGB", (40, 30), (10, 200, 30)).save(tmp_path / "beach.png")
    return tmp_path / "beach.png"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the pictures that are decoded, each time."""
    names: list[str] = []
    honest = files.read

    def counted(source: Any, **options: Any) -> files.Picture:
        names.append(Path(source).name)
        return honest(source, **options)

    monkeypatch.setattr(files, "read", counted)
    return names


def test_a_picture_s_background_is_decoded_once(tmp_path: Path, beach: Path, read: list[str]) -> None:
    photo = np.full((20, 30, 3), 90, np.uint8)
    shown = bgdl.remove(photo, background=beach, model=BrightSubject())
    assert shown[5, 5].tolist() == [10, 200, 30]
    assert read == ["beach.png"]


def test_a_clip_s_background_is_decoded_to_be_checked_and_to_be_shown(
    tmp_path: Path, beach: Path, read: list[str]
) -> None:
    clip = write_clip(tmp_path / "in.mkv", frames=5)
    bgdl.convert_video(clip, tmp_path / "out.mkv", background=beach, model=BrightSubject(), crop="0")
    assert len(decoded(tmp_path / "out.mkv")[1]) == 5
    assert read == ["beach.png"] * 2


def test_a_background_that_was_changed_is_looked_at_again(beach: Path) -> None:
    assert channels_under(beach) == channels_under(str(beach)) == 3
    beach.write_bytes(b"no picture")
    os.utime(beach, ns=(0, 0))
    for _ in range(2):
        with pytest.raises(InputError, match=r"beach\.png is not a picture that bgdl reads"):
            channels_under(beach)
    assert channels_under(beach, only_matte=True) == 1


def test_of_a_webp_that_moves_one_picture_is_used_and_it_is_said(tmp_path: Path) -> None:
    first, *others = [Image.new("RGB", (8, 8), (0, level, 0)) for level in (10, 120, 240)]
    first.save(tmp_path / "still.webp")
    first.save(tmp_path / "moves.webp", save_all=True, append_images=others, duration=40)
    with pytest.warns(UserWarning, match=r"moves\.webp moves, but only its first picture is used; give a \.gif"):
        make_moving_look(tmp_path / "moves.webp")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_moving_look(tmp_path / "still.webp")
