"""`bgdl image` between pipes: pictures from stdin, to stdout, and their records."""

from __future__ import annotations

import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image

from tests.conftest import Bgdl


def _command(*args: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "bgdl", *map(str, args)], input=stdin, capture_output=True, check=False
    )


def test_a_pipe(photos: Path, tiny_weights: Path) -> None:
    done = _command("image", "-", "-o", "-", "-m", tiny_weights, stdin=(photos / "a.jpg").read_bytes())
    assert done.returncode == 0, done.stderr.decode()
    with Image.open(BytesIO(done.stdout)) as cutout:
        assert (cutout.format, cutout.mode, cutout.size) == ("PNG", "RGBA", (30, 40))


def test_a_pipe_needs_the_name_of_a_file(bgdl: Bgdl, tmp_path: Path) -> None:
    for output in (tmp_path, tmp_path / "new"):
        ran = bgdl("image", "-", "-o", output)
        assert ran.status == 1 and "a picture from stdin needs a file" in ran.err


def test_a_pipe_into_a_file_has_a_record(photos: Path, tiny_weights: Path) -> None:
    target = photos / "new" / "x.png"
    picture = (photos / "a.jpg").read_bytes()
    done = _command("image", "-", "-o", target, "-m", tiny_weights, "--json", stdin=picture)
    assert done.returncode == 0, done.stderr.decode()
    record = json.loads(done.stdout)
    assert (record["source"], record["target"], record["width"], record["height"]) == ("-", str(target), 30, 40)
    assert target.is_file()


def test_a_pipe_that_fails_has_a_record_too(tmp_path: Path) -> None:
    done = _command("image", "-", "-o", tmp_path / "x.png", "-m", "otsu", "--json", stdin=b"<html>")
    record = json.loads(done.stdout)
    assert (done.returncode, record["source"], record["target"]) == (1, "-", str(tmp_path / "x.png"))
    assert record["error"].startswith("<stdin> is not a picture that bgdl reads")
    assert f"error: {record['error']}" in done.stderr.decode()
