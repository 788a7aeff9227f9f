"""Animations: what is clear, how fast they play, how long the last picture is shown."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.video_clips import Whole, convert, decoded, disc, greys, write_clip


@pytest.mark.parametrize("rate", [50, 60, 100, 240])
def test_a_gif_of_a_fast_clip_plays_as_long_as_the_clip(tmp_path: Path, rate: int) -> None:
    """GIF counts hundredths of a second, and what is shown for one of them is shown for ten by browsers."""
    source = write_clip(
        tmp_path / "in.mkv", frames=rate // 2, rate=rate, codec="ffv1", pix_fmt="bgr0", picture=greys(1)
    )
    report = convert(source, tmp_path / "out.gif", model=Whole())
    times, pictures = decoded(tmp_path / "out.gif")
    shown = [int(picture.mean().round()) for picture in pictures]
    assert shown[0] == 0
    assert [round(time_s * 100) for time_s in times] == [round(Fraction(100 * index, rate)) for index in shown]
    assert {int(gap) for gap in np.diff([round(time_s * 100) for time_s in times])} <= {2, 3}
    assert shown[-1] >= rate // 2 - 1 - rate / 50
    left_out = rate // 2 - len(times)
    assert report.frames == rate // 2
    said = f"gif shows at most 50 frames per second: {left_out} that came faster were left out"
    assert report.notes == ((said,) if left_out else ())


def close_up(index: int, size_hw: tuple[int, int]) -> np.ndarray:
    """Bright all over in every second frame, a bright square in the others."""
    picture = np.full((*size_hw, 3), 20 if index % 2 else 230, np.uint8)
    picture[10:30, 10:30] = 230
    return picture


@pytest.mark.parametrize("name", ["out.gif", "out.apng"])
def test_what_a_whole_picture_covered_is_clear_again(tmp_path: Path, name: str) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=4, size_hw=(48, 64), codec="ffv1", pix_fmt="bgr0", picture=close_up)
    convert(source, tmp_path / name, background="transparent")
    with Image.open(tmp_path / name) as clip:
        for index in range(4):
            clip.seek(index)
            alpha = np.asarray(clip.convert("RGBA"))[..., 3]
            assert (alpha > 128).sum() == pytest.approx(20 * 20 if index % 2 else 48 * 64, abs=1)


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv", "out.webm", "out.gif"])
@pytest.mark.parametrize("frames", [1, 2, 4, 5, 8])
def test_the_last_frame_is_shown_as_long_as_in_its_source(tmp_path: Path, name: str, frames: int) -> None:
    """Also in the copy of a copy, and whatever the frames before have."""
    lasts_ms = [*[100, 200, 70, 100, 40, 90, 130][: frames - 1], 3000]
    pictures = [Image.fromarray(disc(index)) for index in range(frames)]
    source, first, second = tmp_path / "in.gif", tmp_path / name, tmp_path / f"again-{name}"
    pictures[0].save(source, save_all=True, append_images=pictures[1:], duration=lasts_ms)
    for before, after in ((source, first), (first, second)):
        report = convert(before, after)
        assert (report.frames, report.notes) == (frames, ())
        if name == "out.gif":
            with Image.open(after) as clip:
                clip.seek(clip.n_frames - 1)
                assert clip.info["duration"] == pytest.approx(3000)
        else:
            with av.open(str(after)) as clip:
                assert clip.duration == pytest.approx(sum(lasts_ms) * 1000, abs=3000)
