"""SIGTERM and SIGHUP end a clip and a live run as Ctrl-C does: what was written is kept, and plays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bgdl.cli.stop import Stop
from tests.conftest import Bgdl
from tests.live_runs import stand_in
from tests.video_clips import decoded, write_clip

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither signal")

SIGNALS = ("SIGTERM", "SIGHUP")


@pytest.fixture(autouse=True)
def _heard() -> Iterator[None]:
    """As at a terminal: under nohup, SIGHUP is ignored here and by what is started from here."""
    before = {name: signal.signal(getattr(signal, name), signal.SIG_DFL) for name in SIGNALS}
    yield
    for name, handler in before.items():
        signal.signal(getattr(signal, name), handler)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "in.mp4", frames=400)


def _command(clip: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "bgdl", "video", str(clip), "-m", "otsu", "-b", "red", "--batch", "1", *options]


def _at_frame(monkeypatch: pytest.MonkeyPatch, count: int, then: Callable[[], object]) -> None:
    from bgdl.matters.otsu import Otsu

    alpha, seen = Otsu.alpha, iter(range(1000))

    def counted(self: Otsu, frames: object) -> object:
        if next(seen) == count:
            then()
        return alpha(self, frames)  # type: ignore[arg-type]

    monkeypatch.setattr(Otsu, "alpha", counted)


@pytest.mark.parametrize("name", SIGNALS)
def test_a_clip_is_left_playable(
    bgdl: Bgdl, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    number = getattr(signal, name)
    _at_frame(monkeypatch, 20, lambda: os.kill(os.getpid(), number))
    done = bgdl("video", clip, "-m", "otsu", "-b", "red", "--batch", "1", "-o", tmp_path / "out.mp4")
    assert done.status == 128 + number
    assert "frames; they are playable in" in done.err
    assert len(decoded(tmp_path / "out.mp4.part")[0]) > 10
    assert signal.getsignal(number) == signal.SIG_DFL


@pytest.mark.parametrize("name", SIGNALS)
def test_a_live_recording_is_kept(bgdl: Bgdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    stand_in(monkeypatch)
    _at_frame(monkeypatch, 20, lambda: os.kill(os.getpid(), getattr(signal, name)))
    done = bgdl("live", "--no-window", "-m", "otsu", "-b", "red", "--record", tmp_path / "out.mp4")
    assert done.status == 0
    assert "stopped" in done.err
    assert len(decoded(tmp_path / "out.mp4")[0]) >= 20


def test_a_background_job_that_ignores_ctrl_c_hears_it_too(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    with subprocess.Popen(
        _command(clip, "-o", str(target), "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    ) as run:  # fmt: skip
        assert run.stdout and run.stderr
        run.stdout.readline()  # the first frame
        run.send_signal(signal.SIGINT)
        run.stdout.readline()
        run.terminate()
        _, err = run.communicate(timeout=60)
    assert run.returncode == 128 + signal.SIGTERM
    assert "frames; they are playable in" in err
    assert decoded(target.with_name("out.mp4.part"))[0]


def test_a_terminal_that_closes_leaves_the_file(clip: Path, tmp_path: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    part = tmp_path / "out.mp4.part"
    run = subprocess.Popen(
        _command(clip, "-o", str(tmp_path / "out.mp4"), "--json"), stdin=theirs, stdout=subprocess.PIPE, stderr=theirs,
        start_new_session=True, preexec_fn=lambda: _own_terminal(),
    )  # fmt: skip
    assert run.stdout
    run.stdout.readline()
    os.close(theirs)
    os.close(ours)
    run.communicate(timeout=60)
    assert run.returncode == 128 + signal.SIGHUP
    assert decoded(part)[0]


def _own_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_nohup_holds_and_the_first_signal_counts() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stop() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert stop.status == 130
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
        assert stop.status == 128 + signal.SIGTERM
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    with Stop() as stop:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGHUP)


def test_in_another_thread_nothing_is_heard() -> None:
    def work() -> None:
        with Stop():
            assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
