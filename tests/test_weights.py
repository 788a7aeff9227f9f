"""Weights are found in the promised order, downloaded whole or not at all, and explained offline."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pooch
import pytest

from bgdl import weights
from bgdl.errors import WeightsError
from tests.conftest import Bgdl

RECORD = weights.RECORDS["u2netp"]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "www").mkdir()
    handler = partial(_Quiet, directory=str(tmp_path / "www"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        (tmp_path / "www" / "u2netp.onnx").write_bytes(b"weights" * 1000)
        yield f"http://127.0.0.1:{http.server_port}/u2netp.onnx"
        http.shutdown()


@pytest.fixture
def pooch_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    logger = pooch.get_logger()
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


def _md5(data: bytes) -> str:
    return "md5:" + hashlib.md5(data).hexdigest()


def test_order_of_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BGDL_WEIGHTS", str(tmp_path / "mine"))
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "older rembg"))
    monkeypatch.setenv("REMBG_HOME", str(tmp_path / "rembg"))
    folders = list(weights.search_path())
    models = tmp_path / "rembg" / "models"
    assert folders[-4:] == [tmp_path / "mine", weights.cache_folder(), models, tmp_path / "older rembg"]
    for folder in (folders[-1], models / "u2netp", folders[-3], folders[-4]):
        folder.mkdir(parents=True)
        (folder / "u2netp.onnx").write_bytes(b"x")
        assert weights.locate(RECORD) == folder / "u2netp.onnx"


def test_a_copy_that_is_being_made_is_not_registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BGDL_MODELS", str(tmp_path))
    for name in ("desk.onnx", ".desk.part.onnx"):
        (tmp_path / name).write_bytes(b"x")
    assert list(weights.registered()) == ["desk"]


@pytest.mark.parametrize(
    ("data", "folder"),
    [
        (None, "~/.u2net"),
        (None, "~/.rembg/models/u2net"),
        ("~/data", "~/data/.u2net"),
        ("~/data", "~/data/rembg/models/u2net"),
    ],
)
def test_rembgs_default_folders_are_found(data: str | None, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_DATA_HOME", "REMBG_HOME", "U2NET_HOME"):
        monkeypatch.delenv(name, raising=False)
    if data:
        monkeypatch.setenv("XDG_DATA_HOME", str(Path(data).expanduser()))
    file = Path(folder).expanduser() / "u2net.onnx"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x")
    assert weights.find("u2net") == file


def test_download_is_checked_and_kept(server: str) -> None:
    record = replace(RECORD, url=server, hash=_md5(b"weights" * 1000))
    path = weights.fetch(record)
    assert path.read_bytes() == b"weights" * 1000
    assert weights.locate(record) == path
    assert [file.name for file in path.parent.iterdir()] == ["u2netp.onnx"]


def test_python_logs_what_is_downloaded_and_prints_no_bar(server: str, pooch_log: pytest.LogCaptureFixture) -> None:
    weights.fetch(replace(RECORD, url=server, hash=_md5(b"weights" * 1000)))
    assert f"Downloading data from '{server}' to file" in pooch_log.text


def test_the_command_line_shows_a_bar(
    bgdl: Bgdl, server: str, monkeypatch: pytest.MonkeyPatch, pooch_log: pytest.LogCaptureFixture
) -> None:
    record = replace(RECORD, url=server, hash=_md5(b"weights" * 1000))
    monkeypatch.setitem(weights.RECORDS, "u2netp", record)
    monkeypatch.setattr(weights, "search_path", lambda: iter([weights.cache_folder()]))
    done = bgdl("models", "fetch", "u2netp")
    assert done.out.strip() == f"u2netp: {weights.cache_folder() / 'u2netp.onnx'}"
    assert "u2netp.onnx (Apache-2.0)" in done.err and "7.0/7.0 kB" in done.err
    assert not pooch_log.text


def test_a_wrong_hash_leaves_nothing(server: str) -> None:
    record = replace(RECORD, url=server, hash=_md5(b"something else"))
    with pytest.raises(WeightsError, match=r"u2netp\.onnx: what was downloaded does not match its hash"):
        weights.fetch(record)
    assert weights.locate(record) is None


def test_offline_is_explained_with_the_manual_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    record = replace(RECORD, url="http://127.0.0.1:9/u2netp.onnx")
    with pytest.raises(WeightsError) as caught:
        weights.fetch(record)
    text = str(caught.value)
    assert "cannot download u2netp.onnx" in text
    assert "fetch http://127.0.0.1:9/u2netp.onnx elsewhere and put it into" in text
    assert str(weights.cache_folder()) in text


def test_a_missing_page_is_explained(server: str) -> None:
    with pytest.raises(WeightsError, match="cannot download"):
        weights.fetch(replace(RECORD, url=server + ".gone"))


def test_unknown_name() -> None:
    with pytest.raises(WeightsError, match=r"unknown weights 'u3net'; known are portrait, u2net, u2netp"):
        weights.find("u3net")


def test_every_record_is_complete() -> None:
    for name, record in weights.RECORDS.items():
        assert name == record.name
        assert record.licence
        assert record.source
        assert record.url is None or (record.hash or "").startswith(("md5:", "sha256:"))


def test_a_damaged_copy_is_fetched_again(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    record = replace(RECORD, url=server, hash=_md5(b"weights" * 1000))
    monkeypatch.setitem(weights.RECORDS, "u2netp", record)
    weights.cache_folder().mkdir(parents=True)
    (weights.cache_folder() / "u2netp.onnx").write_bytes(b"cut sho")
    assert weights.fetch_again("u2netp").read_bytes() == b"weights" * 1000
    monkeypatch.setenv("BGDL_WEIGHTS", str(tmp_path))
    (tmp_path / "u2netp.onnx").write_bytes(b"cut sho")
    with pytest.raises(WeightsError, match=r"u2netp.onnx is not u2netp as it was published .*; delete it"):
        weights.fetch_again("u2netp")


def test_a_wrong_file_of_rembgs_is_left_to_it(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It lies behind the user cache, and is no longer found once that has the right one."""
    monkeypatch.setitem(weights.RECORDS, "u2netp", replace(RECORD, url=server, hash=_md5(b"weights" * 1000)))
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    (tmp_path / "u2netp.onnx").write_bytes(b"cut sho")
    assert weights.find("u2netp") == tmp_path / "u2netp.onnx"
    assert weights.fetch_again("u2netp") == weights.find("u2netp") == weights.cache_folder() / "u2netp.onnx"
    assert (tmp_path / "u2netp.onnx").read_bytes() == b"cut sho"


def test_an_address_that_cannot_be_asked_is_no_wrong_hash() -> None:
    with pytest.raises(WeightsError, match=r"cannot download u2netp.onnx \(InvalidSchema\)"):
        weights.fetch(replace(RECORD, url="nothing://x/u2netp.onnx"))
