"""The video driver: frames, timestamps, sound, exact blends, records; what usually goes wrong."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from torch import Tensor

from bgdl.pipeline.video_job import Progress
from tests.video_clips import BrightSubject, convert, decoded, disc, greys, packets, write_clip


def test_frames_out_are_frames_decoded_at_the_source_s_times(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=31)
    report = convert(source, tmp_path / "out.mp4", batch=4)
    (before, _), (after, _) = decoded(source), decoded(tmp_path / "out.mp4")
    assert report.frames == 31
    assert after == before
    assert after[1] - after[0] == Fraction(1001, 24000)  # 29.97 is not 29, 23.976 is not 23


def test_variable_rate_survives(tmp_path: Path) -> None:
    stamps = [0, 40, 50, 200, 210, 600, 1000, 1001]
    source = write_clip(tmp_path / "in.mp4", pts=stamps, time_base=Fraction(1, 1000), rate=25)
    convert(source, tmp_path / "out.mp4")
    assert [int(time * 1000) for time in decoded(tmp_path / "out.mp4")[0]] == stamps


def test_audio_is_copied_packet_for_packet(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=30, audio="aac")
    convert(source, tmp_path / "out.mp4")
    assert packets(tmp_path / "out.mp4", "audio") == packets(source, "audio")


def test_audio_that_the_container_does_not_take_is_transcoded_and_said(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=30, audio="aac")
    report = convert(source, tmp_path / "out.webm")
    with av.open(str(tmp_path / "out.webm")) as clip:
        assert clip.streams.audio[0].codec_context.name == "opus"
        sound = list(clip.decode(audio=0))
    length = sum(frame.samples for frame in sound) / 48000
    assert abs(length - 30 * 1001 / 24000) < 0.06
    assert report.notes == ("audio track 1 is transcoded from aac to libopus: webm does not take aac",)


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv", "out.webm"])
def test_title_and_date_are_kept(tmp_path: Path, name: str) -> None:
    written = {"title": "A walk", "artist": "Ada", "creation_time": "2024-05-06T07:08:09.000000Z"}
    bare = write_clip(tmp_path / "bare.mp4", frames=3)
    with av.open(str(bare)) as source, av.open(str(tmp_path / "in.mp4"), "w") as output:
        output.metadata.update(written)
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    convert(tmp_path / "in.mp4", tmp_path / name)
    with av.open(str(tmp_path / name)) as clip:
        kept = {key.lower(): text for key, text in clip.metadata.items()}
    assert written.items() <= kept.items()


def test_subtitles_are_copied_or_packed_anew(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", subtitles="subrip")
    convert(source, tmp_path / "out.mkv")
    assert packets(tmp_path / "out.mkv", "subtitle") == packets(source, "subtitle")
    report = convert(source, tmp_path / "out.mp4")
    words = [data[2:] for _, data in packets(tmp_path / "out.mp4", "subtitle") if len(data) > 2]
    assert words == [b"one", b"two"]
    assert "transcoded from srt to mov_text" in report.notes[0]
    for target in ("out.mkv", "out.mp4"):
        with av.open(str(tmp_path / target)) as clip:
            assert clip.streams.subtitles[0].metadata["language"] == "swe"


def test_a_cut_starts_at_zero_with_its_own_sound(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=50, rate=25, audio="aac", options={"g": "10"})
    report = convert(source, tmp_path / "out.mp4", start=0.5, end="0:01.5", smooth="off")
    times, _ = decoded(tmp_path / "out.mp4")
    assert report.frames == len(times) == 25
    assert (times[0], times[-1]) == (0, Fraction(24, 25))
    sound = packets(tmp_path / "out.mp4", "audio")
    assert all(data in {data for _, data in packets(source, "audio")} for _, data in sound)
    assert abs(len(sound) * 1024 / 48000 - 1) < 0.05


def test_the_first_frames_of_a_cut_are_those_asked_for(tmp_path: Path) -> None:
    source = write_clip(
        tmp_path / "in.mkv", frames=40, rate=25, codec="ffv1", pix_fmt="bgr0", picture=greys(3, first=100)
    )
    matte = {"background": "transparent", "only_matte": True, "format": "ffv1", "smooth": "off"}
    convert(source, tmp_path / "out.mkv", start=1, frames=3, **matte)
    alpha = [picture[0, 0, 0] for picture in decoded(tmp_path / "out.mkv")[1]]
    assert alpha == [round((3 * index) / 50 * 255) if 3 * index < 50 else 255 for index in (25, 26, 27)]


def test_batches_change_nothing(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=14)
    for batch in (1, 5):
        convert(source, tmp_path / f"{batch}.mkv", background="transparent", batch=batch, smooth="flow")
    one, five = (decoded(tmp_path / f"{batch}.mkv", "rgba")[1] for batch in (1, 5))
    assert all((a == b).all() for a, b in zip(one, five, strict=True))


def test_the_exact_blend_reaches_the_file(tmp_path: Path) -> None:
    class Half(BrightSubject):
        def alpha(self, frames: Tensor) -> Tensor:
            return torch.full((*frames.shape[:3], 1), 128 / 255)

    plain = np.full((32, 32, 3), (200, 100, 50), np.uint8)
    source = write_clip(
        tmp_path / "in.mkv", frames=2, size_hw=(32, 32), codec="ffv1", pix_fmt="bgr0", picture=lambda *_: plain
    )
    convert(source, tmp_path / "out.mkv", model=Half(), background="white", format="ffv1")
    assert (decoded(tmp_path / "out.mkv")[1][1] == (227, 177, 152)).all()


def test_records_tell_time_coverage_and_confidence(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=7, rate=25, picture=lambda _, size: disc(0, size))
    seen: list[Progress] = []
    report = convert(source, tmp_path / "out.mp4", on_progress=seen.append)
    records = [record for progress in seen for record in progress.records]
    assert [record.frame for record in records] == list(range(7))
    assert [record.time_s for record in records] == [index / 25 for index in range(7)]
    share = (disc(0)[..., 0] > 100).mean()
    assert all(abs(record.coverage - share) < 0.01 and record.confidence > 0.95 for record in records)
    told = report.to_dict()
    assert told["frames"] == 7
    assert told["slowest"] in ("decode", "matte", "look", "encode")
    assert told["peak_memory_mb"] is None or told["peak_memory_mb"] > 10


def test_memory_is_flat_in_the_length(tmp_path: Path) -> None:
    """Frames that are alive at once are bounded by the queues, however long the clip is."""
    alive: list[int] = []
    made = 0

    class Counting(BrightSubject):
        def alpha(self, frames: Tensor) -> Tensor:
            nonlocal made
            made += len(frames)
            return super().alpha(frames)

    def watch(progress: Progress) -> None:
        alive.append(made - progress.done)

    source = write_clip(tmp_path / "in.mp4", frames=300, size_hw=(16, 16))
    convert(source, tmp_path / "out.mp4", model=Counting(), batch=2, on_progress=watch)
    assert max(alive) <= 2 * 7
