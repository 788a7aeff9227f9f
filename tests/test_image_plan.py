"""Inputs become jobs whose targets never meet, and nothing is overwritten unasked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgdl.errors import InputError
from bgdl.pipeline.image_plan import ImageJob, plan, settle


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def _targets(jobs: list[ImageJob], below: Path) -> dict[str, str]:
    return {job.source.relative_to(below).as_posix(): job.target.relative_to(below).as_posix() for job in jobs}


def test_a_file_gets_its_cutout_beside_it(tmp_path: Path) -> None:
    _touch(tmp_path, "a (1).jpeg")
    assert _targets(plan([str(tmp_path / "a (1).jpeg")]), tmp_path) == {"a (1).jpeg": "a (1)-cutout.png"}


def test_a_folder_is_mirrored(tmp_path: Path) -> None:
    _touch(tmp_path, "in/a.jpg", "in/sub/a.jpg", "in/notes.txt", "in/.hidden/b.jpg", "in/.c.jpg", "in/B.PNG")
    assert _targets(plan([str(tmp_path / "in")]), tmp_path) == {
        "in/B.PNG": "in-cutout/B.png",
        "in/a.jpg": "in-cutout/a.png",
        "in/sub/a.jpg": "in-cutout/sub/a.png",
    }


def test_same_stem_with_two_endings_does_not_collide(tmp_path: Path) -> None:
    _touch(tmp_path, "in/a.jpg", "in/a.png", "in/A.webp", "in/b.jpg")
    names = {job.target.name for job in plan([str(tmp_path / "in")], tmp_path / "out")}
    assert names == {"a.jpg.png", "a.png.png", "A.webp.png", "b.png"}


def test_files_of_the_same_name_from_two_folders_do_not_collide(tmp_path: Path) -> None:
    _touch(tmp_path, "one/a.jpg", "two/a.jpg")
    jobs = plan([str(tmp_path / "one" / "a.jpg"), str(tmp_path / "two" / "a.jpg")], tmp_path / "out")
    assert [job.target.name for job in jobs] == ["a.jpg.png", "a.jpg-2.png"]
    jobs = plan([str(tmp_path / "one"), str(tmp_path / "two")], tmp_path / "out")
    assert [job.target.relative_to(tmp_path).as_posix() for job in jobs] == ["out/one/a.png", "out/two/a.png"]


@given(
    st.lists(st.sampled_from(["a.jpg", "A.jpg", "a.png", "a.jpg.png", "s/a.jpg", "s/a.png", "a-2.jpg"]), unique=True)
)
def test_targets_are_unique_whatever_the_names(names: list[str]) -> None:
    from tempfile import TemporaryDirectory

    if not names:
        return
    with TemporaryDirectory() as folder:
        _touch(Path(folder) / "in", *names)
        jobs = plan([f"{folder}/in"], Path(folder) / "out")
        assert len({str(job.target).casefold() for job in jobs}) == len(jobs) == len(names)


def test_globs_are_expanded_where_the_shell_did_not(tmp_path: Path) -> None:
    _touch(tmp_path, "x1.jpg", "x2.png", "x3.txt", "y.jpg")
    jobs = plan([str(tmp_path / "x*")], tmp_path / "out")
    assert [job.source.name for job in jobs] == ["x1.jpg", "x2.png"]


def test_an_output_inside_the_input_is_not_read_again(tmp_path: Path) -> None:
    _touch(tmp_path, "a.jpg", "out/a.png")
    assert [job.source.name for job in plan([str(tmp_path)], tmp_path / "out")] == ["a.jpg"]


def test_earlier_results_are_no_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _touch(tmp_path, "a.jpg", "a-cutout.png", "b.jpg", "b.png", "b-cutout.jpg.png", "b-cutout.jpg-2.png")
    _touch(tmp_path, "a-cutout-cutout.png", "in/sub/c.webp", "in-cutout/sub/c.png", "in-cutout/d.png")
    for inputs in (["."], ["**/*"], [str(tmp_path / "**/*")], ["in", "*.png", "a.jpg", "b.jpg", "in-*/**/*"]):
        notes: list[str] = []
        sources = [job.source.absolute().relative_to(tmp_path) for job in plan(inputs, on_note=notes.append)]
        assert {path.as_posix() for path in sources} == {"a.jpg", "b.jpg", "b.png", "in/sub/c.webp", "in-cutout/d.png"}
        assert notes == ["earlier results left out: 5"]


def test_a_result_is_a_source_where_it_is_named_or_what_it_was_made_of_is_none(tmp_path: Path) -> None:
    _touch(tmp_path, "a.jpg", "a-cutout.png", "b-cutout.png", "x-cutout/c.jpg", "-cutout/a.jpg", "e-cutout.jpg", "e")
    notes: list[str] = []
    named = plan([str(tmp_path), str(tmp_path / "a-cutout.png")], tmp_path / "out", on_note=notes.append)
    assert len(named) == 6 and notes == []
    alone = plan([str(tmp_path / "a-*")], tmp_path / "out", on_note=notes.append)
    assert [job.source.name for job in alone] == ["a-cutout.png"] and notes == []


def test_one_input_to_one_file(tmp_path: Path) -> None:
    _touch(tmp_path, "a.jpg")
    assert plan([str(tmp_path / "a.jpg")], tmp_path / "b.webp")[0].target == tmp_path / "b.webp"


@pytest.mark.parametrize(
    ("inputs", "output", "sentence"),
    [
        (["nothing.jpg"], None, "no such file or folder: nothing.jpg"),
        (["nothing.jpg"], "b.png", "no such file: nothing.jpg"),
        (["a.jpg", "b.jpg"], "out.png", "out.png is one file, but there may be several results"),
        (["."], "out.png", "out.png is one file, but there may be several results"),
        (["empty"], None, "no pictures in empty; readable are .avif"),
        (["*.gif"], None, "no pictures in *.gif"),
        (["a.jpg"], "a.gif", "a.gif ends in '.gif'; pictures are written as .png"),
        (["a.jpg"], "out.heic", "out.heic ends in '.heic'; pictures are written as .png"),
    ],
)
def test_refusals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: list[str], output: str | None, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    _touch(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as caught:
        plan(inputs, Path(output) if output else None)
    assert sentence in str(caught.value)


def test_existing_results_need_a_word(tmp_path: Path) -> None:
    _touch(tmp_path, "in/a.jpg", "in/b.jpg", "out/a.png")
    jobs = plan([str(tmp_path / "in")], tmp_path / "out")
    with pytest.raises(InputError, match=r"1 of 2 results exist \(.*a\.png\); use overwrite or skip-existing"):
        settle(jobs)
    assert settle(jobs, overwrite=True) == jobs
    assert [job.source.name for job in settle(jobs, skip_existing=True)] == ["b.jpg"]


def test_a_source_is_never_replaced_by_its_own_result(tmp_path: Path) -> None:
    _touch(tmp_path, "in/a.png")
    os.link(tmp_path / "in/a.png", tmp_path / "same.png")
    for output in (tmp_path / "in", tmp_path / "same.png"):
        jobs = plan([str(tmp_path / "in/a.png")], output)
        with pytest.raises(InputError, match=r"a\.png is an input and would be replaced by the result"):
            settle(jobs, overwrite=True)
    jobs = [ImageJob(tmp_path / "b.jpg", tmp_path / "same.png")]
    with pytest.raises(InputError, match=r"a\.png is an input and would be replaced by the result"):
        settle(jobs, overwrite=True, reads=("red", None, str(tmp_path / "in/a.png")))


def test_a_target_under_a_file_is_refused(tmp_path: Path) -> None:
    _touch(tmp_path, "a.jpg", "afile")
    for output in ("afile", "afile/x.png", "afile/new/x.png"):
        jobs = plan([str(tmp_path / "a.jpg")], tmp_path / output)
        with pytest.raises(InputError, match=r"afile is not a folder; give a folder, or a file name with an ending"):
            settle(jobs, overwrite=True)
    settle(plan([str(tmp_path / "a.jpg")], tmp_path / "new" / "er"))


def test_a_link_that_leads_nowhere_is_there(tmp_path: Path) -> None:
    _touch(tmp_path, "a.jpg", "in/b.jpg")
    for name in ("out.png", "in/c.jpg", "in/d.txt"):
        (tmp_path / name).symlink_to("nowhere")
    jobs = [ImageJob(tmp_path / "a.jpg", tmp_path / "out.png")]
    with pytest.raises(InputError, match="the result exists"):
        settle(jobs)
    assert settle(jobs, skip_existing=True) == []
    for text in ("in", "in/*"):
        assert [job.source.name for job in plan([str(tmp_path / text)])] == ["b.jpg", "c.jpg"]


@pytest.mark.parametrize("name", [".png", ".JPG", "sub/.webp", ".heic"])
def test_an_ending_alone_is_no_folder_unless_it_is_there(tmp_path: Path, name: str) -> None:
    _touch(tmp_path, "a.jpg")
    said = f"{name}' has no name before its ending; give one, for instance cutout{Path(name).name}$"
    with pytest.raises(InputError, match=said):
        plan([str(tmp_path / "a.jpg")], tmp_path / name)
    (tmp_path / name).mkdir(parents=True)
    for folder in (name, ".cutouts"):
        assert plan([str(tmp_path / "a.jpg")], tmp_path / folder)[0].target == tmp_path / folder / "a.png"


@pytest.mark.parametrize("name", ["x.pdf", "x.GIF", "x.mp4", "x.txt"])
def test_an_output_with_another_file_s_ending_is_no_folder(tmp_path: Path, name: str) -> None:
    _touch(tmp_path, "a.jpg")
    with pytest.raises(InputError, match=rf"{name} ends in .*; pictures are written as \.png"):
        plan([str(tmp_path / "a.jpg")], tmp_path / name)
    (tmp_path / name).mkdir()
    for folder in (name, "2024.06.01", "cutouts.v2"):
        assert plan([str(tmp_path / "a.jpg")], tmp_path / folder)[0].target == tmp_path / folder / "a.png"
