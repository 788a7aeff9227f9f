"""Live runs replace no file that is read or was not to be replaced, and name none that is not there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bgdl.errors import InputError
from tests.conftest import Bgdl
from tests.live_runs import own_camera, run_of
from tests.video_clips import decoded, write_clip

pytestmark = pytest.mark.usefixtures(own_camera.__name__)


def test_the_snapshot_folder_is_made_and_no_snapshot_replaces_another(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "shots"
    run, notes = run_of(tmp_path / "rec.mkv", dict.fromkeys(range(1, 9), "s"), frames=8, snapshots=folder)
    run.run()
    assert sorted(notes) == sorted(f"snapshot: {path}" for path in folder.iterdir())
    assert len(notes) == 8


def test_a_snapshot_that_cannot_be_written_is_a_note(tmp_path: Path) -> None:
    folder = tmp_path / "shots"
    events = {3: "s", 2: lambda: shutil.rmtree(folder)}
    run, notes = run_of(tmp_path / "rec.mkv", events, frames=5, snapshots=folder)
    assert run.run().frames == len(decoded(tmp_path / "rec.mkv")[0]) == 5
    (note,) = notes
    assert note.startswith(f"no snapshot: cannot write {folder}")
    assert note.endswith(": No such file or directory")


def test_a_snapshot_folder_that_cannot_be_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "shots").touch()
    run, _ = run_of(tmp_path / "rec.mkv", {}, snapshots=tmp_path / "shots")
    with pytest.raises(InputError, match=r"the folder for snapshots, .*shots, cannot be made \(.*\); give a folder"):
        run.run()
    assert not (tmp_path / "rec.mkv").exists()


@pytest.mark.parametrize("role", ["--source", "--background", "--prime"])
def test_what_is_read_is_not_recorded_over(bgdl: Bgdl, tmp_path: Path, role: str) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=4)
    before = clip.read_bytes()
    model = "static_difference" if role == "--prime" else "otsu"
    words = () if role == "--background" else ("-b", "red")
    done = bgdl("live", "--no-window", "-m", model, role, clip, *words, "--record", clip, "--overwrite", "--frames", 2)
    assert done.status == 1
    assert f"{clip} is an input and would be replaced by the result; choose another output" in done.err
    assert clip.read_bytes() == before


def test_what_exists_is_not_recorded_over_unasked(bgdl: Bgdl, tmp_path: Path) -> None:
    (tmp_path / "rec.mp4").write_text("mine")
    done = bgdl("live", "--no-window", "-m", "otsu", "-b", "blur", "--record", tmp_path / "rec.mp4", "--frames", 2)
    assert done.status == 1
    assert "exists; use overwrite or another name" in done.err
    assert (tmp_path / "rec.mp4").read_text() == "mine"


@pytest.mark.parametrize(("seconds", "said"), [(0, "; no frames arrived, so {} was not written"), (0.3, " -> {}")])
def test_only_a_file_that_is_there_is_named(bgdl: Bgdl, tmp_path: Path, seconds: float, said: str) -> None:
    target = tmp_path / "rec.mp4"
    done = bgdl("live", "--no-window", "-m", "otsu", "-b", "blur", "--record", target, "--seconds", seconds)
    assert done.status == 0
    assert target.exists() == (seconds > 0)
    assert done.err.rstrip().endswith(said.format(target))
