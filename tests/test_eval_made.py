"""Mattes made elsewhere, and Matters of one's own, are scored like methods."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from bgdl.errors import InputError
from bgdl.evaluation.evaluate import evaluate
from bgdl.evaluation.made import read_matte
from bgdl.evaluation.protocol import Rules, make_plan, parse_method
from tests.conftest import Bgdl
from tests.eval_data import Bright, make_pairs, save, scene, write_clip


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return make_pairs(tmp_path / "set")


def make_mattes(folder: Path, pairs: Path) -> Path:
    """Less sure than the masks, and smaller."""
    for mask in (pairs / "masks").iterdir():
        small = cv2.erode(np.array(Image.open(mask)), np.ones((5, 5), np.uint8))
        save(folder / mask.name, np.where(small > 0, 190, 0).astype(np.uint8))
    return folder


def scores(bgdl: Bgdl, out: Path, *arguments: object) -> dict[str, dict[str, dict[str, float]]]:
    done = bgdl("eval", *arguments, "-o", out)
    assert done.status == 0, done.err
    summary: dict[str, dict[str, dict[str, float]]] = json.loads((out / "report.json").read_text())["data"][0][
        "summary"
    ]
    return summary


def test_mattes_of_a_folder_are_scored_alone_and_beside_others(bgdl: Bgdl, pairs: Path, tmp_path: Path) -> None:
    theirs = make_mattes(tmp_path / "theirs", pairs)
    alone = scores(bgdl, tmp_path / "a", pairs, "-m", f"mattes:{theirs}")["theirs"]
    both = scores(bgdl, tmp_path / "b", pairs, "-m", f"otsu,mattes:{theirs}:edge=guided,mattes:{theirs}")
    assert list(alone) == list(both["theirs"]) and "median_ms" not in alone
    assert "median_ms" in both["otsu"] and both["theirs"]["iou"] == alone["iou"]
    assert both["theirs:edge=guided"]["mae"] != alone["mae"]
    matte, mask = (np.array(Image.open(folder / "000.png")) for folder in (theirs, pairs / "masks"))
    row = json.loads((tmp_path / "a" / "report.json").read_text())["pictures"][0]
    assert row["iou"] == pytest.approx((matte > 127).sum() / (mask > 127).sum(), abs=1e-6)
    assert row["mae"] == pytest.approx(np.abs(matte / 255 - mask / 255).mean(), abs=1e-6)


def test_pictures_that_have_no_fitting_matte_are_listed(bgdl: Bgdl, pairs: Path, tmp_path: Path) -> None:
    theirs = make_mattes(tmp_path / "theirs", pairs)
    (theirs / "001.png").unlink()
    Image.new("L", (10, 10)).save(theirs / "002.png")
    Image.new("RGB", (51, 40), (200, 90, 90)).save(theirs / "003.png")
    (theirs / "004.png").write_bytes(b"")
    done = bgdl("eval", pairs, "-m", f"mattes:{theirs},otsu")
    assert done.status == 1
    assert f"set, theirs: 1 left out (001): {theirs} has no matte of its name" in done.err
    assert "1 left out (002): its matte is 10x10 and the picture 50x40 px; they must agree" in done.err
    assert "1 left out (003): 003.png is no matte: it has colours but no transparency" in done.err
    assert "1 left out (004): " in done.err and "004.png is empty" in done.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mattes:nowhere", "no folder of mattes at nowhere"),
        ("mattes:.", r"\. holds no mattes; give a folder of pictures or clips"),
        ("mattes:SET/masks:size=3", "has no option 'size'; mattes take edge, smooth"),
        ("mattes:", "'mattes:' is not a method"),
    ],
)
def test_what_are_no_mattes_is_a_sentence(
    bgdl: Bgdl, pairs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    done = bgdl("eval", pairs, "-m", text.replace("SET", str(pairs)))
    assert done.status == 1 and re.search(said, done.err), done.err


def test_folders_are_called_by_their_names() -> None:
    assert parse_method("mattes:out/rembg:edge=guided").label == "rembg:edge=guided"
    assert parse_method("mattes:v1.2/").label == "v1.2"
    with pytest.raises(InputError, match=r"two methods are called 'a'; name each once, and give files and folders"):
        make_plan(["set"], ["mattes:x/a", "mattes:y/a"])
    assert [spec.label for spec in make_plan(["set"], [{"one": "mattes:x/a"}, "mattes:y/a"]).methods] == ["one", "a"]


def test_mattes_follow_pictures_that_are_shrunk(bgdl: Bgdl, pairs: Path, tmp_path: Path) -> None:
    found = scores(bgdl, tmp_path / "out", pairs, "-m", f"mattes:{pairs}/masks", "--resize", 24)
    assert found["masks"]["mae"]["mean"] < 1e-6


def test_mattes_of_clips_lie_in_folders_and_clips_of_their_names(bgdl: Bgdl, tmp_path: Path) -> None:
    pictures, masks = zip(*(scene(number) for number in range(8)), strict=True)
    for name in ("one", "two"):
        for file, frames in ((f"{name}.mkv", pictures), (f"{name}-matte.mkv", masks)):
            (tmp_path / "clips").mkdir(exist_ok=True)
            write_clip(tmp_path / "clips" / file, list(frames))
    theirs = tmp_path / "theirs"
    for number, mask in enumerate(masks):
        save(theirs / "one" / f"{number:05d}.png", mask)
    write_clip(theirs / "two.mkv", list(masks))
    for more in ((), ("--every", 3), ("--prime", 2)):
        found = scores(
            bgdl, tmp_path / f"out{len(more)}{more[:1]}", tmp_path / "clips", "-m", f"mattes:{theirs}", *more
        )
        assert found["theirs"]["iou"]["mean"] == 1 and found["theirs"]["mae"]["mean"] == 0
    write_clip(theirs / "two.mkv", list(masks[:6]))
    done = bgdl("eval", tmp_path / "clips", "-m", f"mattes:{theirs}")
    assert "2 left out (00006 and 1 more): two.mkv has fewer frames than the clip" in done.err


def test_one_matte_is_not_taken_for_two_pictures(bgdl: Bgdl, tmp_path: Path) -> None:
    sets = [make_pairs(tmp_path / name) for name in ("a", "b")]
    done = bgdl("eval", *sets, "-m", f"mattes:{sets[0]}/masks")
    assert "b, masks: 6 left out (000 and 5 more): its matte is that of a picture of a/a; give each clip" in done.err
    for name in ("a", "b"):
        make_mattes(tmp_path / "theirs" / name, tmp_path / name)
    assert bgdl("eval", *sets, "-m", f"mattes:{tmp_path}/theirs").status == 0


def test_pictures_of_a_manifest_are_found_by_their_last_name(bgdl: Bgdl, pairs: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("image,mask\nset/images/000.png,set/masks/000.png\n")
    found = scores(bgdl, tmp_path / "out", tmp_path / "list.csv", "-m", f"mattes:{pairs}/masks")
    assert found["masks"]["mae"]["mean"] == 0


def test_other_mattes_are_another_method(bgdl: Bgdl, pairs: Path, tmp_path: Path) -> None:
    theirs = make_mattes(tmp_path / "theirs", pairs)
    arguments = (pairs, "-m", f"mattes:{theirs}")
    first = scores(bgdl, tmp_path / "out", *arguments)
    assert scores(bgdl, tmp_path / "out", *arguments) == first
    save(theirs / "000.png", scene(0)[1])
    assert "made with other theirs; choose another folder" in bgdl("eval", *arguments, "-o", tmp_path / "out").err


def test_a_matte_is_grey_or_transparency(tmp_path: Path) -> None:
    picture, mask = scene(0)
    soft = mask // 2 + 40
    forms = {
        "grey": Image.fromarray(soft),
        "rgb": Image.fromarray(np.dstack([soft] * 3)),
        "opaque": Image.fromarray(np.dstack([soft] * 3 + [np.full_like(soft, 255)])),
        "cutout": Image.fromarray(np.dstack([picture, soft])),
        "deep": Image.fromarray(soft.astype(np.uint16) * 257),
    }
    for name, form in forms.items():
        form.save(tmp_path / f"{name}.png")
        found = read_matte(tmp_path / f"{name}.png")
        assert found.dtype == torch.float32 and torch.allclose(found, torch.from_numpy(soft) / 255, atol=1e-6), name
    Image.fromarray(mask // 255).save(tmp_path / "faint.png")
    assert read_matte(tmp_path / "faint.png").max() == pytest.approx(1 / 255)


def test_a_matter_of_ones_own_is_scored(pairs: Path) -> None:
    found = evaluate(pairs, {"base": Bright(above=30), "mine": Bright("other")}, Rules(limit=3))
    assert found["summary"]["mine"]["iou"]["mean"] == 1 and found["summary"]["mine"]["pictures"] == 3
    assert found["paired"]["mine"]["iou"]["mean"] > 0.5
    with pytest.raises(InputError, match="the reference 'x' is not one of the matters: mine"):
        evaluate(pairs, {"mine": Bright()}, reference="x")
    with pytest.raises(InputError, match="no matters; give at least one"):
        evaluate(pairs, {})
