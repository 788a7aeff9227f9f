"""`bgdl eval` as it is called: its tables, its files, what it says and how it ends."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from bgdl.cli import console
from bgdl.evaluation.runner import Runner
from bgdl.nets import checkpoint
from bgdl.nets.u2net import U2Net
from bgdl.preprocess import InputSpec
from tests.conftest import Bgdl
from tests.eval_data import make_pairs, save, scene, write_clip


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return make_pairs(tmp_path / "set", 3)


def test_a_report(bgdl: Bgdl, pairs: Path, tiny_weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    methods = f"otsu,{tiny_weights},mog2:history=50"
    done = bgdl("eval", pairs, "--methods", methods, "--reference", tiny_weights, "--output", out, "--threads", 1)
    assert done.status == 0, done.err
    lines = done.err.splitlines()
    assert lines[0] == "data set: 3 pictures, unrelated to each other (kind sequence: frames of one clip)"
    assert re.fullmatch(r"model otsu, device cpu, engine none", lines[1])
    assert re.match(r"model tiny, device cpu, engine \w+ \w+", lines[2])
    assert lines[-1] == f"report: {out / 'report.html'}"
    assert all(word in done.out for word in ("set", "otsu", "tiny", "mog2"))

    report = json.loads((out / "report.json").read_text())
    assert report["reference"] == "tiny"
    assert report["rules"]["every"] == 1
    assert set(report["data"][0]["summary"]) == {"otsu", "tiny", "mog2:history=50"}
    assert set(report["data"][0]["paired"]) == {"otsu", "mog2:history=50"}
    assert len(report["methods"]["tiny"]["weights_sha256"]) == 64
    with (out / "report.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(report["pictures"]) == 9
    assert float(rows[0]["iou"]) == pytest.approx(report["pictures"][0]["iou"], abs=1e-6)
    assert (out / "report.md").read_text().startswith("## set\n\n| Method | IoU ↑ |")


def test_ctrl_c_says_that_the_same_command_goes_on(
    bgdl: Bgdl, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "report"
    with monkeypatch.context() as patch:
        patch.setattr(Runner, "_keep_matte", Mock(side_effect=[None, KeyboardInterrupt]))
        done = bgdl("eval", pairs, "-m", "otsu", "-o", out)
    assert done.status == 130
    assert f"stopped; what was scored is in {out}, and the same command goes on from there" in done.err
    assert len((out / "records.jsonl").read_text().splitlines()) == 2  # the header and one picture
    assert bgdl("eval", pairs, "-m", "otsu", "-o", out).status == 0


def test_a_report_goes_by_the_files_as_they_are(
    bgdl: Bgdl, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scores(*more: object) -> tuple[dict[str, float], str]:
        done = bgdl("eval", "set", "-m", "otsu", "-o", tmp_path / "out", *more)
        assert done.status == 0, done.err
        rows = json.loads((tmp_path / "out" / "report.json").read_text())["pictures"]
        return {row["name"]: row["seconds"] for row in rows}, done.err

    anew = "data set: its files have changed, so it is scored again"
    monkeypatch.chdir(tmp_path)
    first, said = scores()
    assert anew not in said
    assert scores()[0] == first  # nothing is run again
    Image.fromarray(np.zeros((40, 48), np.uint8)).save(pairs / "masks" / "000.png")
    second, said = scores()
    assert anew in said and second.keys() == first.keys() and second != first
    for folder in ("images", "masks"):
        (pairs / folder / "003.png").write_bytes((pairs / folder / "001.png").read_bytes())
    assert "003" in scores()[0]
    make_pairs(tmp_path / "other" / "set", 3)
    monkeypatch.chdir(tmp_path / "other")
    assert (
        "holds results that were made with other data; choose another folder"
        in bgdl("eval", "set", "-m", "otsu", "-o", tmp_path / "out").err
    )


def test_a_method_of_another_file_is_another_method(
    bgdl: Bgdl, pairs: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    prior = tmp_path / "prior.safetensors"
    prior.write_bytes(tiny_weights.read_bytes())
    arguments = ("eval", pairs, "-m", f"grabcut:prior={prior}", "-o", tmp_path / "out", "--limit", 1)
    assert bgdl(*arguments).status == 0
    torch.manual_seed(5)
    checkpoint.write(prior, U2Net("u2netp"), spec=InputSpec(size=32), half=False)
    assert "holds results that were made with other grabcut:prior=" in bgdl(*arguments).err


def test_compare_says_what_moved(bgdl: Bgdl, tmp_path: Path) -> None:
    pairs = make_pairs(tmp_path / "set")
    assert bgdl("eval", pairs, "-m", "otsu", "-o", tmp_path / "a").status == 0
    old = tmp_path / "a" / "report.json"
    same = bgdl("eval", pairs, "-m", "otsu", "--compare", old)
    assert re.search(r"set, otsu: IoU (0\.\d+) → \1 \[\+0.000, \+0.000\], unchanged", same.out)
    report = json.loads(old.read_text())
    for row in report["pictures"]:
        row["iou"] += 0.25
    old.write_text(json.dumps(report))
    moved = bgdl("eval", pairs, "-m", "otsu", "--binarize", "--compare", old)
    assert re.search(r"set, otsu: IoU .* \[-0.250, -0.250\], worse", moved.out)
    assert "rules differ from the earlier report: binarize is True, was False" in moved.out
    for row in report["pictures"]:
        del row["clip"]
    for damaged in ({"format": 1}, report):
        old.write_text(json.dumps(damaged))
        done = bgdl("eval", pairs, "-m", "otsu", "--compare", old)
        assert "is an incomplete report; run bgdl eval again" in done.err and not done.out
    old.write_text("{}")
    assert "is not a report.json of this version" in bgdl("eval", pairs, "-m", "otsu", "--compare", old).err


def test_names_are_no_markup(bgdl: Bgdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = [make_pairs(tmp_path / parent / "b]", 1) for parent in ("p[", "q[")]
    config = tmp_path / "some.yaml"
    config.write_text('methods: [{"a [/i]": otsu}, {"[red]": canny}]')
    monkeypatch.setattr(console, "err", Console(stderr=True, soft_wrap=True, force_terminal=True))  # with a bar
    done = bgdl("eval", *sets, "--config", config)
    assert done.status == 0, done.err
    assert all(name in done.out for name in ("p[/b]", "q[/b]", "a [/i]", "[red]"))
    assert "p[/b]" in done.err.split("engine none")[-1]


def test_names_that_are_no_utf_8(bgdl: Bgdl, tmp_path: Path) -> None:
    pairs = make_pairs(tmp_path / "set", 1)
    for folder in ("images", "masks"):
        try:
            (pairs / folder / "000.png").rename(pairs / folder / "J\udcfcrgen.png")
        except (OSError, UnicodeError):
            pytest.skip("this file system has names in UTF-8 only")
    done = bgdl("eval", pairs, "-m", "otsu", "-o", tmp_path / "out")
    assert done.status == 0, done.err
    for name in ("report.csv", "report.html"):
        assert r"J\udcfcrgen" in (tmp_path / "out" / name).read_text("utf-8")
    assert not list((tmp_path / "out").glob("*.part"))


def test_settings_of_a_file_and_options_before_it(bgdl: Bgdl, pairs: Path, tmp_path: Path) -> None:
    config = tmp_path / "some.yaml"
    config.write_text("methods: [otsu, canny]\nreference: canny\nlimit: 1\n")
    out = tmp_path / "out"
    assert bgdl("eval", pairs, "--config", config, "--limit", 2, "-o", out).status == 0
    report = json.loads((out / "report.json").read_text())
    assert (report["rules"]["limit"], report["reference"], len(report["pictures"])) == (2, "canny", 4)


def test_what_is_left_out_is_said_and_the_status_tells(bgdl: Bgdl, pairs: Path) -> None:
    (pairs / "images" / "001.png").write_bytes(b"")
    done = bgdl("eval", pairs, "-m", "otsu,static_difference")
    assert done.status == 1
    assert "set, unreadable: 1 left out (001): " in done.err and "001.png is empty" in done.err
    assert re.search(r"set, static_difference: 2 left out \(000 and 1 more\): static_difference needs", done.err)


def test_pictures_that_break_for_one_reason_are_a_line(bgdl: Bgdl, tmp_path: Path) -> None:
    for number in range(9):
        save(tmp_path / "set" / f"{number}.jpg", scene(0)[0])
    done = bgdl("eval", tmp_path / "set", "-m", "otsu")
    assert "set, unreadable: 9 left out (0 and 8 more): no mask, and no transparency" in done.err


def test_reasons_beyond_the_first_five_are_in_the_report_where_there_is_one(bgdl: Bgdl, tmp_path: Path) -> None:
    pairs = make_pairs(tmp_path / "set", 7)
    for picture in (pairs / "images").iterdir():
        picture.write_bytes(b"")
    assert "set: 2 more reasons; --output keeps them all\n" in bgdl("eval", pairs, "-m", "otsu").err
    assert "set: 2 more reasons are in the report\n" in bgdl("eval", pairs, "-m", "otsu", "-o", tmp_path / "out").err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "otsu"], "no data; give a folder with images/ and masks/"),
        (["SET"], "no methods; give names from"),
        (["SET", "-m", "nothing"], "unknown model 'nothing'; known are portrait"),
        (["nowhere", "-m", "otsu"], "no data at nowhere"),
        (["SET", "-m", "otsu,mattes:SET/masks", "--engine", "torch"], "none of the methods uses a network; leave"),
        (["SET", "-m", "otsu", "--precision", "int8"], "uses a network; leave engine and precision out"),
        (["SET", "-m", "otsu", "--overwrite"], "overwrite replaces a report; give output too, or leave it out"),
        (["SET", "-m", "otsu", "--compare", "none.json"], "cannot read none.json"),
        (["SET", "-m", "otsu", "--output", "SET.csv"], "set.csv is a file; give a folder for the report"),
    ],
)
def test_mistakes_are_a_sentence(bgdl: Bgdl, pairs: Path, arguments: list[str], message: str) -> None:
    pairs.with_suffix(".csv").touch()
    done = bgdl("eval", *(part.replace("SET", str(pairs)) for part in arguments))
    assert done.status == 1
    assert message in done.err


@pytest.mark.parametrize(
    ("data", "out"),
    [
        ("pairs", "pairs/images"),
        ("pairs", "pairs/masks/report"),
        ("cut", "cut"),
        ("cut", "cut/report"),
        ("cut/mattes", "cut"),  # where the report's own mattes go
        ("davis", "davis/JPEGImages/480p"),
    ],
)
def test_a_report_among_the_pictures_is_refused_since_its_mattes_would_be_data(
    bgdl: Bgdl, tmp_path: Path, data: str, out: str
) -> None:
    _make_layouts(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    done = bgdl("eval", tmp_path / data, "-m", "otsu", "-o", tmp_path / out)
    assert done.status == 1
    assert re.search(r"error: the report would lie in .*, where every picture is data; give a folder outside", done.err)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("data", "out"), [("pairs", "pairs"), ("pairs", "pairs/report"), ("pairs.csv", "pairs/images"), ("clips", "clips")]
)
def test_a_report_beside_the_pictures_leaves_the_data_as_it_was(
    bgdl: Bgdl, tmp_path: Path, data: str, out: str
) -> None:
    _make_layouts(tmp_path)
    for _ in range(2):
        done = bgdl("eval", tmp_path / data, "-m", "otsu", "-o", tmp_path / out)
        assert done.status == 0, done.err


def test_a_report_among_mattes_made_elsewhere_is_refused(bgdl: Bgdl, tmp_path: Path) -> None:
    _make_layouts(tmp_path)
    mattes = tmp_path / "pairs" / "masks"
    done = bgdl("eval", tmp_path / "pairs.csv", "-m", f"mattes:{mattes}", "-o", mattes / "report")
    assert (done.status, done.err.count("the report would lie in")) == (1, 1)


def _make_layouts(root: Path) -> None:
    """pairs/ and pairs.csv, cut/ and cut/mattes/ of transparent pictures, davis/ and clips/."""
    make_pairs(root / "pairs", 2)
    (root / "pairs.csv").write_text("image,mask\npairs/images/000.png,pairs/masks/000.png\n")
    (root / "clips").mkdir()
    scenes = [scene(number) for number in range(3)]
    for number, (picture, mask) in enumerate(scenes):
        for folder in ("cut", "cut/mattes"):
            save(root / folder / f"{number}.png", np.dstack([picture, mask]))
        save(root / "davis" / "JPEGImages" / "480p" / "walk" / f"{number}.jpg", picture)
        save(root / "davis" / "Annotations" / "480p" / "walk" / f"{number}.png", mask)
    for name, pictures in zip(("walk", "walk-matte"), zip(*scenes, strict=True), strict=True):
        write_clip(root / "clips" / f"{name}.mkv", list(pictures))
