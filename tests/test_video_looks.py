"""Video backgrounds by time, one crop for a clip, priming, sound of the background."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import bgdl
from bgdl.errors import InputError
from bgdl.pipeline.backdrop import VideoBackground, is_clip
from bgdl.pipeline.prime import read_plate
from bgdl.pipeline.video_crop import Recorded
from bgdl.pipeline.video_job import VideoJob, parse_time
from tests.video_clips import BrightSubject, decoded, disc, greys, packets, write_clip


@pytest.fixture
def grey_clip(tmp_path: Path) -> Path:
    """Four frames a second, grey level 0, 10, 20, 30: one second."""
    return write_clip(
        tmp_path / "bg.mkv", frames=4, rate=4, codec="ffv1", pix_fmt="bgr0", picture=greys(10), size_hw=(24, 32)
    )


def levels(frames: Tensor) -> list[int]:
    return [int(frame.float().mean().round()) for frame in frames]


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("loop", [0, 0, 10, 20, 30, 30, 0, 10, 20]),
        ("freeze", [0, 0, 10, 20, 30, 30, 30, 30, 30]),
        ("stop", [0, 0, 10, 20, 30, 30]),
    ],
)
def test_a_video_background_goes_by_time(grey_clip: Path, end: str, expected: list[int]) -> None:
    times = [Fraction(text) for text in ("0", "0.1", "0.25", "0.6", "0.75", "0.99", "1.1", "1.3", "1.5")]
    background = VideoBackground(grey_clip, end=end)  # type: ignore[arg-type]
    frames = background.at(times, (48, 64))
    background.close()
    assert levels(frames) == expected
    assert frames.shape[1:] == (48, 64, 3)


def test_stop_ends_the_output_with_the_background(tmp_path: Path, grey_clip: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=50, rate=25, audio="aac")
    report = bgdl.convert_video(
        source, tmp_path / "out.mp4", model=BrightSubject(), background=str(grey_clip), background_end="stop",
        edge="none",
    )  # fmt: skip
    times, pictures = decoded(tmp_path / "out.mp4")
    assert report.frames == len(times) == 25
    assert abs(int(pictures[20][2, 60].mean()) - 30) <= 3
    assert len(packets(tmp_path / "out.mp4", "audio")) * 1024 / 48000 < 1.1


def test_sound_of_the_background_on_request(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=25, rate=25)
    background = write_clip(tmp_path / "bg.mp4", frames=50, rate=25, audio="aac")
    options = {"model": BrightSubject(), "background": str(background), "edge": "none"}
    bgdl.convert_video(source, tmp_path / "out.mp4", sound="background", **options)  # type: ignore[arg-type]
    sound = packets(tmp_path / "out.mp4", "audio")
    assert [data for _, data in sound] == [data for _, data in packets(background, "audio")][: len(sound)]
    assert 40 <= len(sound) <= 50  # one second of two
    bgdl.convert_video(source, tmp_path / "silent.mp4", sound="none", **options)  # type: ignore[arg-type]
    with pytest.raises(StopIteration):
        packets(tmp_path / "silent.mp4", "audio")


@pytest.mark.parametrize(("keep", "columns"), [("1", [20]), (2, [20, 44]), ("largest", [20]), ("9", [20, 44, 58])])
def test_keep_a_number_of_parts(tmp_path: Path, keep: str | int, columns: list[int]) -> None:
    def three(index: int, size_hw: tuple[int, int]) -> np.ndarray:
        picture = np.full((*size_hw, 3), 20, np.uint8)
        picture[8:40, 12:28] = picture[8:24, 40:48] = picture[8:16, 56:60] = 220
        return picture

    source = write_clip(tmp_path / "in.mkv", frames=2, codec="ffv1", pix_fmt="bgr0", picture=three)
    bgdl.convert_video(source, tmp_path / "out.mkv", model=BrightSubject(), keep=keep, smooth="off")
    alpha = decoded(tmp_path / "out.mkv", "rgba")[1][1][..., 3]
    assert [column for column in (20, 44, 58) if alpha[12, column] == 255] == columns


def test_crop_is_one_box_for_the_clip(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=10, codec="ffv1", pix_fmt="bgr0")
    matter = BrightSubject()
    bgdl.convert_video(source, tmp_path / "out.mkv", model=matter, crop="0", edge="none", smooth="off")
    assert matter.seen == 10  # the second pass plays the first one's mattes back
    masks = np.stack([disc(index)[..., 0] > 100 for index in range(10)]).any(0)
    rows, columns = masks.any(1).nonzero()[0], masks.any(0).nonzero()[0]
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    pictures = decoded(tmp_path / "out.mkv", "rgba")[1]
    for index, picture in enumerate(pictures):
        assert (picture[..., 3] == np.where(disc(index)[box][..., 0] > 100, 255, 0)).all()
    assert not list(tmp_path.glob("*.part"))


def test_crop_has_even_sides_where_the_format_asks(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=4)
    report = bgdl.convert_video(
        source, tmp_path / "out.mp4", model=BrightSubject(), background="red", crop="3", edge="none"
    )
    assert report.notes == ()
    assert all(side % 2 == 0 for side in report.size_hw)


def test_prime_teaches_the_empty_scene(tmp_path: Path) -> None:
    def scene(index: int, size_hw: tuple[int, int]) -> np.ndarray:
        return disc(index, size_hw) if index >= 10 else np.full((*size_hw, 3), (20, 40, 60), np.uint8)

    source = write_clip(tmp_path / "in.mkv", frames=20, rate=10, codec="ffv1", pix_fmt="bgr0", picture=scene)
    for number, text in enumerate(("1s", "10", str(source))):
        report = bgdl.convert_video(
            source, tmp_path / f"{number}.mkv", model="static_difference", prime=text, only_matte=True, format="ffv1",
            device="cpu", edge="none",
        )  # fmt: skip
        assert report.frames == 20
    mattes = decoded(tmp_path / "0.mkv", "gray")[1]
    subject = disc(15)[..., 0] > 100
    assert mattes[5].max() == 0
    assert mattes[15][subject].min() == 255
    assert mattes[15][~subject].max() == 0


def test_prime_says_what_it_takes(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=30, rate=25)
    assert len(read_plate("0.4s", source)) == 10
    assert len(read_plate("7", source)) == 7
    shutil.copy(source, Path("~/empty.mp4").expanduser())
    assert len(read_plate("~/empty.mp4", source)) == 30
    with pytest.raises(
        InputError, match=r"prime is 'soon', which is not seconds \(2s\), frames \(60\) or a file that exists"
    ):
        read_plate("soon", source)
    with pytest.raises(InputError, match="bright does not learn an empty scene"):
        bgdl.convert_video(source, tmp_path / "out.mkv", model=BrightSubject(), prime="2s")


def test_every_runs_the_matter_on_every_nth_frame(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=12, size_hw=(96, 128))
    matter = BrightSubject()
    bgdl.convert_video(
        source, tmp_path / "out.mkv", model=matter, every=3, only_matte=True, format="ffv1", smooth="off", edge="none"
    )
    assert matter.seen == 4
    mattes = decoded(tmp_path / "out.mkv")[1]
    for index in (3, 5, 8):
        truth = disc(index, (96, 128))[..., 0] > 100
        mask = mattes[index][..., 0] > 127
        assert (truth & mask).sum() / (truth | mask).sum() > 0.9
    with pytest.raises(InputError, match="needs every frame; leave every out"):
        bgdl.convert_video(source, tmp_path / "b.mkv", model="mog2", every=2, device="cpu")


TIMES = [
    ("12.5", "12.5"), (3, "3"), ("1:02.5", "62.5"), ("1:00:00", "3600"), (1e-5, "1/100000"), (Fraction(1, 3), "1/3"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "seconds"), TIMES)
def test_times(text: float | Fraction | str, seconds: str) -> None:
    assert parse_time(text) == Fraction(seconds)


def test_jobs_that_contradict_themselves() -> None:
    with pytest.raises(InputError, match="time 'soon' is neither seconds"):
        parse_time("soon")
    with pytest.raises(InputError, match="start 3 is not before end 2"):
        VideoJob("a.mp4", Path("b.mp4"), start=3, end=2)
    with pytest.raises(InputError, match="leave alpha_sidecar out"):
        VideoJob("a.mp4", Path("b.mp4"), only_matte=True, alpha_sidecar=True)
    for background in ("red", "beach.mp4"):
        with pytest.raises(InputError, match="only_matte writes the matte alone; leave background out"):
            VideoJob("a.mp4", Path("b.mp4"), only_matte=True, background=background)
    with pytest.raises(InputError, match="time '-1' is neither seconds"):
        parse_time(-1)
    with pytest.raises(InputError, match="every is 0; it must be a whole number, 1 or more"):
        VideoJob("a.mp4", Path("b.mp4"), every=0)
    with pytest.raises(InputError, match=r"frames is 2\.5; it must be a whole number, 1 or more"):
        VideoJob("a.mp4", Path("b.mp4"), frames=2.5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="fit is 'covr'; it must be one of cover, contain, stretch"):
        VideoJob("a.mp4", Path("b.mp4"), fit="covr")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="sound is 'src'; it must be one of source, background, none"):
        VideoJob("a.mp4", Path("b.mp4"), sound="src")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="smooth_strength is for smooth ema or flow, but smooth is off; leave one"):
        VideoJob("a.mp4", Path("b.mp4"), smooth="off", smooth_strength=0.5)
    with pytest.raises(InputError, match="every is 31; it must be 30 or less"):
        VideoJob("a.mp4", Path("b.mp4"), every=31)
    with pytest.raises(InputError, match=r"'both'.* not largest, all or a number"):
        VideoJob("a.mp4", Path("b.mp4"), keep="both")


def test_whole_numbers_of_numpy_are_some() -> None:
    assert VideoJob("a.mp4", Path("b.mp4"), frames=np.int64(5), batch=np.int32(4)).frames == 5  # type: ignore[arg-type]


def test_paths_do_for_names(grey_clip: Path, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), (0, 200, 0)).save(tmp_path / "behind.png")
    behind = tmp_path / "behind.png"
    report = bgdl.convert_video(grey_clip, tmp_path / "out.mkv", model=BrightSubject(), background=behind, prime=None)
    assert report.frames > 0


def test_what_counts_as_a_clip() -> None:
    assert is_clip("beach.MP4")
    assert not is_clip("beach.jpg")
    assert not is_clip("transparent")


def test_an_empty_look_at_nothing_is_no_crash(grey_clip: Path) -> None:
    background = VideoBackground(grey_clip, end="stop")
    assert background.at([Fraction(5)], (8, 8)).shape == (0, 8, 8, 3)
    assert torch.is_tensor(background.at([], (8, 8)))
    background.close()


def test_recorded_mattes_come_back_exactly(tmp_path: Path) -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    with av.open(str(tmp_path / "exact.mkv"), "w") as output:
        stream = output.add_stream("ffv1", rate=25, width=16, height=16, pix_fmt="gray")
        output.mux(stream.encode(av.VideoFrame.from_ndarray(levels, format="gray")))
        output.mux(stream.encode(None))
    recorded = Recorded(tmp_path / "exact.mkv", name="recorded", device=torch.device("cpu"))
    alpha = recorded.alpha(torch.zeros((1, 16, 16, 3), dtype=torch.uint8))
    recorded.close()
    assert (alpha[0, ..., 0] * 255).round().to(torch.uint8).tolist() == levels.tolist()
