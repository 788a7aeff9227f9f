"""What of the live sources plays at its own pace, and what as it comes."""

from __future__ import annotations

import http.server
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import pytest
import torch

from bgdl.media import camera, reader
from bgdl.media.camera import Camera
from bgdl.media.reader import VideoReader
from tests.live_runs import Device, own_clock
from tests.local_server import serving
from tests.video_clips import write_clip

RATE, LONG_S = 4, 10
"""Of the slow clip; read without a pause it is over in a moment."""


@pytest.fixture(scope="module")
def slow_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("slow") / "in.mkv", frames=RATE * LONG_S, rate=RATE)


@pytest.fixture
def server(slow_clip: Path, tmp_path: Path) -> Iterator[str]:
    """Serves the slow clip: `/clip` as a file, `/stream` in chunks and without a length, as live streams come."""
    stream = write_clip(tmp_path / "stream.ts", frames=RATE * LONG_S, rate=RATE)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            data = (slow_clip if self.path == "/clip" else stream).read_bytes()
            self.send_response(200)
            if self.path == "/clip":
                self.send_header("Content-Length", str(len(data)))
            else:
                self.send_header("Transfer-Encoding", "chunked")
                data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)
            self.end_headers()
            self.wfile.write(data)

    with serving(Handler) as address:
        yield address


@pytest.fixture
def segments(tmp_path: Path) -> Iterator[str]:
    """The address of a live stream in three segments of three seconds, which go on as far as one knows."""
    whole = write_clip(tmp_path / "whole.mkv", frames=9 * RATE, rate=RATE, options={"g": str(3 * RATE)})
    hls = {"hls_time": "3", "hls_list_size": "0", "hls_flags": "omit_endlist"}
    with av.open(str(whole)) as clip, av.open(str(tmp_path / "live.m3u8"), "w", options=hls) as output:
        stream = output.add_stream_from_template(clip.streams.video[0])
        for packet in clip.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    with serving(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path)) as address:
        yield f"{address}/live.m3u8"


def lasts_s(source: str) -> float:
    """How long a source is played."""
    began = time.monotonic()
    with Camera(source) as played:
        while played.newest() is not None:
            pass
    return time.monotonic() - began


def second_frame_after_s(source: str) -> float:
    """How long after a source's first frame its second one comes."""
    with Camera(source) as played:
        first, second = played.newest(), played.newest()
    assert first is not None and second is not None
    return second.taken_s - first.taken_s


def test_what_tells_how_long_it_lasts_plays_at_its_own_pace(slow_clip: Path, server: str) -> None:
    for source in (str(slow_clip), f"file:{slow_clip}", f"{server}/clip"):
        assert second_frame_after_s(source) > 0.4 / RATE


def test_a_file_that_does_not_tell_how_long_it_lasts_plays_at_its_own_pace(tmp_path: Path) -> None:
    raw = write_clip(tmp_path / "in.h264", frames=11)  # read as 25 frames a second
    for source in (str(raw), f"file:{raw}"):
        assert lasts_s(source) >= 0.4


def test_a_stream_is_not_held_back(server: str) -> None:
    assert lasts_s(f"{server}/stream") < LONG_S / 2


def test_a_live_stream_in_segments_plays_at_its_own_pace(segments: str) -> None:
    assert second_frame_after_s(segments) > 0.4 / RATE


def coming_s(
    monkeypatch: pytest.MonkeyPatch, moments: list[tuple[float, float]], *, segments: bool, lasts_s: float | None = None
) -> list[float]:
    """When a stream's frames come; moments: their timestamps, and how long the network lets each be waited for."""
    now = own_clock(monkeypatch)
    monkeypatch.setattr(camera, "_open_camera", lambda *_: Device())
    picture = torch.zeros(1, 2, 2, 3, dtype=torch.uint8)

    def batches(_: int) -> Iterator[SimpleNamespace]:
        for stamp_s, network_s in moments:
            now[0] += network_s
            yield SimpleNamespace(data=picture, pts=(stamp_s,), time_base=1)

    info = SimpleNamespace(segments=segments, duration_s=lasts_s, pixel_aspect=None)
    played: Any = SimpleNamespace(info=info, first_s=moments[0][0], batches=batches)
    return [pytest.approx(now[0]) for _ in Camera("0")._played(played)]


LATE = [(0, 0), (0.1, 0), (0.2, 1.0), (0.3, 0), (0.4, 0)]


def test_segments_that_were_late_are_not_hurried_through(monkeypatch: pytest.MonkeyPatch) -> None:
    assert coming_s(monkeypatch, LATE, segments=True) == [0, 0.1, 1.1, 1.2, 1.3]
    assert coming_s(monkeypatch, LATE, segments=False) == [0, 0, 1.0, 1.0, 1.0]


def test_segments_that_are_left_out_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    jump = [(0, 0), (0.1, 0), (60, 0), (60.1, 0)]
    assert coming_s(monkeypatch, jump, segments=True) == [0, 0.1, 0.1, 0.2]
    few = [(0, 0), (1.75, 0), (4, 0)]
    assert coming_s(monkeypatch, few, segments=True) == [0, 1.75, 1.75]


def test_what_does_not_begin_at_zero_begins_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert coming_s(monkeypatch, [(100, 0), (100.5, 0)], segments=False, lasts_s=1.0) == [0, 0.5]


@pytest.mark.parametrize(("name", "segments"), [("hls", True), ("dash", True), ("matroska", False)])
def test_streams_in_segments_are_known_by_their_format(
    slow_clip: Path, monkeypatch: pytest.MonkeyPatch, name: str, segments: bool
) -> None:
    """By name alone: not every FFmpeg reads DASH."""

    class Container:
        format = SimpleNamespace(name=name)

        def __init__(self, container: Any) -> None:
            self.container = container

        def __getattr__(self, wanted: str) -> Any:
            return getattr(self.container, wanted)

    class Named(reader.Decoder):
        def __init__(self, source: str) -> None:
            super().__init__(source)
            self.container: Any = Container(self.container)

    monkeypatch.setattr(reader, "Decoder", Named)
    with VideoReader(slow_clip) as clip:
        assert clip.info.segments == segments
