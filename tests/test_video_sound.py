"""Sound of every common kind into every container: copied as it is, or transcoded and said, but never a crash."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest
from PIL import Image

from bgdl.errors import InputError
from tests.video_clips import BrightSubject, convert, decoded, packets, write_clip


def clip_with(path: Path, audio: str, *, frames: int = 20, layout: str = "stereo") -> Path:
    """A clip with 25 frames a second whose picture goes into every container."""
    return write_clip(path, frames=frames, rate=25, codec="mpeg4", audio=audio, layout=layout)


class Sound(NamedTuple):
    codec: str
    layout: str
    begins_s: float
    length_s: float
    tone_hz: float


def heard(path: Path) -> Sound:
    """What a player makes of the first audio track."""
    with av.open(str(path)) as clip:
        context = clip.streams.audio[0].codec_context
        frames = list(clip.decode(audio=0))
        resampler = av.AudioResampler("fltp", "mono", 48000)
        parts = [part.to_ndarray()[0] for frame in [*frames, None] for part in resampler.resample(frame)]
        begins_s = float(frames[0].pts * frames[0].time_base)
        samples = np.concatenate(parts)
        tone_hz = np.abs(np.fft.rfft(samples)).argmax() * 48000 / len(samples)
        return Sound(context.name, context.layout.name, begins_s, len(samples) / 48000, tone_hz)


COPIED = [
    ("libopus", "mkv", "mp4"), ("flac", "mkv", "mp4"), ("libopus", "mkv", "webm"), ("pcm_s16le", "avi", "mov"),
    ("pcm_s24le", "mkv", "mov"), ("pcm_u8", "avi", "mkv"), ("ac3", "mkv", "mp4"), ("eac3", "mkv", "mov"),
    ("mp2", "ts", "mp4"), ("aac", "ts", "mov"), ("libmp3lame", "avi", "mp4"),
]  # fmt: skip


@pytest.mark.parametrize(("codec", "source", "target"), COPIED)
def test_sound_is_copied_where_the_container_takes_it(tmp_path: Path, codec: str, source: str, target: str) -> None:
    clip = clip_with(tmp_path / f"in.{source}", codec)
    report = convert(clip, tmp_path / f"out.{target}")
    header = 7 if (codec, source) == ("aac", "ts") else 0  # of each packet in a transport stream
    before = b"".join(data[header:] for _, data in packets(clip, "audio"))
    assert b"".join(data for _, data in packets(tmp_path / f"out.{target}", "audio")) == before
    assert not report.notes


TRANSCODED = [
    ("libopus", "mkv", "mov", "stereo", "aac"), ("flac", "mkv", "mov", "stereo", "aac"),
    ("pcm_s16le", "avi", "mp4", "stereo", "aac"), ("pcm_s16le", "mkv", "mp4", "mono", "aac"),
    ("pcm_s24le", "avi", "mp4", "stereo", "aac"), ("pcm_s24le", "mkv", "mp4", "5.1", "aac"),
    ("pcm_u8", "avi", "mp4", "mono", "aac"), ("pcm_u8", "mkv", "webm", "stereo", "opus"),
    ("pcm_s16be", "mov", "mp4", "stereo", "aac"), ("pcm_mulaw", "avi", "mkv", "mono", "aac"),
    ("adpcm_ms", "avi", "mp4", "stereo", "aac"), ("flac", "mkv", "webm", "5.1", "opus"),
]  # fmt: skip


@pytest.mark.parametrize(("codec", "source", "target", "layout", "becomes"), TRANSCODED)
def test_other_sound_is_transcoded_and_said(
    tmp_path: Path, codec: str, source: str, target: str, layout: str, becomes: str
) -> None:
    clip = clip_with(tmp_path / f"in.{source}", codec, layout=layout)
    report = convert(clip, tmp_path / f"out.{target}")
    sound = heard(tmp_path / f"out.{target}")
    assert sound.codec == becomes
    assert sound.layout == ("stereo" if becomes == "opus" else layout)
    assert abs(sound.tone_hz - 440) < 3
    assert abs(sound.begins_s) < 0.03
    assert abs(sound.length_s - 20 / 25) < 0.05
    assert len(report.notes) == 1 and " is transcoded from " in report.notes[0]


def test_why_pcm_is_not_copied_into_mp4(tmp_path: Path) -> None:
    clip = clip_with(tmp_path / "in.avi", "pcm_s16le", frames=10)
    report = convert(clip, tmp_path / "out.mp4")
    assert report.notes == (
        "audio track 1 is transcoded from pcm_s16le to aac: pcm_s16le is rare in mp4",
    )  # fmt: skip


@pytest.mark.parametrize("codec", ["libopus", "pcm_s16le"])
@pytest.mark.parametrize("target", ["mov", "mp4", "webm"])
def test_sound_of_a_cut_begins_with_it(tmp_path: Path, codec: str, target: str) -> None:
    """Matroska's clock has milliseconds, an encoder's has samples: the cut is taken off in seconds."""
    clip = clip_with(tmp_path / "in.mkv", codec, frames=50)
    convert(clip, tmp_path / f"out.{target}", start=1, frames=10)
    sound = heard(tmp_path / f"out.{target}")
    assert 0 <= sound.begins_s < 0.05
    assert abs(sound.length_s - 10 / 25) < 0.05


NEGATIVE = [
    ("aac", "mp4"),
    ("aac", "mov"),
    ("libmp3lame", "mp4"),
    ("aac", "mkv"),
    ("libopus", "mkv"),
    ("libopus", "mp4"),
]


@pytest.mark.parametrize(("codec", "source"), NEGATIVE)
@pytest.mark.parametrize("target", ["mkv", "mp4"])
def test_what_an_encoder_puts_before_the_sound_does_not_move_the_picture(
    tmp_path: Path, codec: str, source: str, target: str
) -> None:
    clip = clip_with(tmp_path / f"in.{source}", codec)
    convert(clip, tmp_path / f"out.{target}", alpha_sidecar=True)
    before, after, beside = (decoded(tmp_path / name)[0] for name in (clip, f"out.{target}", f"out_alpha.{target}"))
    assert before == after == beside
    assert abs(heard(tmp_path / f"out.{target}").begins_s - heard(clip).begins_s) <= 0.025
    times = [dict(map(reversed, spoken(path))) for path in (clip, tmp_path / f"out.{target}")]
    assert len(times[1]) >= len(times[0]) - 1
    assert all(abs(time_s - times[0][data]) < 0.002 for data, time_s in times[1].items())


def spoken(path: Path) -> list[tuple[float, bytes]]:
    """Time in seconds and payload of every packet of the first audio track."""
    with av.open(str(path)) as clip:
        return [(float(packet.pts * packet.time_base), bytes(packet)) for packet in clip.demux(audio=0) if packet.size]


@pytest.mark.parametrize("target", ["mkv", "mp4"])
def test_a_long_way_before_zero_is_left_out(tmp_path: Path, target: str) -> None:
    """An edit list that cuts the first half second: players show it from 0, and so does every output."""
    clip = write_clip(
        tmp_path / "in.mp4", rate=25, pts=range(-12, 28), options={"g": "5", "bf": "0"}, audio="aac", tone_from_s=-0.48
    )
    convert(clip, tmp_path / f"out.{target}")
    assert decoded(tmp_path / f"out.{target}")[0] == decoded(clip)[0]
    assert decoded(clip)[0][0] == 0
    assert abs(heard(tmp_path / f"out.{target}").begins_s) < 0.025


@pytest.mark.parametrize("first", [0, 10])
def test_sound_of_a_background_stays_with_its_picture(tmp_path: Path, first: int) -> None:
    """That clip's picture begins after a second; its first frame is shown with the source's, and heard with it."""
    source = write_clip(tmp_path / "in.mkv", rate=25, pts=range(first, first + 20))
    background = write_clip(tmp_path / "bg.mkv", rate=25, pts=range(25, 50), audio="aac")
    convert(source, tmp_path / "out.mkv", background=str(background), sound="background")
    times_s = {data: time_s for time_s, data in spoken(background)}
    moved_s = [times_s[data] - time_s for time_s, data in spoken(tmp_path / "out.mkv")]
    assert 35 <= len(moved_s) <= 39  # 0.8 s
    assert moved_s == pytest.approx([1 - first / 25] * len(moved_s), abs=0.002)


@pytest.mark.parametrize("background", ["blur", "transparent", "red", "beach.png"])
def test_sound_of_what_is_no_clip_is_refused(tmp_path: Path, background: str) -> None:
    source = clip_with(tmp_path / "in.mp4", "aac", frames=2)
    Image.new("RGB", (8, 8)).save(tmp_path / "beach.png")
    name = str(tmp_path / background) if "." in background else background
    with pytest.raises(InputError, match="sound is the background's, but the background is not a clip; give a clip"):
        convert(source, tmp_path / "out.mkv", background=name, sound="background")
    assert not list(tmp_path.glob("out*"))


def test_sound_of_a_background_is_refused_where_the_format_holds_none(tmp_path: Path) -> None:
    source, background = write_clip(tmp_path / "in.mp4"), clip_with(tmp_path / "bg.mp4", "aac", frames=2)
    matter = BrightSubject()
    with pytest.raises(InputError, match=r"the background's, but gif holds no sound; write \.mp4, .* leave sound out$"):
        convert(source, tmp_path / "out.gif", model=matter, background=str(background), sound="background")
    assert matter.seen == 0


def test_a_silent_background_is_said(tmp_path: Path) -> None:
    source, background = clip_with(tmp_path / "in.mp4", "aac"), write_clip(tmp_path / "bg.mp4")
    report = convert(source, tmp_path / "out.mkv", background=str(background), sound="background")
    assert report.notes == (f"{background} has no sound, so there is none",)


def two_tongues(folder: Path) -> Path:
    """AAC that is not heard unless chosen, Opus that is, forced subtitles."""
    target = folder / "in.mkv"
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(av.open(str(write_clip(folder / f"{codec}.mkv", audio=codec, subtitles="subrip"))))
            for codec in ("aac", "libopus")
        )
        output = stack.enter_context(av.open(str(target), "w"))
        kinds = av.stream.Disposition
        ways = {}
        for stream, kind in (
            (first.streams.video[0], kinds.default), (first.streams.audio[0], kinds(0)),
            (second.streams.audio[0], kinds.default), (first.streams.subtitles[0], kinds.forced),
        ):  # fmt: skip
            ways[stream] = output.add_stream_from_template(stream)
            ways[stream].disposition = kind
        for clip in (first, second):
            for packet in clip.demux([stream for stream in ways if stream.container is clip]):
                if packet.size:
                    packet.stream = ways[packet.stream]
                    output.mux(packet)
    return target


@pytest.mark.parametrize("target", ["mkv", "mp4", "mov"])
def test_the_track_that_is_heard_unless_another_is_chosen_stays_so(tmp_path: Path, target: str) -> None:
    """Into .mkv tracks are copied, into .mp4 words are rewritten, into .mov sound is transcoded too."""
    convert(two_tongues(tmp_path), tmp_path / f"out.{target}")
    with av.open(str(tmp_path / f"out.{target}")) as clip:
        kinds = [stream.disposition for stream in clip.streams if stream.type in ("audio", "subtitle")]
    assert [bool(kind & av.stream.Disposition.default) for kind in kinds[:2]] == [False, True]
    assert bool(kinds[2] & av.stream.Disposition.forced) == (target != "mov")  # which cannot say it


def test_timestamps_as_coarse_as_packets_are_no_obstacle(tmp_path: Path) -> None:
    """WMA in AVI counts packets, not samples, and its decoder's last frame has no timestamp."""
    clip = clip_with(tmp_path / "in.avi", "wmav2")
    convert(clip, tmp_path / "out.mp4")
    assert abs(heard(tmp_path / "out.mp4").length_s - 20 / 25) < 0.1
