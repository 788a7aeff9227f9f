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
from bgdl.media import encoder, formats
from bgdl.media.bleed import fill_hidden
from bgdl.media.encoder import encoder_options, pick_encoder, why_not
from bgdl.pipeline.video import check
from bgdl.pipeline.video_job import VideoJob
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


def test_quality_and_speed_reach_the_encoder(tmp_path: Path, clip: Path) -> None:
    for crf in (5, 45):
        convert(clip, tmp_path / f"{crf}.mp4", background="red", crf=crf, preset="ultrafast")
    assert (tmp_path / "5.mp4").stat().st_size > (tmp_path / "45.mp4").stat().st_size
    with pytest.raises(InputError, match="are for h264, h265 and vp9, not for ffv1"):
        convert(clip, tmp_path / "a.mkv", crf=20)
    assert encoder_options(formats.FORMATS["h264"], "h264_nvenc", 20, None)["cq"] == "20"


@pytest.mark.parametrize(
    ("name", "format", "crf", "said"),
    [
        ("out.mp4", "h265", 60, r"^crf is 60; h265 takes 0 to 51 \(default 22\)$"),
        ("out.mp4", "h264", 52, r"^crf is 52; h264 takes 0 to 51 \(default 18\)$"),
        ("out.webm", "vp9", 64, r"^crf is 64; vp9 takes 0 to 63 \(default 24\)$"),
        ("out.mp4", "h264", -1, r"^crf is -1; h264 takes"),
    ],
)
def test_crf_has_an_end(tmp_path: Path, clip: Path, name: str, format: str, crf: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        convert(clip, tmp_path / name, background="red", format=format, crf=crf)
    convert(clip, tmp_path / "ok.mp4", background="red", format="h265", crf=51)


def test_what_an_encoder_refuses_is_a_sentence(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", frames=3, size_hw=(1, 1), codec="ffv1", pix_fmt="bgr0")
    matter = BrightSubject()
    with pytest.raises(InputError, match=r"libx265 does not encode pictures of 2×2 px with these options .*; use"):
        convert(clip, tmp_path / "out.mp4", model=matter, background="red", format="h265")
    assert matter.seen == 0
    assert list(tmp_path.glob("out*")) == []
    convert(clip, tmp_path / "out.mp4", background="red")


@pytest.mark.parametrize(("width", "said"), [(48, b" no-cutree "), (62, b" no-cutree "), (64, b" cutree ")])
def test_h265_of_narrow_pictures_does_without_what_ends_the_process(tmp_path: Path, width: int, said: bytes) -> None:
    clip = write_clip(tmp_path / "in.mkv", frames=3, size_hw=(48, width), codec="ffv1", pix_fmt="bgr0")
    convert(clip, tmp_path / "out.mp4", background="red", format="h265")
    assert said in (tmp_path / "out.mp4").read_bytes()  # x265 tells its options there


def test_encoders() -> None:
    h264 = formats.FORMATS["h264"]
    assert pick_encoder(h264) == "libx264"
    with pytest.raises(InputError, match="encoder 'libvpx' does not write h264; use libx264 or h264_nvenc"):
        pick_encoder(h264, "libvpx")
    if why_not("h264_nvenc"):
        assert pick_encoder(h264, cuda=True) == "libx264"
        with pytest.raises(InputError, match="h264_nvenc cannot be used here"):
            pick_encoder(h264, "h264_nvenc")


class Nvenc:
    """NVIDIA's H.264 encoder, which opens for sides of 145 to 4096 px."""

    width, height, pix_fmt, time_base = 0, 0, "", None

    def open(self) -> None:
        if not (min(self.width, self.height) >= 145 and max(self.width, self.height) <= 4096):
            raise av.error.ExternalError(1, "Generic error in an external library")


@pytest.mark.parametrize(
    ("size_hw", "expected"),
    [((1080, 1920), "h264_nvenc"), ((2880, 5120), "libx264"), ((144, 256), "libx264"), ((145, 255), "h264_nvenc")],
)
def test_hardware_encodes_what_it_opens_for(
    monkeypatch: pytest.MonkeyPatch, size_hw: tuple[int, int], expected: str
) -> None:
    monkeypatch.setattr(av.CodecContext, "create", lambda *_: Nvenc())
    assert pick_encoder(formats.FORMATS["h264"], cuda=True, size_hw=size_hw) == expected
    if expected == "libx264":
        with pytest.raises(InputError, match=r"no NVIDIA encoder or driver for \d+×\d+ px: .*; use encoder libx264"):
            pick_encoder(formats.FORMATS["h264"], "h264_nvenc", size_hw=size_hw)


def test_software_that_is_named_by_its_preset_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "why_not", lambda *_: None)
    h264 = formats.FORMATS["h264"]
    assert pick_encoder(h264, cuda=True, preset="veryfast") == "libx264"
    assert pick_encoder(h264, cuda=True, preset="p4") == pick_encoder(h264, cuda=True) == "h264_nvenc"
    with pytest.raises(InputError, match=r"preset 'veryfast' is unknown to h264_nvenc; use p1, .*p7"):
        encoder.encoder_options(h264, "h264_nvenc", None, "veryfast")


def test_hardware_without_loss_is_told_so_in_its_own_way() -> None:
    options = encoder.encoder_options(formats.FORMATS["h264"], "h264_nvenc", 0, None)
    assert (options["rc"], options["qp"]) == ("constqp", "0") and "cq" not in options
    assert encoder.encoder_options(formats.FORMATS["h264"], "h264_nvenc", 20, "p7")["cq"] == "20"


def test_presets_of_hardware_are_not_refused_where_it_may_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "why_not", lambda *_: None)
    check(VideoJob("in.mp4", Path("out.mp4"), background="red", preset="p4"))


def test_the_encoder_is_chosen_by_the_size_of_the_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bgdl.pipeline import video_run

    asked = []
    monkeypatch.setattr(video_run, "pick_encoder", lambda *_, size_hw, **__: asked.append(size_hw) or "libx264")
    convert(write_clip(tmp_path / "in.mkv", frames=2, size_hw=(46, 62)), tmp_path / "out.mp4", background="red")
    assert asked == [(46, 62)]


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


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
@pytest.mark.parametrize("frames", [1, 2])
def test_h265_of_a_frame_or_two(tmp_path: Path, name: str, frames: int) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=frames, size_hw=(180, 320))
    for attempt in range(5):
        convert(source, tmp_path / f"{attempt}{name}", format="h265", background="red")
        assert len(decoded(tmp_path / f"{attempt}{name}")[0]) == frames
