"""One writer of files: whole or not there, whatever ends it, and what was there stays until then."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bgdl import weights, whole
from bgdl.errors import InputError
from bgdl.evaluation.records import Store
from bgdl.evaluation.report import write_json
from bgdl.export import model
from bgdl.media import image
from bgdl.training.saving import WholeFiles
from tests.video_clips import room_for

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such links, names and permissions")
WRITERS: dict[str, Callable[[Path], object]] = {
    "a.png": lambda path: image.write(torch.zeros(2, 2, 3, dtype=torch.uint8), path),
    "report.json": lambda path: write_json({"format": 1}, path),
    "records.jsonl": lambda path: Store(path.parent, {"methods": {}}, overwrite=True),
    "last.ckpt": lambda path: WholeFiles().save_checkpoint({"epoch": 1}, path),
}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_its_name_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with whole.part(path) as part:
        part.write_bytes(b"new")
        assert path.read_bytes() == b"old"
        assert part.name.startswith(".") and part.suffix == ".png"  # hidden, and of the kind that a library asks for
    assert path.read_bytes() == b"new" and names(tmp_path) == ["a.png"]


@pytest.mark.parametrize("name", ["a", ".a", "a.tar.gz", "J\udcfcrgen.png"])
def test_any_name_will_do(tmp_path: Path, name: str) -> None:
    try:
        whole.write(tmp_path / name, b"new")
    except (InputError, UnicodeError):
        if name.isprintable():
            raise
        pytest.skip("this file system has names in UTF-8 only")
    assert names(tmp_path) == [name]


def test_a_full_disk_leaves_the_former_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    whole.write(path, b"old")
    with room_for(10), pytest.raises(InputError, match=r"^cannot write .*a\.bin: File too large$"):
        whole.write(path, bytes(20))
    assert path.read_bytes() == b"old" and names(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("suffix", weights.EXPORTED)
def test_a_full_disk_leaves_the_former_export(trained: Path, tmp_path: Path, suffix: str) -> None:
    if suffix == ".xml":
        pytest.importorskip("openvino")
    path = tmp_path / f"mine{suffix}"
    path.write_bytes(b"old")
    with room_for(1000), pytest.raises(InputError, match=rf"^cannot write .*mine\{suffix}: "):
        model.export(trained, path, overwrite=True)
    assert path.read_bytes() == b"old" and names(tmp_path) == [path.name]


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (KeyboardInterrupt(), "^$"),
        (OSError(28, "No space left on device"), "^cannot (write|save) .*{}: No space left on device$"),
    ],
    ids=["Ctrl-C", "full disk"],
)
@pytest.mark.parametrize("name", WRITERS)
def test_what_ends_a_writer_leaves_the_former_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, end: BaseException, told: str
) -> None:
    def stop(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(bytes(data)[:5])
        raise end

    (tmp_path / name).write_bytes(b"old")
    monkeypatch.setattr(Path, "write_bytes", stop)
    with pytest.raises(InputError if isinstance(end, OSError) else KeyboardInterrupt, match=told.format(name)):
        WRITERS[name](tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"old" and names(tmp_path) == [name]


@posix
@pytest.mark.parametrize("name", WRITERS)
def test_a_link_stays_one(tmp_path: Path, name: str) -> None:
    """Even into another folder, and one to a file that is not there yet."""
    (tmp_path / "real").mkdir()
    (tmp_path / name).symlink_to(Path("real") / name)
    for _ in range(2):
        WRITERS[name](tmp_path / name)
        assert (tmp_path / name).is_symlink() and names(tmp_path / "real") == [name]
        assert (tmp_path / "real" / name).stat().st_size > 3
    assert names(tmp_path) == sorted([name, "real"])


@posix
@pytest.mark.parametrize("suffix", [".safetensors", ".xml"])
def test_export_through_a_link_writes_what_it_points_to(trained: Path, tmp_path: Path, suffix: str) -> None:
    if suffix == ".xml":
        pytest.importorskip("openvino")
    (tmp_path / "real").mkdir()
    files = [f"mine{ending}" for ending in ((".bin", ".xml") if suffix == ".xml" else (suffix,))]
    for name in files:
        (tmp_path / name).symlink_to(Path("real") / name)
        (tmp_path / "real" / name).write_bytes(b"old")
    model.export(trained, tmp_path / f"mine{suffix}", overwrite=True)
    assert all((tmp_path / name).is_symlink() and (tmp_path / name).stat().st_size > 1000 for name in files)
    assert names(tmp_path) == [*files, "real"] and names(tmp_path / "real") == files


@posix
def test_names_as_long_as_the_system_allows(trained: Path, tmp_path: Path) -> None:
    long = ["a" * 250 + ".json", "a" * 243 + ".safetensors"]
    whole.write(tmp_path / long[0], b"new")
    model.export(trained, tmp_path / long[1])
    with pytest.raises(InputError, match=r"^cannot write .*: File name too long$"):
        whole.write(tmp_path / f"a{long[0]}", b"new")
    assert names(tmp_path) == sorted(long)


@posix
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_others_may_read_it_as_they_may_any_new_file(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        whole.write(tmp_path / "a", b"new")
        (tmp_path / "plain").write_bytes(b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_files_that_belong_together_take_their_names_together(tmp_path: Path) -> None:
    path = tmp_path / "net.xml"
    with whole.part(path, ".bin") as part:
        part.write_bytes(b"graph")
        part.with_suffix(".bin").write_bytes(b"weights")
        assert names(tmp_path) == sorted([part.name, part.with_suffix(".bin").name])
    assert path.read_bytes() == b"graph" and path.with_suffix(".bin").read_bytes() == b"weights"
    with pytest.raises(FileNotFoundError), whole.part(path, ".bin") as part:
        part.write_bytes(b"a graph without its weights")
    assert path.read_bytes() == b"graph" and names(tmp_path) == ["net.bin", "net.xml"]


def test_what_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path, reason in (("folder", "Is a directory|Access|denied"), ("no/a.png", "No such file or directory")):
        with pytest.raises(InputError, match=rf"^cannot write .*{Path(path).name}: .*({reason})"):
            whole.write(tmp_path / path, b"new")
    with pytest.raises(InputError, match=r"^cannot save a\.ckpt: the reason$"), whole.told("save a.ckpt"):
        raise OSError("the reason")
    assert names(tmp_path) == ["folder"] and names(tmp_path / "folder") == []
