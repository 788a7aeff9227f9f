"""Damage costs the damaged frames alone, and what is lost is said."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import av
import pytest

from bgdl.errors import InputError
from bgdl.media import decoder
from bgdl.media.opening import picture_of
from bgdl.media.part import PartFile
from bgdl.media.reader import VideoReader
from tests.video_clips import convert, decoded, write_clip

FRAMES = 30


def damaged(source: Path, target: Path, number: int) -> Path:
    """A copy whose packet `number` holds noise."""
    with av.open(str(source)) as clip, av.open(str(target), "w") as output:
        stream = output.add_stream_from_template(clip.streams.video[0])
        for index, packet in enumerate(packet for packet in clip.demux(video=0) if packet.size):
            written = av.Packet(random.Random(0).randbytes(packet.size)) if index == number else packet
            written.pts, written.dts, written.time_base = packet.pts, packet.dts, packet.time_base
            written.is_keyframe, written.duration = packet.is_keyframe, packet.duration
            written.stream = stream
            output.mux(written)
    return target


def decode_with(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    def with_threads(container: av.container.InputContainer) -> Any:
        stream: Any = picture_of(container)
        stream.codec_context.thread_count = threads
        return stream

    monkeypatch.setattr(decoder, "picture_of", with_threads)


@pytest.mark.parametrize("threads", [1, 4, 16])
@pytest.mark.parametrize("number", [10, 18, FRAMES - 1])
@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [("clip.mov", "png", "rgb24"), ("clip.webm", "libvpx-vp9", "yuv420p"), ("pro.mov", "prores_ks", "yuv444p10le")],
)
def test_one_bad_packet_costs_one_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, codec: str, pix_fmt: str, number: int, threads: int
) -> None:
    """Also where many threads decode, so that its error comes up when the decoder is emptied."""
    decode_with(monkeypatch, threads)
    whole = write_clip(tmp_path / name, frames=FRAMES, rate=25, codec=codec, pix_fmt=pix_fmt, options={"g": "1"})
    report = convert(damaged(whole, tmp_path / f"bad_{name}", number), tmp_path / "out.mkv")
    assert report.frames == len(decoded(tmp_path / "out.mkv")[0]) == FRAMES - 1
    assert report.notes[-1] == "the source has damaged packets: 1 skipped"


@pytest.mark.parametrize("number", [0, 1, 2])
def test_damage_before_the_first_frame_came_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A clip shorter than the decoder has threads comes out when it is emptied, if at all."""
    decode_with(monkeypatch, 16)
    whole = write_clip(tmp_path / "clip.mov", frames=3, rate=25, codec="png", pix_fmt="rgb24")
    assert convert(damaged(whole, tmp_path / "bad.mov", number), tmp_path / "out.mkv").frames == 2


@pytest.mark.parametrize("name", ["in.mkv", "in.mp4"])
def test_a_file_that_is_cut_off_says_so(tmp_path: Path, name: str) -> None:
    made = write_clip(tmp_path / "made.mkv", frames=60, size_hw=(120, 160), rate=25)
    source = tmp_path / name
    with av.open(str(made)) as clip, av.open(str(source), "w", container_options={"movflags": "+faststart"}) as output:
        stream = output.add_stream_from_template(clip.streams.video[0])
        for packet in clip.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    whole = convert(source, tmp_path / "out.mkv")
    assert whole.frames == 60 and whole.notes == ()
    data = source.read_bytes()
    source.write_bytes(data[: len(data) // 2])
    report = convert(source, tmp_path / "out.mkv", overwrite=True)
    assert 0 < report.frames < 60
    assert f"of 2.40 s ({report.frames} of 60 frames): the file is cut off" in report.notes[-1]


def test_a_file_that_lost_the_index_at_its_end_does_not_open(tmp_path: Path) -> None:
    """docs/troubleshooting.md says what to do."""
    source = write_clip(tmp_path / "in.mp4")
    source.write_bytes(source.read_bytes()[:-2000])
    with pytest.raises(InputError, match=r"cannot be opened as a video \(Invalid data found when processing input\)$"):
        convert(source, tmp_path / "out.mp4")


def test_a_part_of_a_whole_file_is_no_damage(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=60, rate=25, audio="aac")
    for options in ({"frames": 5}, {"end": "0.5"}, {"start": "1"}):
        assert convert(source, tmp_path / "out.mkv", overwrite=True, **options).notes == ()


@pytest.mark.parametrize("name", ["in.mkv", "in.mp4", "in.mov"])
def test_sound_that_goes_on_after_the_picture_is_no_damage(tmp_path: Path, name: str) -> None:
    silent = write_clip(tmp_path / "silent.mkv", frames=20, rate=25)
    long = write_clip(tmp_path / "long.mkv", frames=75, rate=25, audio="aac")
    with av.open(str(silent)) as first, av.open(str(long)) as second, av.open(str(tmp_path / name), "w") as output:
        picture = output.add_stream_from_template(first.streams.video[0])
        sound = output.add_stream_from_template(second.streams.audio[0])
        for clip, stream in ((first.demux(video=0), picture), (second.demux(audio=0), sound)):
            for packet in clip:
                if packet.size:
                    packet.stream = stream
                    output.mux(packet)
    assert convert(tmp_path / name, tmp_path / "out.mkv").notes == ()


@pytest.mark.parametrize("name", ["in.flv", "in.ts", "in.mkv", "in.avi"])
def test_a_picture_that_ends_before_its_sound_is_not_damaged(tmp_path: Path, name: str) -> None:
    source = write_clip(tmp_path / name, frames=20, rate=25, codec="mpeg4" if name == "in.avi" else "libx264",
                        audio="libmp3lame" if name == "in.avi" else "aac", tone_to_s=4)  # fmt: skip
    report = convert(source, tmp_path / "out.mkv")
    assert report.frames == 20 and not report.notes


def test_a_clip_that_is_still_being_read_is_not_cut_off(tmp_path: Path) -> None:
    with VideoReader(write_clip(tmp_path / "in.mp4", frames=60, rate=25)) as reader:
        assert reader.cut is None
        assert sum(len(batch) for batch in reader.batches(8)) == 60
        assert reader.cut is None


@pytest.mark.parametrize("there", ["nothing", "file", "folder"])
@pytest.mark.parametrize("sequence", [False, True])
def test_a_link_under_the_unfinished_name_is_not_followed(tmp_path: Path, there: str, sequence: bool) -> None:
    elsewhere = tmp_path / "elsewhere"
    if there == "file":
        elsewhere.write_text("precious")
    elif there == "folder":
        elsewhere.mkdir()
    (tmp_path / "out.mp4.part").symlink_to(elsewhere)
    part = PartFile(tmp_path / "out.mp4" if not sequence else tmp_path / "out.mp4" / "%05d.png", sequence=sequence)
    assert part.part.is_dir() == sequence and not part.part.is_symlink()
    assert elsewhere.exists() == (there != "nothing")
    part.discard()
