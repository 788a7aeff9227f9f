"""Where the picture, the sound and the words of a result begin and end."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from bgdl.media.tracks import Tracks
from bgdl.media.transcode import _words
from tests.video_clips import convert, decoded, packets, write_clip


def sound_ends_s(path: Path) -> float:
    with av.open(str(path)) as clip:
        last = list(clip.decode(audio=0))[-1]
        return float(last.pts * last.time_base) + last.samples / last.sample_rate


def words(path: Path) -> list[tuple[float, float, bytes]]:
    """Begin and length in seconds, and payload, of every subtitle."""
    with av.open(str(path)) as clip:
        stream = clip.streams.subtitles[0]
        parts = [part for part in clip.demux(stream) if part.size]
        return [(float(p.pts * p.time_base), float(p.duration * p.time_base), bytes(p)) for p in parts]


@pytest.fixture(scope="module")
def longer_sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of picture, two of sound."""
    path = tmp_path_factory.mktemp("ends") / "in.mkv"
    return write_clip(path, frames=25, rate=25, codec="mpeg4", audio="aac", tone_to_s=2)


@pytest.mark.parametrize("options", [{}, {"frames": 1000}, {"end": 3}, {"background": "CLIP"}])
def test_sound_that_outlasts_the_picture_is_kept(
    longer_sound: Path, tmp_path: Path, options: dict[str, object]
) -> None:
    if options.get("background"):
        options = {"background": str(write_clip(tmp_path / "behind.mp4", frames=5, rate=25))}
    report = convert(longer_sound, tmp_path / "out.mp4", **options)
    assert sound_ends_s(tmp_path / "out.mp4") == pytest.approx(2, abs=0.05)
    assert not report.notes  # whole, and not called cut off


@pytest.mark.parametrize("options", [{"frames": 10}, {"end": 0.4}, {"background_end": "stop"}])
def test_sound_ends_with_a_picture_that_ends_early(
    longer_sound: Path, tmp_path: Path, options: dict[str, object]
) -> None:
    if "background_end" in options:
        options = {**options, "background": str(write_clip(tmp_path / "behind.mp4", frames=10, rate=25))}
    assert convert(longer_sound, tmp_path / "out.mp4", **options).frames == 10
    assert sound_ends_s(tmp_path / "out.mp4") == pytest.approx(0.4, abs=0.05)


def test_an_end_in_the_middle_of_a_long_frame_is_an_end_there(tmp_path: Path) -> None:
    pts = [*range(0, 1000, 40), 4000, 4040]
    source = write_clip(tmp_path / "in.mkv", pts=pts, time_base=Fraction(1, 1000), rate=25, codec="mpeg4", audio="aac")
    assert convert(source, tmp_path / "out.mp4", end=3).frames == 25
    assert sound_ends_s(tmp_path / "out.mp4") == pytest.approx(3, abs=0.05)
    with av.open(str(tmp_path / "out.mp4")) as clip:
        stream = clip.streams.video[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(3, abs=0.01)


@pytest.mark.parametrize("target", ["out.mp4", "out.mkv", "out.ts.mov"])
def test_a_clock_that_begins_anywhere_begins_at_nought(tmp_path: Path, target: str) -> None:
    pts = [90000 * 36000 + 3600 * index for index in range(25)]
    source = write_clip(
        tmp_path / "in.ts", pts=pts, time_base=Fraction(1, 90000), rate=25, audio="aac", tone_from_s=36000
    )
    convert(source, tmp_path / target)
    times = decoded(tmp_path / target)[0]
    assert float(times[0]) < 0.1
    assert [round(float(time - times[0]) * 25) for time in times] == list(range(25))
    with av.open(str(tmp_path / target)) as clip:
        assert clip.duration < 1_500_000
        sound = next(clip.decode(audio=0))
        assert float(sound.pts * sound.time_base - times[0]) == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize(("target", "shown"), [("out.mp4", b"\0\x09Hello <3>"), ("out.webm", b"Hello <3>")])
def test_styles_are_taken_out_of_words_that_are_packed_anew(tmp_path: Path, target: str, shown: bytes) -> None:
    text = b"<font color=red><i>Hello</i> <3></font>"
    source = write_clip(tmp_path / "in.mkv", subtitles="subrip", words=[(0, 200, text)])
    convert(source, tmp_path / target)
    assert [data for _, data in packets(tmp_path / target, "subtitle") if len(data) > 2] == [shown]


@pytest.mark.parametrize("target", ["out.mkv", "out.webm"])
def test_words_are_shown_inside_the_range_alone(tmp_path: Path, target: str) -> None:
    said = [
        (0, 300, b"before"),
        (300, 500, b"over the start"),
        (900, 9000, b"over the end"),
        (1200, 100, b"at the end"),
        (1500, 100, b"after"),
    ]
    source = write_clip(tmp_path / "in.mkv", frames=50, rate=25, subtitles="subrip", words=said)
    convert(source, tmp_path / target, start=0.6, end=1.2)
    shown = words(tmp_path / target)
    assert [text for _, _, text in shown] == [b"over the start", b"over the end"]
    assert [(round(begins, 2), round(lasts, 2)) for begins, lasts, _ in shown] == [(0, 0.2), (0.3, 0.3)]


def test_ctrl_c_while_the_end_is_written_keeps_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finish, calls = Tracks.finish, []

    def interrupted(self: Tracks, until_s: Fraction | None = None) -> None:
        calls.append(until_s)
        if len(calls) == 1:
            raise KeyboardInterrupt
        finish(self, until_s)

    monkeypatch.setattr(Tracks, "finish", interrupted)
    source = write_clip(tmp_path / "in.mkv", frames=25, rate=25, codec="mpeg4", audio="aac", tone_to_s=9)
    with pytest.raises(KeyboardInterrupt, match="stopped after 25 frames; they are playable"):
        convert(source, tmp_path / "out.mp4")
    assert calls == [None, 1]
    (tmp_path / "out.mp4.part").rename(tmp_path / "part.mp4")
    assert len(decoded(tmp_path / "part.mp4")[0]) == 25
    assert sound_ends_s(tmp_path / "part.mp4") == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("codec", "data", "words"),
    [
        ("ass", rb"3,0,Default,,0,0,0,,{\i1}One, two{\i0}\Nthree\nfour\hfive", "One, two\nthree\nfour five"),
        ("mov_text", b"\0\x03one\0\0\0\x16styl\0\x01", "one"),
        ("mov_text", b"\0\0", ""),
        ("subrip", b"<i>One</i>\r\n<font color='red'>1 < 2</font>\r\n\0", "One\r\n1 < 2"),
    ],
)
def test_words_are_read_in_every_packing(codec: str, data: bytes, words: str) -> None:
    assert _words(data, codec) == words
