"""Pixels that are not square: what players show of the picture and of its background, in every format."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from bgdl.pipeline.live import Live
from bgdl.pipeline.live_job import LiveJob
from tests.video_clips import BrightSubject, convert, decoded, disc, write_clip

WIDE = Fraction(2)


def oblong(index: int, size_hw: tuple[int, int]) -> np.ndarray:
    """A round bright disc of 40 px, as shown with pixels twice as wide as high."""
    rows, columns = np.mgrid[: size_hw[0], : size_hw[1]]
    inside = (rows - size_hw[0] / 2 + 0.5) ** 2 + (2 * (columns - size_hw[1] / 2 + 0.5)) ** 2 < 20**2
    return np.where(inside[..., None], 230, 20).repeat(3, -1).astype(np.uint8)


def wide_clip(path: Path, pixel_aspect: Fraction = WIDE, picture=oblong, **options: object) -> Path:
    def set_up(stream: object) -> None:
        stream.codec_context.sample_aspect_ratio = pixel_aspect  # type: ignore[attr-defined]

    return write_clip(path, frames=3, size_hw=(96, 64), set_up=set_up, picture=picture, **options)  # type: ignore[arg-type]


def shown_ratio(path: Path, bright: bool = True) -> float:
    """Width over height of the bright (dark) part of the first frame, as a player shows it."""
    with av.open(str(path / "000001.png" if path.is_dir() else path)) as clip:
        stream = clip.streams.video[0]
        frame = next(clip.decode(stream))
        aspect = stream.sample_aspect_ratio or Fraction(1)
        grey = frame.to_ndarray(format="gray")
    rows, columns = np.nonzero((grey > 128) == bright)
    return float((np.ptp(columns) + 1) * aspect / (np.ptp(rows) + 1))


class Nobody(BrightSubject):
    def alpha(self, frames: Tensor) -> Tensor:
        return torch.zeros(*frames.shape[:3], 1)


TARGETS = [
    ("out.mp4", "auto", 64), ("out.mp4", "h265", 64), ("out.mov", "prores", 64), ("out.mov", "qtrle", 64),
    ("out.mkv", "auto", 64), ("out.mkv", "h265", 64), ("frames", "auto", 64), ("out.mkv", "ffv1", 128),
    ("out.mkv", "vp9", 128), ("out.mkv", "prores", 128), ("out.webm", "auto", 128), ("out.gif", "auto", 128),
    ("out.apng", "auto", 128),
]  # fmt: skip


@pytest.mark.parametrize(("target", "name", "width"), TARGETS)
def test_a_round_subject_stays_round(tmp_path: Path, target: str, name: str, width: int) -> None:
    clip, options = wide_clip(tmp_path / "in.mp4"), {"background": "transparent", "only_matte": True}
    report = convert(clip, tmp_path / target, format=name, **options)
    assert abs(shown_ratio(tmp_path / target) - 1) < 0.08
    assert report.size_hw == (96, width)
    said = f"{target} supports square pixels only: the picture is scaled to 128×96 px"
    assert report.notes == ((said,) if width == 128 else ())


def test_narrow_pixels_make_the_picture_higher(tmp_path: Path) -> None:
    source = wide_clip(tmp_path / "in.mp4", Fraction(8, 9))
    assert convert(source, tmp_path / "out.webm").size_hw == (108, 64)
    assert convert(source, tmp_path / "out.mp4").size_hw == (96, 64)


def test_a_cutout_gets_no_dark_edge_and_no_hidden_colour(tmp_path: Path) -> None:
    report = convert(wide_clip(tmp_path / "in.mp4"), tmp_path / "out.mkv", background="transparent")
    picture = decoded(tmp_path / "out.mkv", "rgba")[1][0]
    assert report.size_hw == picture.shape[:2] == (96, 128)
    assert picture[picture[..., 3] == 0].max() == 0
    assert picture[picture[..., 3] > 0][:, :3].min() > 95  # the subject's own edge begins at 100
    assert abs(shown_ratio(tmp_path / "out.mkv") - 1) < 0.08


def test_the_crop_of_oblong_pixels_cuts_what_it_found(tmp_path: Path) -> None:
    source = wide_clip(tmp_path / "in.mp4")
    assert convert(source, tmp_path / "out.mp4", crop="0").size_hw == (40, 20)
    assert convert(source, tmp_path / "out.webm", crop="0").size_hw == (40, 40)
    assert abs(shown_ratio(tmp_path / "out.webm") - 1) < 0.08


@pytest.mark.parametrize("absurd", [Fraction(1000), Fraction(1, 1000)])
def test_an_absurd_aspect_is_left_alone(tmp_path: Path, absurd: Fraction) -> None:
    assert convert(wide_clip(tmp_path / "in.mp4", absurd), tmp_path / "out.webm").size_hw == (96, 64)


def test_an_absurd_aspect_does_not_blow_a_background_up(tmp_path: Path) -> None:
    Image.fromarray(oblong(0, (96, 64))).save(tmp_path / "bg.png")
    source = wide_clip(tmp_path / "in.mp4", Fraction(60000))
    assert convert(source, tmp_path / "out.mp4", background=str(tmp_path / "bg.png")).size_hw == (96, 64)


@pytest.mark.parametrize("fit", ["cover", "contain"])
@pytest.mark.parametrize("kind", ["picture", "clip", "oblong clip"])
@pytest.mark.parametrize("target", ["out.mp4", "out.webm"])
def test_a_round_thing_in_the_background_stays_round(tmp_path: Path, target: str, kind: str, fit: str) -> None:
    square = oblong(0, (96, 64)).repeat(2, 1)
    background = tmp_path / {"picture": "bg.png"}.get(kind, "bg.mp4")
    if kind == "picture":
        Image.fromarray(square).save(background)
    elif kind == "clip":
        write_clip(background, frames=3, size_hw=(96, 128), picture=lambda *_: square)
    else:
        wide_clip(background)
    source = wide_clip(tmp_path / "in.mp4", Fraction(3, 2), picture=disc)
    convert(source, tmp_path / target, model=Nobody(), background=str(background), fit=fit)
    assert abs(shown_ratio(tmp_path / target) - 1) < 0.08


def test_live_shows_records_and_sends_square_pixels(tmp_path: Path) -> None:
    job = LiveJob(str(wide_clip(tmp_path / "in.mp4")), ("blur",), window=False, record=tmp_path / "out.mkv")
    assert Live(job, BrightSubject()).run().frames >= 1
    assert decoded(tmp_path / "out.mkv")[1][0].shape == (96, 128, 3)
    assert shown_ratio(tmp_path / "out.mkv") == pytest.approx(1, abs=0.1)
