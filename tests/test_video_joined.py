"""Timestamps that begin anew midway, as in joined files and after a camera's restart."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from bgdl.media.clock import Clock
from bgdl.media.joins import Joins
from tests.video_clips import convert, decoded, packets, write_clip


@pytest.mark.parametrize("target", ["out.mp4", "out.mkv", "out.mov"])
@pytest.mark.parametrize("audio", [None, "aac"])
def test_joined_files_go_on_at_their_own_pace(tmp_path: Path, audio: str | None, target: str) -> None:
    part = write_clip(tmp_path / "part.ts", frames=50, rate=25, audio=audio)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(part.read_bytes() * 3)
    report = convert(joined, tmp_path / target)
    times = decoded(tmp_path / target)[0]
    assert report.frames == len(times) == 150
    assert all(abs(later - earlier - Fraction(1, 25)) < Fraction(1, 500) for earlier, later in pairwise(times))
    assert "start again 2 times, as in joined files" in report.notes[-1]


def test_sound_stays_with_its_picture(tmp_path: Path) -> None:
    """Each part's sound begins at the same distance from its picture as in the part alone."""
    part = write_clip(tmp_path / "part.ts", frames=50, rate=25, audio="aac")
    joined = tmp_path / "joined.ts"
    joined.write_bytes(part.read_bytes() * 2)
    convert(part, tmp_path / "one.mov")
    convert(joined, tmp_path / "two.mov")
    alone = packets(tmp_path / "one.mov", "audio")
    both = packets(tmp_path / "two.mov", "audio")
    assert both[: len(alone)] == alone
    second = both[len(alone) :]
    assert len(second) >= len(alone) - 3  # what overlaps with the first part's end is left out
    picture_s = decoded(tmp_path / "two.mov")[0][50] - decoded(tmp_path / "two.mov")[0][0]
    first_pts, last_pts = alone[-len(second)][0], second[0][0]
    assert first_pts is not None and last_pts is not None
    assert abs((last_pts - first_pts) / 48000 - picture_s) < 0.001


def test_a_slow_clip_whose_pictures_are_stored_in_another_order_is_not_taken_for_joined(tmp_path: Path) -> None:
    options = {"x264-params": "bframes=3:b-adapt=0"}
    source = write_clip(tmp_path / "in.mkv", frames=12, rate=Fraction(1, 2), audio="aac", options=options)
    report = convert(source, tmp_path / "out.mkv")
    assert report.notes == ()
    assert [data for _, data in packets(tmp_path / "out.mkv", "audio")] == [
        data for _, data in packets(source, "audio")
    ]


def test_a_clock_fills_in_repairs_and_joins() -> None:
    clock = Clock(Fraction(1, 1000), Fraction(25))
    assert [clock.stamp(pts) for pts in (500, 540, None, 570, 2000, 0, 40, 1900, 100)] == [
        500, 540, 580, 581, 2000, 2040, 2080, 3940, 3980,
    ]  # fmt: skip
    assert (clock.repaired, clock.joins) == (2, 2)


PICTURE, SOUND, WORDS = (SimpleNamespace(index=index, average_rate=Fraction(25)) for index in range(3))


def moved(
    picture: SimpleNamespace | None, times: list[tuple[SimpleNamespace, int]], *, shown: bool = True
) -> list[tuple[int, int | None, int]]:
    """Stream, pts and dts of what is handed on; times in ms. shown: with a pts."""
    packets = (
        SimpleNamespace(
            stream=stream, pts=ms if shown else None, dts=ms, duration=500, size=1, time_base=Fraction(1, 1000)
        )
        for stream, ms in times
    )
    return [(packet.stream.index, packet.pts, packet.dts) for packet in Joins(picture).moved(packets)]


@pytest.mark.parametrize("shown", [True, False])
def test_sound_without_a_picture_is_joined_end_to_end(shown: bool) -> None:
    part = [(SOUND, 0), (SOUND, 500), (SOUND, 1000), (SOUND, 1500)]
    assert moved(None, part * 3, shown=shown) == [(1, ms if shown else None, ms) for ms in range(0, 6000, 500)]


def test_sound_and_words_of_the_next_part_are_moved_with_its_picture() -> None:
    first = [(PICTURE, 0), (SOUND, 10), (PICTURE, 2000), (SOUND, 2010)]  # the picture ends at 2040
    second = [(SOUND, -30), (WORDS, 20), (SOUND, 10), (PICTURE, 0), (SOUND, 500)]  # -30 would be 2010 again
    assert moved(PICTURE, first + second) == [(index, ms, ms) for index, ms in (
        (1, 10), (1, 2010), (2, 2060), (1, 2050), (1, 2540)
    )]  # fmt: skip


def test_sound_of_a_next_part_without_a_picture_follows_the_last_picture() -> None:
    first = [(PICTURE, 0), (SOUND, 0), (PICTURE, 2000), (SOUND, 2000)]
    assert moved(PICTURE, [*first, (SOUND, 100), (SOUND, 600)])[2:] == [(1, 2040, 2040), (1, 2540, 2540)]
