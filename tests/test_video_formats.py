"""Every output format: transparency survives a decode, mattes and sidecars, refusals, encoders' options."""

from __future__ import annotations

import re
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import bgdl
from bgdl.errors import InputError
from bgdl.media import formats
from bgdl.media.bleed import fill_hidden
from tests.video_clips import BrightSubject, decoded, disc, write_clip


class Slope(BrightSubject):
    """Alpha that grows from left to right: every level is there."""

    def alpha(self, frames: Tensor) -> Tensor:
        count, height, width, _ = frames.shape
        return torch.linspace(0, 1, width).view(1, 1, width, 1).expand(count, height, width, 1)


SLOPE = np.rint(np.linspace(0, 255, 64)).astype(int)[None].repeat(48, 0)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "in.mp4", frames=6, rate=25)


def convert(source: Path, target: Path, **options: object) -> object:
    options = {"model": Slope(), "edge": "none", "smooth": "off", **options}
    return bgdl.convert_video(source, target, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "format", "codec", "decoder", "tolerance"),
    [
        ("out.webm", "auto", "vp9", "libvpx-vp9", 12),
        ("out.mov", "auto", "prores", None, 1),
        ("out.mov", "qtrle", "qtrle", None, 0),
        ("out.mkv", "auto", "ffv1", None, 0),
        ("out.apng", "auto", "apng", None, 0),
    ],
)
def test_alpha_survives_a_decode(
    tmp_path: Path, clip: Path, name: str, format: str, codec: str, decoder: str | None, tolerance: int
) -> None:
    convert(clip, tmp_path / name, format=format)
    with av.open(str(tmp_path / name)) as written:
        assert written.streams.video[0].codec_context.name == codec
    times, pictures = decoded(tmp_path / name, "rgba", decoder)
    assert [round(float(time) * 1000) for time in times] == [0, 40, 80, 120, 160, 200]
    for picture in pictures:
        assert np.abs(picture[..., 3].astype(int) - SLOPE).max() <= tolerance


def test_lossless_formats_keep_every_byte(tmp_path: Path, clip: Path) -> None:
    convert(clip, tmp_path / "a.mkv")
    convert(clip, tmp_path / "b.mov", format="qtrle")
    convert(clip, tmp_path / "c")
    one, two = decoded(tmp_path / "a.mkv", "rgba")[1], decoded(tmp_path / "b.mov", "rgba")[1]
    files = sorted((tmp_path / "c").iterdir())
    assert [file.name for file in files] == [f"{number:06d}.png" for number in range(1, 7)]
    for a, b, file in zip(one, two, files, strict=True):
        assert (a == b).all()
        assert (a == np.array(Image.open(file))).all()


def test_animated_webp_and_gif(tmp_path: Path, clip: Path) -> None:
    convert(clip, tmp_path / "out.webp")
    convert(clip, tmp_path / "out.gif")
    with Image.open(tmp_path / "out.webp") as webp:
        assert webp.n_frames == 6  # type: ignore[attr-defined]
        assert webp.info["loop"] == 0
        webp.seek(3)
        assert np.abs(np.array(webp.convert("RGBA"))[..., 3].astype(int) - SLOPE).max() <= 1
    with Image.open(tmp_path / "out.gif") as gif:
        assert gif.n_frames == 6  # type: ignore[attr-defined]
        gif.seek(3)
        hard = np.array(gif.convert("RGBA"))[..., 3]
        assert (hard[:, :28] == 0).all()
        assert (hard[:, 36:] == 255).all()
        assert gif.info["duration"] == 40


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.webm", "out.mov", "out.gif"])
def test_only_matte_is_grey(tmp_path: Path, clip: Path, name: str) -> None:
    convert(clip, tmp_path / name, only_matte=True)
    picture = decoded(tmp_path / name)[1][2].astype(int)
    assert np.abs(picture - SLOPE[..., None]).max() <= 8
    assert np.ptp(picture, axis=-1).max() <= 2


def test_alpha_sidecar_writes_both_from_one_pass(tmp_path: Path, clip: Path) -> None:
    matter = BrightSubject()
    convert(clip, tmp_path / "out.mp4", model=matter, alpha_sidecar=True)
    colours, mattes = decoded(tmp_path / "out.mp4")[1], decoded(tmp_path / "out_alpha.mp4")[1]
    assert matter.seen == 6
    assert len(colours) == len(mattes) == 6
    subject = disc(2)[..., 0] > 100
    assert np.abs(colours[2][subject].astype(int).mean(0) - (230, 210, 190)).max() < 6
    assert mattes[2][subject].mean() > 245
    assert mattes[2][~subject].mean() < 8
    outside = colours[2][~subject].astype(int)
    assert outside.min() > 100  # no dark fringe under the matte: the subject's colours go on


def test_mp4_with_transparency_is_refused_with_three_ways_out(tmp_path: Path, clip: Path) -> None:
    with pytest.raises(InputError) as refusal:
        convert(clip, tmp_path / "out.mp4")
    for way in ("out.webm", "out.mov", "out.mkv", "give an opaque background", "an alpha sidecar"):
        assert way in str(refusal.value)
    assert list(tmp_path.glob("out*")) == []


@pytest.mark.parametrize(
    ("name", "format", "message"),
    [
        ("out.xyz", "auto", "cannot tell the format"),
        ("out.mp4", "vp9", r"vp9 does not go into a \.mp4 file; use \.webm, \.mkv"),
        ("out/frames", "ffv1", r"ffv1 does not go into a folder; use \.mkv"),
        ("out.mp4", "h266", "unknown format 'h266'"),
    ],
)
def test_formats_that_do_not_fit(name: str, format: formats.FormatName, message: str) -> None:
    with pytest.raises(InputError, match=message):
        formats.pick(Path(name), format, channels=3)


@pytest.mark.parametrize(
    ("name", "example"),
    [(".mp4", ".mp4"), (".MKV", ".MKV"), (".png", ".png"), ("sub/.webm", ".webm"), (".AVI", ".mp4"), (".jpg", ".mp4")],
)
def test_an_ending_alone_is_no_folder_unless_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, example: str
) -> None:
    monkeypatch.chdir(tmp_path)
    said = f"^'{re.escape(name)}' has no name before its ending; give one, for instance clip{example}$"
    with pytest.raises(InputError, match=said):
        formats.pick(Path(name), channels=3)
    Path(name).mkdir(parents=True)
    assert formats.pick(Path(name), channels=3).name == formats.pick(Path(".frames"), channels=3).name == "png"


def test_a_sequence_takes_a_pattern(tmp_path: Path, clip: Path) -> None:
    convert(clip, tmp_path / "seq" / "f_%03d.png", frames=2)
    assert sorted(file.name for file in (tmp_path / "seq").iterdir()) == ["f_001.png", "f_002.png"]
    with pytest.raises(InputError, match="a sequence needs a folder, or a pattern"):
        convert(clip, tmp_path / "one.png")


@pytest.mark.parametrize("name", ["out.mp4", "out.mov"])
def test_players_find_the_index_before_the_pictures(tmp_path: Path, clip: Path, name: str) -> None:
    """So that a browser can begin to play before it has the whole file."""
    convert(clip, tmp_path / name, background="white")
    written = (tmp_path / name).read_bytes()
    assert 0 < written.index(b"moov") < written.index(b"mdat")


def test_hidden_colours_take_the_subject_s_and_nothing_seen_changes() -> None:
    rgba = np.zeros((40, 60, 4), np.uint8)
    rgba[10:30, 20:40] = (200, 100, 50, 255)
    rgba[10:30, 19] = (200, 100, 50, 90)
    filled = fill_hidden(rgba)
    seen = rgba[..., 3] > 0
    assert (filled[seen] == rgba[seen]).all()
    assert (filled[..., 3] == rgba[..., 3]).all()
    assert np.abs(filled[~seen][:, :3].astype(int) - (200, 100, 50)).max() <= 2
    assert fill_hidden(rgba[10:30, 20:40]) is not None
    assert (fill_hidden(np.zeros_like(rgba)) == 0).all()


@pytest.mark.parametrize("name", ["out.webm", "out.mov"])
def test_no_dark_fringe_after_a_lossy_codec(tmp_path: Path, name: str) -> None:
    """A cutout's pixels at its edge keep the subject's colour, though black was hidden beside them."""
    clip = write_clip(tmp_path / "in.mkv", frames=3, rate=25, codec="ffv1", pix_fmt="bgr0")
    convert(clip, tmp_path / name, model=BrightSubject(), crf=30 if name == "out.webm" else None)
    picture = decoded(tmp_path / name, "rgba", "libvpx-vp9" if name == "out.webm" else None)[1][2]
    seen = picture[..., 3] > 200
    assert np.abs(picture[seen][:, :3].astype(int) - (230, 210, 190)).max() <= 12
