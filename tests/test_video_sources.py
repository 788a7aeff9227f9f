"""Clips as they come: turned, odd, tagged, deep, interlaced, uncounted, damaged, short, or no clips at all."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from av import library_versions
from av.codec.context import Flags
from PIL import Image

from bgdl.errors import InputError
from bgdl.media.color import ColorTags, tags_of
from bgdl.pipeline.video_job import Progress
from tests.video_clips import GREEN, Whole, convert, decoded, disc, write_clip


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


@pytest.mark.parametrize("background", ["transparent", GREEN])
@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("out.webm", "vp9"), ("out.mov", "prores"), ("out.mov", "qtrle"), ("out.mkv", "ffv1"), ("out.webp", "webp"),
        ("out.gif", "gif"), ("out.apng", "apng"), ("out/%03d.png", "png"),
    ],
)  # fmt: skip
def test_odd_sizes_are_kept_where_the_format_can(tmp_path: Path, name: str, format: str, background: str) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=3, size_hw=(37, 51), codec="ffv1", pix_fmt="bgr0")
    report = convert(source, tmp_path / name, background=background, format=format, alpha_sidecar=format == "ffv1")
    assert report.notes == ()
    shown = shapes(tmp_path / name)
    assert shown == {(37, 51)}
    if report.sidecar:
        assert shapes(report.sidecar) == shown


def shapes(path: Path) -> set[tuple[int, ...]]:
    """The heights and widths of a clip's pictures, as Pillow sees those of WebP, which FFmpeg does not decode."""
    if path.suffix == ".webp":
        with Image.open(path) as picture:
            return {picture.size[::-1]}
    return {picture.shape[:2] for picture in decoded(path)[1]}


@pytest.mark.parametrize("format", ["h264", "h265"])
@pytest.mark.parametrize("size_hw", [(37, 51), (37, 52), (38, 51)])
def test_odd_sizes_are_padded_and_said_where_it_cannot(tmp_path: Path, format: str, size_hw: tuple[int, int]) -> None:
    """4:2:0 has no half chroma sample; the picture stays at the top left, its last row and column go on."""
    height, width = size_hw
    source = write_clip(tmp_path / "in.mkv", frames=3, size_hw=size_hw, codec="ffv1", pix_fmt="bgr0")
    report = convert(source, tmp_path / "out.mp4", format=format, crf=1)
    assert report.size_hw == (38, 52)
    shown = decoded(tmp_path / "out.mp4")[1][0].astype(int)
    assert shown.shape == (38, 52, 3)
    assert np.abs(shown[-1] - shown[height - 1]).max() < 12
    assert np.abs(shown[:, -1] - shown[:, width - 1]).max() < 12
    subject = disc(0, size_hw)[..., 0] > 100
    assert np.median(np.abs(shown[:height, :width][subject] - disc(0, size_hw)[subject])) <= 2
    assert "needs even sizes: the last row or column is repeated" in report.notes[0]


@pytest.mark.parametrize(("matrix", "full"), [(1, False), (6, False), (6, True), (9, False)])
def test_colours_and_their_tags_are_kept(tmp_path: Path, matrix: int, full: bool) -> None:
    def set_up(stream: av.VideoStream) -> None:
        context = stream.codec_context
        context.colorspace, context.color_range = matrix, 2 if full else 1
        context.color_primaries, context.color_trc = (9, 14) if matrix == 9 else (matrix, matrix)

    plain = np.full((48, 64, 3), (200, 160, 120), np.uint8)
    source = write_clip(tmp_path / "in.mp4", frames=2, picture=lambda *_: plain, set_up=set_up, options={"crf": "0"})
    convert(source, tmp_path / "out.mp4", crf=0)  # lossless
    with av.open(str(source)) as before, av.open(str(tmp_path / "out.mp4")) as after:
        old, new = next(before.decode(video=0)), next(after.decode(video=0))
        assert (new.colorspace, new.color_range) == (old.colorspace, old.color_range) == (matrix, 2 if full else 1)
        assert (new.color_primaries, new.color_trc) == (old.color_primaries, old.color_trc)
        planes = [np.abs(a.astype(int) - b).max() for a, b in zip(old.to_ndarray(), new.to_ndarray(), strict=True)]
    assert max(planes) <= 1  # the subject covers all, so YUV in is YUV out


@pytest.mark.parametrize(
    ("matrix", "height", "swscales"),
    [(2, 719, 5), (2, 720, 1), (0, 1080, 1), (1, 480, 1), (6, 1080, 5), (5, 1080, 5), (9, 480, 9), (10, 480, 9)],
)
def test_clips_that_name_no_matrix_are_taken_by_their_height(matrix: int, height: int, swscales: int) -> None:
    assert ColorTags(matrix=matrix).sws_matrix(height) == swscales


def test_tags_that_frames_lack_are_their_codecs() -> None:
    codec = SimpleNamespace(colorspace=9, color_primaries=9, color_trc=18)
    tags = tags_of(av.VideoFrame(16, 16, "yuv420p10le"), codec)
    assert (tags.matrix, tags.primaries, tags.transfer, tags.hdr) == (9, 9, 18, "HLG")


def test_ten_bits_are_accepted_and_hdr_is_said(tmp_path: Path) -> None:
    def pq(stream: av.VideoStream) -> None:
        stream.codec_context.color_trc, stream.codec_context.colorspace = 16, 9

    ten = write_clip(tmp_path / "ten.mkv", frames=2, pix_fmt="yuv420p10le")
    hdr = write_clip(tmp_path / "hdr.mkv", frames=2, pix_fmt="yuv420p10le", set_up=pq)
    assert "10 bits per channel" in convert(ten, tmp_path / "a.mp4").notes[0]
    assert "HDR (PQ)" in convert(hdr, tmp_path / "b.mp4").notes[0]


def test_prores_frames_say_their_colours(tmp_path: Path) -> None:
    def pq(stream: av.VideoStream) -> None:
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace = 9, 16, 9

    convert(write_clip(tmp_path / "in.mkv", frames=2, set_up=pq), tmp_path / "out.mov", background="transparent")
    with av.open(str(tmp_path / "out.mov")) as clip:
        header = bytes(next(clip.demux(video=0)))
    assert tuple(header[22:25]) == (9, 16, 9)  # behind the size, "icpf" and 14 bytes


def test_a_moving_webp_is_read_by_a_new_ffmpeg_and_an_old_one_says_what_it_can_read(tmp_path: Path) -> None:
    pictures = [Image.fromarray(np.full((32, 48, 3), level, np.uint8)) for level in (0, 200)]
    pictures[0].save(tmp_path / "in.webp", save_all=True, append_images=pictures[1:], duration=40)
    if library_versions["libavcodec"][0] >= 63:
        assert convert(tmp_path / "in.webp", tmp_path / "out.mp4").frames == 2
        return
    with pytest.raises(InputError, match=r"cannot read moving WebP; convert it to \.gif, \.apng or \.mp4"):
        convert(tmp_path / "in.webp", tmp_path / "out.mp4")


def test_a_source_of_its_own_transparency_is_said(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mov", frames=2, codec="qtrle", pix_fmt="argb")
    assert "the source's own alpha channel is not used" in convert(source, tmp_path / "out.mp4").notes[0]


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
    assert "damaged packets: 3" in report.notes[-1]


def test_a_truncated_file_gives_what_is_in_it(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=40, rate=25)
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 2 // 3])
    report = convert(source, tmp_path / "out.mp4")
    assert 5 < report.frames < 40


def test_one_frame(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=1)
    assert convert(source, tmp_path / "out.mp4").frames == 1
    assert len(decoded(tmp_path / "out.mp4")[0]) == 1


@pytest.mark.parametrize("name", ["out.mov", "out.mkv"])
def test_prores_of_a_full_range_clip_has_its_colours(tmp_path: Path, name: str) -> None:
    halves = np.where(np.arange(64)[None, :, None] < 32, 0, 255).repeat(48, 0).repeat(3, 2).astype(np.uint8)
    with av.open(str(tmp_path / "in.mkv"), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.codec_context.color_range = 64, 48, "yuv444p", 2
        frame = av.VideoFrame.from_ndarray(halves, format="rgb24").reformat(format="yuv444p", dst_color_range=2)
        output.mux([*stream.encode(frame), *stream.encode(None)])
    convert(tmp_path / "in.mkv", tmp_path / name, model=Whole(), background="transparent", format="prores")
    shown = decoded(tmp_path / name)[1][0].astype(int)
    assert np.abs(shown - halves)[:, [2, -3]].max() <= 2


def test_a_folder_is_no_clip(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a folder cannot be opened as a video; give one clip"):
        convert(tmp_path, tmp_path / "out.mp4")


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


def test_a_text_file_is_no_clip(tmp_path: Path) -> None:
    """FFmpeg would draw it."""
    (tmp_path / "notes.txt").write_text("what to buy\n" * 100)
    with pytest.raises(InputError, match=r"notes\.txt: cannot be opened as a video \(it is a text file\)"):
        convert(tmp_path / "notes.txt", tmp_path / "out.mp4")


def test_clips_of_too_many_pixels_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "in.mov"), "w") as output:
        stream = output.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = 11000, 11000, "rgb24"
        packet = av.Packet(b"nothing that can be decoded")
        packet.stream, packet.pts, packet.dts = stream, 0, 0
        output.mux(packet)
    with pytest.raises(InputError, match=r"in\.mov is 11000×11000, more than the limit of 100000000 pixels; make the"):
        convert(tmp_path / "in.mov", tmp_path / "out.mp4")
