"""The file that a run writes: its name, what is left after an error or Ctrl-C, two runs at once."""

from __future__ import annotations

import _thread
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import Tensor

from bgdl.errors import InputError
from bgdl.media.part import PartFile
from bgdl.media.tracks import Tracks
from bgdl.media.writer import VideoWriter
from tests.video_clips import BrightSubject, Interrupted, convert, decoded, noise, packets, room_for, write_clip


class Failing(BrightSubject):
    def alpha(self, frames: Tensor) -> Tensor:
        if self.seen > 6:
            raise RuntimeError("the network broke")
        return super().alpha(frames)


def test_a_failing_stage_ends_the_run_and_leaves_nothing(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=40)
    (tmp_path / "out").mkdir()
    with pytest.raises(RuntimeError, match="the network broke"):
        convert(source, tmp_path / "out" / "out.mp4", model=Failing())
    assert list((tmp_path / "out").iterdir()) == []


def test_ctrl_c_leaves_a_playable_part_and_says_so(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=400, audio="aac")
    with pytest.raises(KeyboardInterrupt, match=r"stopped after \d+ frames; they are playable in .*out\.mp4\.part"):
        convert(source, tmp_path / "out.mp4", model=Interrupted(), batch=2)
    times, _ = decoded(tmp_path / "out.mp4.part")
    assert 10 <= len(times) < 400
    assert times[-1] < 1
    assert not (tmp_path / "out.mp4").exists()
    assert len(packets(tmp_path / "out.mp4.part", "audio")) < 100  # sound ends with the picture


@pytest.mark.parametrize("target", ["out.mp4", "out.webm", "out.gif"])
@pytest.mark.parametrize("matter", [BrightSubject, Interrupted])
def test_ctrl_c_while_the_encoder_gives_what_it_held_back_loses_no_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, matter: type[BrightSubject], target: str
) -> None:
    flush = VideoWriter._flush

    def pressed(self: VideoWriter) -> None:
        _thread.interrupt_main()
        flush(self)

    monkeypatch.setattr(VideoWriter, "_flush", pressed)
    source = write_clip(tmp_path / "in.mp4", frames=40, rate=25)
    with pytest.raises(KeyboardInterrupt, match=r"stopped after \d+ frames; they are playable in .*\.part") as stop:
        convert(source, tmp_path / target, model=matter(), batch=2)
    (tmp_path / f"{target}.part").rename(tmp_path / f"part_{target}")
    assert f"after {len(decoded(tmp_path / f'part_{target}')[0])} frames" in str(stop.value)


def test_ctrl_c_at_each_step_of_the_end_leaves_a_playable_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Tracks, "finish", interrupted)
    source = write_clip(tmp_path / "in.mp4", frames=25, audio="aac")
    with pytest.raises(KeyboardInterrupt, match="stopped after 25 frames; they are playable"):
        convert(source, tmp_path / "out.mp4")
    assert len(decoded(tmp_path / "out.mp4.part")[0]) == 25


def test_what_exists_is_not_replaced_unasked(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=2)
    (tmp_path / "out.mp4").write_text("mine")
    with pytest.raises(InputError, match=r"exists; use overwrite"):
        convert(source, tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_text() == "mine"
    convert(source, tmp_path / "out.mp4", overwrite=True)
    assert len(decoded(tmp_path / "out.mp4")[0]) == 2


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_way_over_a_folder_to_be_made_leads_to_the_same_file(tmp_path: Path, overwrite: bool) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=2)
    before = source.read_bytes()
    with pytest.raises(InputError, match="is an input and would be replaced"):
        convert(source, tmp_path / "new" / ".." / "in.mp4", overwrite=overwrite)
    (tmp_path / "mine.mp4").write_text("mine")
    with pytest.raises(InputError, match=r"exists; use overwrite"):
        convert(source, tmp_path / "new" / ".." / "mine.mp4")
    assert source.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="there, a file that is open elsewhere cannot be deleted at all")
@pytest.mark.parametrize("name", ["out.mp4", "frames"])
def test_two_runs_to_the_same_file_do_not_meet(tmp_path: Path, name: str) -> None:
    source, target = write_clip(tmp_path / "in.mp4", frames=9), tmp_path / name

    class Second(BrightSubject):
        """Starts another run to the same target in the middle of the first."""

        said = ""

        def alpha(self, frames: Tensor) -> Tensor:
            if not self.said:
                with pytest.raises(InputError) as refused:
                    convert(source, target, overwrite=True)
                self.said = str(refused.value)
            return super().alpha(frames)

    matter = Second()
    convert(source, target, model=matter)
    assert matter.said == f"{target} is being written by another run ({target}.part); wait, or use another name"
    assert len(list(target.iterdir()) if target.is_dir() else decoded(target)[0]) == 9
    assert not target.with_name(f"{name}.part").exists()
    convert(source, target, overwrite=True)


def test_what_an_earlier_run_left_is_replaced(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=2)
    (tmp_path / "out.mp4.part").write_text("left over")
    (tmp_path / "frames.part").mkdir()
    (tmp_path / "frames.part" / "000099.png").write_text("left over")
    convert(source, tmp_path / "out.mp4")
    convert(source, tmp_path / "frames")
    assert len(decoded(tmp_path / "out.mp4")[0]) == len(list((tmp_path / "frames").iterdir())) == 2
    assert not list(tmp_path.glob("*.part"))


def test_a_writer_that_cannot_start_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_encoder(*_: object) -> None:
        raise OSError("the encoder does not open")

    source = write_clip(tmp_path / "in.mp4", frames=2)
    monkeypatch.setattr(VideoWriter, "_set_up", no_encoder)
    with pytest.raises(OSError, match="the encoder does not open"):
        convert(source, tmp_path / "out.mp4")
    assert not list(tmp_path.glob("out*"))
    monkeypatch.undo()
    convert(source, tmp_path / "out.mp4")  # and holds no lock


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4", "frames"])
def test_a_full_disk_is_a_sentence(tmp_path: Path, name: str) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=40, size_hw=(96, 128), codec="ffv1", pix_fmt="bgr0", picture=noise)
    with (
        room_for(5_000),
        pytest.raises(InputError, match=r"cannot be written \(File too large\); make room on the disk$"),
    ):
        convert(source, tmp_path / name, background="transparent", only_matte=True)
    assert not list(tmp_path.glob("out*")) + list(tmp_path.glob("frames*"))


def test_a_full_disk_may_do_without_sound(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=40, size_hw=(96, 128), picture=noise, audio="aac")
    with room_for(5_000), pytest.raises(InputError, match=r"make room on the disk, or try sound none$"):
        convert(source, tmp_path / "out.mkv")


def test_a_matte_beside_a_picture_that_cannot_be_finished_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = VideoWriter.finish

    def failing(self: VideoWriter) -> None:
        if self.part.final.name == "out.mp4":
            raise InputError("the disk is full")
        finish(self)

    monkeypatch.setattr(VideoWriter, "finish", failing)
    with pytest.raises(InputError, match="the disk is full"):
        convert(write_clip(tmp_path / "in.mp4", frames=3), tmp_path / "out.mp4", alpha_sidecar=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4"]


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=3)
    link, real = tmp_path / "out.mp4", tmp_path / "store.mp4"
    link.symlink_to(real)
    with pytest.raises(InputError, match="exists; use overwrite"):
        convert(source, link)
    for _ in range(2):
        convert(source, link, overwrite=True)
        assert link.is_symlink() and len(decoded(real)[0]) == 3
        assert not list(tmp_path.glob("*.part"))


def test_what_was_left_unfinished_can_be_written_anew_at_once(tmp_path: Path) -> None:
    PartFile(tmp_path / "out.mp4").release()
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4.part"]
    PartFile(tmp_path / "out.mp4").discard()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="there are no locks on Windows")
@pytest.mark.parametrize("end", [PartFile.commit, PartFile.discard, PartFile.release])
def test_a_lock_is_let_go_once(tmp_path: Path, end: Callable[[PartFile], None]) -> None:
    part = PartFile(tmp_path / "out.mp4")
    handle = part._lock
    assert handle is not None
    end(part)
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(handle)
    other = os.open(tmp_path, os.O_RDONLY)
    assert other == handle  # the number is free, and now another's
    part.release()
    os.fstat(other)
    os.close(other)
