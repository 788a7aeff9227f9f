"""Playlists whose end is missing, as a live recording that was interrupted leaves them."""

from __future__ import annotations

import _thread
import threading
import time
from pathlib import Path

import pytest

from bgdl.errors import InputError
from bgdl.media import opening
from tests.video_clips import convert, write_clip


def endless(folder: Path, frames: int) -> Path:
    """A playlist of one segment that says of no segment that it is the last."""
    write_clip(folder / "live0.ts", frames=frames, rate=25)
    playlist = folder / "live.m3u8"
    playlist.write_text("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\nlive0.ts\n")
    return playlist


def wait_at_most(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_OPEN_S", seconds)
    monkeypatch.setattr(opening, "_READ_S", seconds)


def test_what_a_playlist_without_an_end_holds_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_at_most(0.2, monkeypatch)
    assert convert(endless(tmp_path, 12), tmp_path / "out.mp4").frames == 12


def test_a_playlist_that_does_not_open_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_at_most(0.2, monkeypatch)
    with pytest.raises(InputError, match=r"live\.m3u8: cannot be opened as a video \("):
        convert(endless(tmp_path, 1), tmp_path / "out.mp4")


def test_ctrl_c_is_heard_while_a_playlist_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_at_most(3, monkeypatch)
    playlist, began = endless(tmp_path, 1), time.monotonic()
    threading.Timer(0.2, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        convert(playlist, tmp_path / "out.mp4")
    assert time.monotonic() - began < 2
