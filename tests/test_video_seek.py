"""`--start` is exact to the frame in every container, wherever a seek lands."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from bgdl.errors import InputError
from bgdl.media.reader import VideoReader
from tests.video_clips import Picture, convert, decoded, write_clip

FRAMES = 30
H264 = "keyint=8:min-keyint=8:scenecut=0:bframes=3:b-adapt=0"
CLIPS = {
    "closed.mp4": ("libx264", {"x264-params": H264}),
    "open.mp4": ("libx264", {"x264-params": f"{H264}:open-gop=1"}),
    "h265.mp4": ("libx265", {"x265-params": "keyint=8:min-keyint=8:bframes=3:log-level=error"}),
    "h264.ts": ("libx264", {"x264-params": H264}),
    "h264.flv": ("libx264", {"x264-params": "keyint=8:bframes=3:b-adapt=0"}),
    "mpeg2.mpg": ("mpeg2video", {"g": "8", "bf": "2"}),
    "mpeg2.m2v": ("mpeg2video", {"g": "8", "bf": "2"}),
    "raw.h264": ("libx264", {"x264-params": H264}),
}


def shade(index: int, size_hw: tuple[int, int]) -> Picture:
    """Grain, so that no packet is tiny (MPEG program streams give those no timestamp), brighter in each frame."""
    grain = np.random.default_rng(index).integers(0, 20, (*size_hw, 3))
    return (20 + 7 * index + grain).astype(np.uint8)


def read(path: Path, start_s: Fraction | None = None) -> list[tuple[Fraction, float]]:
    """Time since the clip's first timestamp, and mean level, of every frame."""
    with VideoReader(path, start_s=start_s) as reader:
        return [
            (batch.pts[0] * batch.time_base - reader.origin_s, batch.data.float().mean().item())
            for batch in reader.batches(1)
        ]


@pytest.mark.parametrize("name", CLIPS)
def test_every_frame_can_be_the_first(tmp_path: Path, name: str) -> None:
    codec, options = CLIPS[name]
    clip = write_clip(tmp_path / name, frames=FRAMES, rate=25, codec=codec, options=options, picture=shade)
    whole = read(clip)
    assert len(whole) == FRAMES
    for first in range(1, FRAMES):
        part = read(clip, whole[first][0])
        assert [time_s for time_s, _ in part] == [time_s for time_s, _ in whole[first:]]
        assert max(abs(a[1] - b[1]) for a, b in zip(part, whole[first:], strict=True)) < 2


def test_messages_that_go_to_python_hang_nothing(tmp_path: Path) -> None:
    """Seeks into open groups of pictures give messages, in threads of the decoder that is closed meanwhile."""
    codec, options = CLIPS["open.mp4"]
    clip = write_clip(tmp_path / "open.mp4", frames=FRAMES, rate=25, codec=codec, options=options, picture=shade)
    code = (
        "import av, sys\nfrom fractions import Fraction\nfrom bgdl.media.reader import VideoReader\n"
        "av.logging.set_level(av.logging.ERROR)\n"
        f"for number in range(3 * {FRAMES}):\n"
        f"    VideoReader(sys.argv[1], start_s=Fraction(number % {FRAMES}, 25)).close()"
    )
    subprocess.run([sys.executable, "-c", code, str(clip)], check=True, timeout=60, capture_output=True)


def test_a_part_behind_the_last_key_frame_is_found(tmp_path: Path) -> None:
    options = {"x264-params": H264}
    clip = write_clip(tmp_path / "in.ts", frames=FRAMES, rate=25, options=options, picture=shade)
    report = convert(clip, tmp_path / "out.mkv", start="1.08", background="transparent")
    assert report.frames == len(decoded(tmp_path / "out.mkv")[0]) == 3


def test_a_start_behind_the_end_is_a_sentence(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.ts", frames=FRAMES, rate=25)
    with pytest.raises(InputError, match="no frame between start and end"):
        VideoReader(clip, start_s=Fraction(9))
