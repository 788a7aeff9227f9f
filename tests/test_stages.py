"""`benchmarks/stages.py` still knows the pipeline whose stages it times. No test looks at a time."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from tests.video_clips import write_clip

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def test_the_stages_make_the_pictures_of_the_pipeline(
    tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    clip, page = write_clip(tmp_path / "clip.mp4", frames=4), tmp_path / "stages.md"
    options = ["--model", str(tiny_weights), "--engine", "torch", "--frames", "2", "--markdown", str(page)]
    monkeypatch.setattr(sys, "argv", ["stages.py", str(clip), *options])
    stages = importlib.import_module("stages")
    stages.main()
    table = page.read_text(encoding="utf-8")
    assert table == capsys.readouterr().out
    assert all(f"| {name} |" in table for name in stages.PATH)
