"""What a target names: nothing that is read is replaced, old pictures go, and any name that a file can have will do."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from bgdl.errors import InputError
from bgdl.media.target import Target
from tests.video_clips import GREEN, convert, decoded, write_clip


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clip in the folder that the test runs in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    write_clip(folder / "in.mkv", frames=5, rate=25)
    return Path("in.mkv")


def names(folder: str | Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_an_overwritten_sequence_keeps_no_old_picture(clip: Path) -> None:
    convert(clip, Path("frames"))
    for other in ("notes.txt", "07.png", "a_000009.png"):
        Path("frames", other).write_text("mine")
    convert(clip, Path("frames"), overwrite=True, frames=2, smooth="off")
    assert names("frames") == ["000001.png", "000002.png", "07.png", "a_000009.png", "notes.txt"]


def test_a_pattern_replaces_its_own_names_alone(clip: Path) -> None:
    for frames in (5, 2):
        convert(clip, Path("shots/a_%03d.png"), overwrite=True, frames=frames, smooth="off")
        convert(clip, Path("shots/b_%d.png"), overwrite=True, frames=frames + 1, smooth="off")
    assert names("shots") == ["a_001.png", "a_002.png", "b_1.png", "b_2.png", "b_3.png"]


@pytest.mark.parametrize("source", ["in.mkv", "file:in.mkv", "link.mkv"])
def test_a_source_is_never_replaced(clip: Path, source: str) -> None:
    Path("link.mkv").hardlink_to(clip)
    before = clip.read_bytes()
    with pytest.raises(InputError, match=rf"^{source} is an input and would be replaced by the result; choose another"):
        convert(source, clip, overwrite=True)
    assert clip.read_bytes() == before


def test_neither_is_what_else_is_read(clip: Path) -> None:
    for name in ("beach.mkv", "out_alpha.mkv", "out.mkv.part"):
        Path(name).write_bytes(clip.read_bytes())
    with pytest.raises(InputError, match=r"beach\.mkv is an input and would be replaced"):
        convert(clip, Path("beach.mkv"), background="beach.mkv", overwrite=True)
    with pytest.raises(InputError, match=r"out_alpha\.mkv is an input and would be replaced"):
        convert(Path("out_alpha.mkv"), Path("out.mkv"), alpha_sidecar=True, overwrite=True)
    with pytest.raises(InputError, match=r"in\.mkv is an input and would be replaced"):
        convert(Path("beach.mkv"), clip, prime="in.mkv", overwrite=True)
    with pytest.raises(InputError, match=r"out\.mkv\.part is an input and would be replaced"):
        convert(Path("out.mkv.part"), Path("out.mkv"))
    assert names(".") == ["beach.mkv", "in.mkv", "out.mkv.part", "out_alpha.mkv"]


@pytest.mark.parametrize("source", ["frames/%06d.png", "frames/000003.png"])
def test_pictures_that_are_read_are_not_replaced(clip: Path, source: str) -> None:
    convert(clip, Path("frames"))
    with pytest.raises(InputError, match="is an input and would be replaced"):
        convert(Path(source), Path("frames"), overwrite=True)
    convert(Path(source), Path("frames/still_%04d.png"), overwrite=True)
    assert len(names("frames")) == 5 + (1 if "3" in source else 5)


def test_pictures_of_an_unfinished_run_are_not_deleted_while_they_are_read(clip: Path) -> None:
    convert(clip, Path("frames"))
    Path("frames").rename("frames.part")
    with pytest.raises(InputError, match=r"frames\.part/%06d\.png is an input and would be replaced"):
        convert(Path("frames.part/%06d.png"), Path("frames"))
    assert len(names("frames.part")) == 5


@pytest.mark.parametrize("target", [".", "%06d.png", "../here"])
def test_the_folder_that_one_is_in(clip: Path, target: str) -> None:
    with pytest.raises(InputError, match=r"here exists; use overwrite"):
        convert(clip, Path(target))
    report = convert(clip, Path(target), overwrite=True, alpha_sidecar=True)
    pictures = [f"{number:06d}.png" for number in range(1, 6)]
    assert names(".") == [*pictures, "in.mkv"]
    assert report.sidecar and report.sidecar.name == "here_alpha"
    assert names(report.sidecar) == pictures


def test_pictures_do_not_go_into_a_file(clip: Path) -> None:
    Path("frames").write_text("mine")
    with pytest.raises(InputError, match="frames is a file; pictures need a folder"):
        convert(clip, Path("frames"), overwrite=True)
    assert Path("frames").read_text() == "mine"


def test_the_root_is_no_target() -> None:
    with pytest.raises(InputError, match="cannot be written as a whole; give the name of a folder in it"):
        Target.of(Path(Path.cwd().anchor), sequence=True)


@pytest.mark.parametrize("name", ["50%.png", "%s.png", "%03d_%03d.png"])
def test_a_pattern_has_one_number(name: str) -> None:
    with pytest.raises(InputError, match="a sequence needs a folder, or a pattern such as"):
        Target.of(Path(name), sequence=True)


def test_a_percent_sign_is_a_name_s_own_affair(clip: Path) -> None:
    report = convert(clip, Path("sub/50%.mp4"), alpha_sidecar=True)
    assert names("sub") == ["50%.mp4", "50%_alpha.mp4"]
    assert report.sidecar == Path("sub/50%_alpha.mp4")
    convert(clip, Path("50%d/frames"))
    assert len(names("50%d/frames")) == 5


@pytest.mark.skipif(os.name == "nt", reason="there, names have no colon")
def test_a_name_with_a_colon_is_no_protocol(clip: Path) -> None:
    Path("12:30.mkv").write_bytes(write_clip(Path("sound.mkv"), frames=5, rate=25, audio="libopus").read_bytes())
    for target in ("12:31.mkv", "data:1.webm", "a:b"):
        convert("12:30.mkv", Path(target), background=GREEN)
    assert len(decoded(Path("12:31.mkv").absolute())[0]) == len(names("a:b")) == 5
    with pytest.raises(InputError, match=r"^12:32\.mkv: cannot be opened as a video \(No such file"):
        convert(Path("12:32.mkv"), Path("out.mp4"))


@pytest.mark.parametrize("target", ["-", "/dev/null"])
def test_what_is_no_file_is_no_target(clip: Path, target: str) -> None:
    with pytest.raises(InputError, match=f"{target} is not a file; clips are written to files"):
        convert(clip, Path(target), background="red", overwrite=True)
    assert names(".") == [clip.name]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes in its file system")
def test_a_pipe_is_read_only_once(clip: Path) -> None:
    pipe = clip.with_name("pipe")
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="is a pipe, which can be read only once; save it to a file first"):
        convert(pipe, clip.with_name("out.mp4"))
    feeder = threading.Thread(target=lambda: pipe.write_bytes(clip.read_bytes()), daemon=True)
    feeder.start()
    assert convert(pipe, clip.with_name("out.mp4"), sound="none").frames == 5
    feeder.join(5)
