"""`bgdl video` as a command: what it prints, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Bgdl
from tests.video_clips import decoded, packets, write_clip


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "in.mp4", frames=6, size_hw=(64, 96), audio="aac")


def test_a_clip_with_json(bgdl: Bgdl, clip: Path, tiny_weights: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    done = bgdl("video", clip, "-o", target, "-m", tiny_weights, "-b", "red", "--every", "2", "--keep", "2", "--json")
    assert done.status == 0, done.err
    *frames, run = map(json.loads, done.out.splitlines())
    assert [record["frame"] for record in frames] == list(range(6))
    assert run["run"]["frames"] == 6
    assert "6 frames in" in done.err.replace("\n", " ")
    assert decoded(target)[0] == decoded(clip)[0]
    assert packets(target, "audio") == packets(clip, "audio")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-b", "red", "--keep", "some"], "keep is 'some', not largest, all or a number of parts from 1"),
        ([], "holds no transparency; write out.webm (VP9)"),
        (["-b", "red", "--prime", "2s"], "does not learn an empty scene; leave prime out"),
        (["-b", "red", "--preset", "sideways"], "preset 'sideways' is unknown to libx264; use ultrafast, superfast"),
        (["-b", "red", "--start", "3", "--end", "2"], "start 3 is not before end 2"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    bgdl: Bgdl, clip: Path, tiny_weights: Path, tmp_path: Path, options: list[str], said: str
) -> None:
    done = bgdl("video", clip, "-o", tmp_path / "out.mp4", "-m", tiny_weights, *options)
    assert done.status != 0
    assert said in " ".join(done.err.split())
    assert not list(tmp_path.glob("out*"))


def test_a_pipe(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", frames=6, audio="aac")
    command = [sys.executable, "-m", "bgdl", "video", "-", "-m", "otsu", "-b", "red", "--threshold", "0.5", "--invert"]
    for options, status, said in (
        (["--sound", "none"], 0, "6 frames in"),
        ([], 1, "pipe:0 is a pipe, which can be read only once; save it to a file first, or use no sound"),
    ):
        words = [*command, "-o", str(tmp_path / f"out{status}.mkv"), *options]
        done = subprocess.run(words, input=clip.read_bytes(), capture_output=True, check=False)
        assert (done.returncode, said in done.stderr.decode()) == (status, True), done.stderr.decode()
    assert decoded(tmp_path / "out0.mkv")[0] == decoded(clip)[0]
