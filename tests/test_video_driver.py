"""The video driver: frames, timestamps, sound, rotation, sizes, errors; DESIGN's list of what goes wrong."""

from __future__ import annotations

import _thread
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.codec.context import Flags
from torch import Tensor

import bgdl
from bgdl.errors import InputError
from bgdl.pipeline.job import Progress
from tests.video_clips import BrightSubject, decoded, disc, packets, write_clip

GREEN = "#00ff00"


def convert(source: Path, target: Path, **options: object) -> bgdl.pipeline.records.VideoReport:  # type: ignore[name-defined]
    options = {"model": BrightSubject(), "background": GREEN, "edge": "none", **options}
    return bgdl.convert_video(source, target, **options)  # type: ignore[arg-type]


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


def test_subtitles_are_copied_or_packed_anew(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", subtitles=True)
    convert(source, tmp_path / "out.mkv")
    assert packets(tmp_path / "out.mkv", "subtitle") == packets(source, "subtitle")
    report = convert(source, tmp_path / "out.mp4")
    words = [data[2:] for _, data in packets(tmp_path / "out.mp4", "subtitle") if len(data) > 2]
    assert words == [b"one", b"two"]
    assert "transcoded from srt to mov_text" in report.notes[0]


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
    def level(index: int, size_hw: tuple[int, int]) -> np.ndarray:
        return np.full((*size_hw, 3), 100 + 3 * index, np.uint8)

    source = write_clip(tmp_path / "in.mkv", frames=40, rate=25, codec="ffv1", pix_fmt="bgr0", picture=level)
    convert(source, tmp_path / "out.mkv", start=1, frames=3, only_matte=True, format="ffv1", smooth="off")
    alpha = [picture[0, 0, 0] for picture in decoded(tmp_path / "out.mkv")[1]]
    assert alpha == [round((3 * index) / 50 * 255) if 3 * index < 50 else 255 for index in (25, 26, 27)]


@pytest.mark.parametrize("matrix_degrees", [90, 180, 270])
def test_rotation_is_applied(tmp_path: Path, matrix_degrees: int) -> None:
    corner = np.full((32, 64, 3), 20, np.uint8)
    corner[:16, :32] = 220  # top left
    source = write_clip(
        tmp_path / "in.mp4", frames=2, size_hw=(32, 64), picture=lambda *_: corner,
        set_up=lambda stream: stream.set_display_rotation(matrix_degrees),
    )  # fmt: skip
    convert(source, tmp_path / "out.mp4", smooth="off")
    shown = decoded(tmp_path / "out.mp4")[1][0]
    expected = np.rot90(corner, matrix_degrees // 90)
    assert shown.shape == expected.shape
    bright = shown.astype(int).min(-1) > 150
    assert (bright == (expected[..., 0] > 150)).mean() > 0.97


def test_a_phone_s_portrait_clip_is_turned_clockwise(tmp_path: Path) -> None:
    """The matrix that phones write (a=0 b=1 c=-1 d=0) means: turn the picture by 90 degrees clockwise."""
    corner = np.full((32, 64, 3), 20, np.uint8)
    corner[:16, :32] = 220
    source = write_clip(tmp_path / "in.mp4", frames=2, size_hw=(32, 64), picture=lambda *_: corner)
    data = bytearray(source.read_bytes())
    matrix = data.find(b"tkhd") + 4 + 40
    one = (1 << 16).to_bytes(4, "big", signed=True)
    minus = (-(1 << 16)).to_bytes(4, "big", signed=True)
    zero = bytes(4)
    data[matrix : matrix + 20] = zero + one + zero + minus + zero
    source.write_bytes(data)
    convert(source, tmp_path / "out.mp4", smooth="off")
    shown = decoded(tmp_path / "out.mp4")[1][0]
    assert shown.shape == (64, 32, 3)
    assert shown[8, 24].min() > 150  # top left went to the top right
    assert shown[8, 8].max(-1) > 150 > shown[8, 8].min()  # green elsewhere


@pytest.mark.parametrize("name", ["out.webm", "out.mov", "out.mkv"])
def test_odd_sizes_are_kept_where_the_format_can(tmp_path: Path, name: str) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=3, size_hw=(37, 51), codec="ffv1", pix_fmt="bgr0")
    convert(source, tmp_path / name, background="transparent")
    assert decoded(tmp_path / name)[1][0].shape == (37, 51, 3)


def test_odd_sizes_are_padded_and_said_where_it_cannot(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=3, size_hw=(37, 51), codec="ffv1", pix_fmt="bgr0")
    report = convert(source, tmp_path / "out.mp4")
    shown = decoded(tmp_path / "out.mp4")[1][0]
    assert shown.shape == (38, 52, 3)
    assert np.abs(shown[37].astype(int) - shown[36]).max() < 12
    assert "even sizes" in report.notes[0]


@pytest.mark.parametrize(("matrix", "full"), [(1, False), (6, False), (6, True), (9, False)])
def test_colours_and_their_tags_are_kept(tmp_path: Path, matrix: int, full: bool) -> None:
    def set_up(stream: av.VideoStream) -> None:
        context = stream.codec_context
        context.colorspace, context.color_range = matrix, 2 if full else 1
        context.color_primaries, context.color_trc = (9, 14) if matrix == 9 else (matrix, matrix)

    plain = np.full((48, 64, 3), (200, 160, 120), np.uint8)
    source = write_clip(tmp_path / "in.mp4", frames=2, picture=lambda *_: plain, set_up=set_up, options={"crf": "1"})
    convert(source, tmp_path / "out.mp4", crf=1)
    with av.open(str(source)) as before, av.open(str(tmp_path / "out.mp4")) as after:
        old, new = next(before.decode(video=0)), next(after.decode(video=0))
        assert (new.colorspace, new.color_range) == (old.colorspace, old.color_range) == (matrix, 2 if full else 1)
        assert (new.color_primaries, new.color_trc) == (old.color_primaries, old.color_trc)
        planes = [np.abs(a.astype(int) - b).max() for a, b in zip(old.to_ndarray(), new.to_ndarray(), strict=True)]
    assert max(planes) <= 1  # the subject covers all, so YUV in is YUV out


def test_ten_bits_are_accepted_and_hdr_is_said(tmp_path: Path) -> None:
    def pq(stream: av.VideoStream) -> None:
        stream.codec_context.color_trc, stream.codec_context.colorspace = 16, 9

    ten = write_clip(tmp_path / "ten.mkv", frames=2, pix_fmt="yuv420p10le")
    hdr = write_clip(tmp_path / "hdr.mkv", frames=2, pix_fmt="yuv420p10le", set_up=pq)
    assert "10 bits a channel" in convert(ten, tmp_path / "a.mp4").notes[0]
    assert "HDR (PQ)" in convert(hdr, tmp_path / "b.mp4").notes[0]


def test_interlaced_sources_are_said(tmp_path: Path) -> None:
    def interlaced(stream: av.VideoStream) -> None:
        stream.codec_context.flags |= Flags.interlaced_dct | Flags.interlaced_me

    source = write_clip(tmp_path / "in.mkv", frames=4, codec="mpeg2video", rate=25, set_up=interlaced)
    assert "interlaced" in convert(source, tmp_path / "out.mp4").notes[0]


def test_a_clip_without_frame_count_or_timestamps(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.h264", frames=9, rate=25)
    seen: list[Progress] = []
    report = convert(source, tmp_path / "out.mp4", on_progress=seen.append)
    times = decoded(tmp_path / "out.mp4")[0]
    assert report.frames == len(times) == 9
    assert all(later > earlier for earlier, later in pairwise(times))
    assert seen[-1].done == 9


def test_broken_packets_are_skipped_and_counted(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mov", frames=30, codec="png", pix_fmt="rgb24", rate=25)
    parts = source.read_bytes().split(b"\x89PNG")
    broken = [b"\0\0\0\0" if number in (10, 11, 12) else b"\x89PNG" for number in range(len(parts) - 1)]
    source.write_bytes(parts[0] + b"".join(mark + part for mark, part in zip(broken, parts[1:], strict=True)))
    report = convert(source, tmp_path / "out.mp4")
    assert report.frames == 27 == len(decoded(tmp_path / "out.mp4")[0])
    assert "3 damaged packets" in report.notes[-1]


def test_a_truncated_file_gives_what_is_in_it(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=40, rate=25)
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 2 // 3])
    report = convert(source, tmp_path / "out.mp4")
    assert 5 < report.frames < 40


def test_one_frame(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=1)
    assert convert(source, tmp_path / "out.mp4").frames == 1
    assert len(decoded(tmp_path / "out.mp4")[0]) == 1


def test_no_video_stream_is_a_sentence(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "in.wav"), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.int16), "s16", "stereo")
        frame.sample_rate = 8000
        output.mux(stream.encode(frame))
    with pytest.raises(InputError, match=r"in\.wav: has no video stream \(it holds audio\)"):
        convert(tmp_path / "in.wav", tmp_path / "out.mp4")
    (tmp_path / "text.mp4").write_text("no clip")
    with pytest.raises(InputError, match="cannot be opened as a video"):
        convert(tmp_path / "text.mp4", tmp_path / "out.mp4")


def test_batches_change_nothing(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=14)
    for batch in (1, 5):
        convert(source, tmp_path / f"{batch}.mkv", background="transparent", batch=batch, smooth="flow")
    one, five = (decoded(tmp_path / f"{batch}.mkv", "rgba")[1] for batch in (1, 5))
    assert all((a == b).all() for a, b in zip(one, five, strict=True))


class Failing(BrightSubject):
    def alpha(self, frames: Tensor) -> Tensor:
        if self.seen > 6:
            raise RuntimeError("the network broke")
        return super().alpha(frames)


def test_a_failing_stage_ends_the_run_and_leaves_nothing(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=40)
    (tmp_path / "out").mkdir()
    with pytest.raises(RuntimeError, match="the network broke"):
        convert(source, tmp_path / "out" / "out.mp4", model=Failing())
    assert list((tmp_path / "out").iterdir()) == []


class Interrupted(BrightSubject):
    def alpha(self, frames: Tensor) -> Tensor:
        if self.seen == 20:
            _thread.interrupt_main()
        return super().alpha(frames)


def test_ctrl_c_leaves_a_playable_part_and_says_so(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=400, audio="aac")
    with pytest.raises(KeyboardInterrupt, match=r"stopped after \d+ frames; they are playable in .*out\.mp4\.part"):
        convert(source, tmp_path / "out.mp4", model=Interrupted(), batch=2)
    times, _ = decoded(tmp_path / "out.mp4.part")
    assert 10 <= len(times) < 400
    assert times[-1] < 1
    assert not (tmp_path / "out.mp4").exists()
    assert len(packets(tmp_path / "out.mp4.part", "audio")) < 100  # sound ends with the picture


def test_what_exists_is_not_replaced_unasked(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=2)
    (tmp_path / "out.mp4").write_text("mine")
    with pytest.raises(InputError, match=r"exists; use --overwrite"):
        convert(source, tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_text() == "mine"
    convert(source, tmp_path / "out.mp4", overwrite=True)
    assert len(decoded(tmp_path / "out.mp4")[0]) == 2


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
    assert told["slowest"] in ("decode", "matte", "encode")
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
    assert max(alive) <= 2 * 5
