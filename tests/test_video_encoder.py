"""Encoders of clips: which one is taken, what it is told, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

import bgdl
from bgdl.errors import InputError
from bgdl.media import encoder, formats
from bgdl.media.encoder import encoder_options, pick_encoder, why_not
from bgdl.pipeline.video import check
from bgdl.pipeline.video_job import VideoJob
from tests.video_clips import BrightSubject, decoded, write_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "in.mp4", frames=6, rate=25)


def convert(source: Path, target: Path, **options: object) -> object:
    options = {"model": BrightSubject(), "edge": "none", "smooth": "off", **options}
    return bgdl.convert_video(source, target, **options)  # type: ignore[arg-type]


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


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
@pytest.mark.parametrize("frames", [1, 2])
def test_h265_of_a_frame_or_two(tmp_path: Path, name: str, frames: int) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=frames, size_hw=(180, 320))
    for attempt in range(5):
        convert(source, tmp_path / f"{attempt}{name}", format="h265", background="red")
        assert len(decoded(tmp_path / f"{attempt}{name}")[0]) == frames
