"""README and docs are true: every command and snippet runs, every link leads somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image
from typer.main import get_command

from bgdl.cli.main import app
from tests.conftest import ROOT, Bgdl
from tests.eval_data import make_pairs
from tests.video_clips import write_clip

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?:<!-- not run: (?P<why>[^\n]+) -->\n)?```(?P<kind>bash|python)\n(?P<body>.*?)```", re.S)
LINK = re.compile(r"\]\((?!https?:|mailto:)(?P<target>[^)#\s]+)(?P<anchor>#[^)\s]+)?\)")


class Block(NamedTuple):
    """A fenced block of a page; why: the reason that the page gives for not running it."""

    page: Path
    line: int
    kind: str
    body: str
    why: str | None


def _blocks() -> Iterator[Block]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            line = text[: match.start()].count("\n") + 1
            yield Block(page, line, match["kind"], match["body"], match["why"])


def _name(block: Block) -> str:
    return f"{block.page.stem}:{block.line}"


BLOCKS = list(_blocks())
RUN = [block for block in BLOCKS if not block.why]
SETUP = re.compile(r"(pip install|git clone|cd |python -m venv|pytest|ruff |bash \.ci/run|mkdocs|FAIL_WITHOUT)")
"""Commands that set up or test the project itself: `.ci/run` is their test."""


@pytest.fixture(scope="module")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("caches")


@pytest.fixture
def desk(tmp_path: Path, caches: Path, _own_home: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the pages speak of, and the project's own folders beside them."""
    rng = np.random.default_rng(0)
    for name in ("photo.jpg", "beach.jpg", "photos/one.jpg", "photos/sub/two.png", "back.png", "empty.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(tmp_path / name)
    Image.new("RGBA", (24, 40), (200, 60, 60, 255)).save(tmp_path / "cutout.png")
    write_clip(tmp_path / "clip.mp4", frames=6, audio="aac")
    write_clip(tmp_path / "back.mp4", frames=6)
    make_pairs(tmp_path / "data", count=4)
    for name in ("configs", "train.py", "benchmarks"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(caches))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _lines(body: str) -> Iterator[str]:
    """Commands without comments, continued lines joined."""
    for line in body.replace("\\\n", " ").splitlines():
        command = re.sub(r"\s+#\s.*$", "", line).strip()
        if command and not command.startswith("#"):
            yield command


@pytest.mark.parametrize("block", [b for b in RUN if b.kind == "bash"], ids=_name)
def test_commands_run(block: Block, desk: Path, bgdl: Bgdl) -> None:
    for command in _lines(block.body):
        if SETUP.match(command):
            continue
        done = _run(command, bgdl)
        assert done == 0, f"{block.page.name}:{block.line}: {command}"


def _run(command: str, bgdl: Bgdl) -> int:
    words = shlex.split(command)
    if words[0] == "bgdl" and not {"|", ">", "<", "&&"} & set(words):
        return bgdl(*words[1:]).status
    shim = Path("bin")
    shim.mkdir(exist_ok=True)
    (shim / "bgdl").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bgdl "$@"\n')
    (shim / "bgdl").chmod(0o755)
    environment = {**_environment(), "PATH": f"{shim.resolve()}:{Path(sys.executable).parent}:/usr/bin:/bin"}
    return subprocess.run(["sh", "-c", command], check=False, env=environment).returncode


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("block", [b for b in RUN if b.kind == "python"], ids=_name)
def test_snippets_run(block: Block, desk: Path) -> None:
    exec(compile(block.body, f"{block.page.name}:{block.line}", "exec"), {})


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.why and b.kind == "bash"], ids=_name)
def test_commands_that_are_not_run_are_understood(block: Block) -> None:
    """Their verbs and options are there and take such values."""
    for line in _lines(block.body):
        words = list(takewhile(lambda word: word not in ("|", ">", "<", "&&"), shlex.split(line)))
        if words[0] == "bgdl":
            _parse(words[1:])


def _parse(words: list[str]) -> None:
    command: Any = get_command(app)
    while words and words[0] in getattr(command, "commands", ()):
        command = command.commands[words.pop(0)]
    command.make_context(command.name, words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_inside_the_tree_lead_somewhere(page: Path) -> None:
    for match in LINK.finditer(page.read_text(encoding="utf-8")):
        assert (page.parent / match["target"]).exists(), f"{page.name}: {match['target']}"


def test_links_of_the_model_card_work_from_a_wheel() -> None:
    """It is installed without the tree around it, so its links are whole, and what they name is there."""
    card = (ROOT / "weights" / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((?P<target>[^)#\s]+)[^)\s]*\)", card)
    homes = ("https://github.com/bgdl/bgdl/blob/main/", "https://raw.githubusercontent.com/bgdl/bgdl/main/")
    assert len(links) > 3
    for link in links:
        assert link.startswith(homes), link
        assert (ROOT / link.partition("/main/")[2]).is_file(), link


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the site's packages for Python 3.10 do not fit together")
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
