"""What the command says at its end: one sentence and status 1 where its output cannot be written, and warnings."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bgdl.cli.main import main
from tests.conftest import Bgdl
from tests.eval_data import make_pairs

FULL = Path("/dev/full")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.mark.parametrize(
    "arguments",
    [
        ("eval", "SET", "-m", "otsu", "-o", "FILE/report"),
        ("synth", "FILE/x", "--size", "64x48", "--fps", "5", "--duration", "2", "--lead-in", "1"),
    ],
)
def test_a_folder_that_cannot_be_made(
    bgdl: Bgdl, photo: Path, tmp_path: Path, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"SET": str(make_pairs(tmp_path / "set", 1)), "FILE": str(photo)}
    for word, place in places.items():
        arguments = tuple(text.replace(word, place) for text in arguments)
    with photo.open("rb") as stdin:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stdin))
        done = bgdl(*arguments)
    assert done.status == 1
    assert done.err.splitlines()[-1].startswith(f"error: cannot read or write {photo}")


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", [("models",), ("image", "PHOTO", "-m", "otsu", "-o", "-")])
def test_a_full_disk_behind_stdout(photo: Path, arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "bgdl", *(text.replace("PHOTO", str(photo)) for text in arguments)]
    with FULL.open("w") as stdout:
        done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: No space left on device"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("line", "shown"), [("--help", "virtual-background"), ("eval SET -m otsu", "otsu")])
def test_a_terminal_of_no_columns_is_one_that_does_not_tell(
    tmp_path: Path, line: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "0")
    words = [word.replace("SET", str(make_pairs(tmp_path / "set", 1))) for word in line.split()]
    done = subprocess.run([sys.executable, "-m", "bgdl", *words], capture_output=True, text=True, check=True)
    assert shown in done.stdout


def test_an_encoding_without_arrows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "argv", ["bgdl", "eval", str(make_pairs(tmp_path / "set", 6)), "-m", "otsu"])
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="cp1252"))
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    table = written.getvalue().decode("cp1252")
    assert "Failures ?" in table and " ±0." in table and "Method" in table


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("image", ""), "an argument"),
        (("image", "a.png", "-o", ""), "-o"),
        (("image", "a.png", "--output="), "--output"),
        (("video", "a.mp4", "--output", ""), "--output"),
        (("live", "--record", ""), "--record"),
    ],
)
def test_an_empty_word_is_not_the_current_folder(
    bgdl: Bgdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = bgdl(*arguments)
    assert (done.status, done.err) == (1, f"error: {what} is empty; is it a shell variable that is not set?\n")


@pytest.mark.parametrize(
    ("redirection", "sentence"),
    [("<&-", "stdin is closed; pipe a picture in, or give a file"), (">&-", "stdout is closed; give -o FILE")],
)
@pytest.mark.skipif(sys.platform == "win32", reason="a shell's words")
def test_a_stream_that_is_closed(photo: Path, redirection: str, sentence: str) -> None:
    command = f"exec {sys.executable} -m bgdl image - -m otsu {redirection}"
    with photo.open("rb") as stdin:
        done = subprocess.run(["sh", "-c", command], stdin=stdin, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, f"error: {sentence}\n")


def test_a_warning_is_a_sentence_without_python_around_it() -> None:
    code = "import sys, warnings; from bgdl.cli import main; main._run = lambda: warnings.warn('it moves'); "
    code += "sys.argv = ['bgdl', 'image']; main.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "warning: it moves\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_a_file_name_gives_a_terminal_no_orders(bgdl: Bgdl, photo: Path, tmp_path: Path) -> None:
    """Titles, erased lines and hidden text."""
    folder = tmp_path / "photos"
    folder.mkdir()
    photo.rename(folder / "a\x1b]0;title\x07\x1b[2K\x9b8mb.png")
    (folder / "\x1b[8mc.png").write_bytes(b"no picture")
    done = bgdl("image", folder, "-m", "otsu", "-o", tmp_path / "out")
    assert done.status == 1
    shown = [line for line in done.err.splitlines() if ".png" in line]
    assert len(shown) == 2 and "a\ufffd]0;title\ufffd\ufffd[2K\ufffd8mb.png -> " in done.err
    assert all(char == "\n" or char.isprintable() for char in done.err)
