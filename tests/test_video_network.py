"""URLs whose connection breaks or stalls: an error with a sentence, and Ctrl-C is heard."""

from __future__ import annotations

import _thread
import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from torch import Tensor

from bgdl.errors import InputError
from bgdl.media import camera, opening
from bgdl.pipeline.live import Live
from bgdl.pipeline.live_job import LiveJob
from tests.local_server import serving
from tests.video_clips import BrightSubject, convert, write_clip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Serves tmp_path/in.mkv: `/whole` as it is, `/once` so the first time; else half.

    `/chunked` and `/open` are whole and do not tell their length: they end with a last chunk or with the connection.
    """
    source = write_clip(tmp_path / "in.mkv", frames=60, size_hw=(120, 160), rate=25, audio="aac")
    released, asked = threading.Event(), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = source.read_bytes()
            if self.path == "/chunked":
                self.protocol_version = "HTTP/1.1"
            self.send_response(200)
            if self.path == "/chunked":
                self.send_header("Transfer-Encoding", "chunked")
                data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)
            elif self.path != "/open":
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            asked.append(self.path)
            whole = self.path in ("/whole", "/chunked", "/open") or (self.path == "/once" and len(asked) == 1)
            self.wfile.write(data if whole else data[: len(data) // 2])
            if self.path == "/stalled":
                self.wfile.flush()
                released.wait(30)

    with serving(Handler) as address:
        yield address
        released.set()
    for thread in threading.enumerate():  # those that were left behind end with their connection
        if thread.name.startswith("bgdl-"):
            thread.join(5)


def test_a_url_is_read_to_its_end(server: str, tmp_path: Path) -> None:
    report = convert(f"{server}/whole", tmp_path / "out.mkv")
    assert (report.frames, report.notes) == (60, ())


@pytest.mark.parametrize("path", ["chunked", "open"])
def test_a_response_may_end_without_having_told_its_length(server: str, tmp_path: Path, path: str) -> None:
    report = convert(f"{server}/{path}", tmp_path / "out.mkv")
    assert (report.frames, report.notes) == (60, ())


def test_a_server_without_ranges_can_be_read_from_the_middle(server: str, tmp_path: Path) -> None:
    assert convert(f"{server}/whole", tmp_path / "out.mkv", start=1.2).frames == 30


@pytest.mark.parametrize("path", ["broken", "once"], ids=["picture", "sound"])
def test_a_broken_connection_is_an_error(server: str, tmp_path: Path, path: str) -> None:
    with pytest.raises(InputError, match="the connection broke"):
        convert(f"{server}/{path}", tmp_path / "out.mkv")
    assert not list(tmp_path.glob("out*"))


def test_a_stalled_connection_is_an_error(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_READ_S", 1.0)
    with pytest.raises(InputError, match=r"the connection broke \(no data for 1 s\)"):
        convert(f"{server}/stalled", tmp_path / "out.mkv")


def test_ctrl_c_is_heard_while_a_connection_stalls(server: str, tmp_path: Path) -> None:
    class Pressed(BrightSubject):
        """Ctrl-C a moment after the first frame, when those that came are done."""

        def alpha(self, frames: Tensor) -> Tensor:
            if not self.seen:
                threading.Timer(0.3, _thread.interrupt_main).start()
            return super().alpha(frames)

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt, match="playable"):
        convert(f"{server}/stalled", tmp_path / "out.mkv", sound="none", model=Pressed())
    assert time.monotonic() - began < 8


def test_live_ends_in_time_while_a_connection_stalls(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera, "_PATIENCE_S", 0.2)
    job = LiveJob(source=f"{server}/stalled", window=False, record=tmp_path / "out.mkv", smooth="off", seconds=1)
    began = time.monotonic()
    assert Live(job, BrightSubject()).run().frames
    assert time.monotonic() - began < 5
    assert (tmp_path / "out.mkv").exists()


def test_waiting_for_an_opening_can_be_interrupted() -> None:
    opened = threading.Event()
    threading.Timer(0.3, _thread.interrupt_main).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        opening.interruptible(lambda: opened.wait(20))
    opened.set()
    assert time.monotonic() - began < 5
