"""What a run keeps: mattes that stay in their folder, records that a full disk or damage does not take along."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bgdl.errors import InputError
from bgdl.evaluation.records import FILE, Record, Store
from bgdl.evaluation.runner import matte_path
from tests.eval_data import Bright, make_pairs, scene
from tests.eval_runs import HEADER, run


def test_mattes_are_kept(tmp_path):
    run(make_pairs(tmp_path / "set", 1), [Bright("a:b=1")], mattes=tmp_path / "mattes")
    with Image.open(tmp_path / "mattes" / matte_path("set", "set", "000", "a:b=1")) as matte:
        assert np.array_equal(np.asarray(matte), scene(0)[1])


@pytest.mark.parametrize("name", ["/data/images/a", "../../images/a", "sub/../../a", "a", "sub/a b"])
def test_mattes_stay_in_their_folder_whatever_a_manifest_names(tmp_path, name):
    path = matte_path("set", "..", name, "otsu")
    assert (tmp_path / path).resolve().is_relative_to(tmp_path / "set" / "otsu" / path.parts[2])
    assert re.fullmatch("_-[0-9a-f]{8}", path.parts[2])
    assert not path.is_absolute() and path.suffix == ".png"


def test_names_that_differ_have_mattes_that_differ():
    names = ["/a/b", "../a/b", "a/b", "_/a/b", "../../a/b"]
    assert len({matte_path("set", "set", name, "otsu") for name in names}) == len(names)
    labels = ["a:b=1", "a:b:1", "a_b_1", "a b=1"]
    assert len({matte_path("set", "set", "000", label).parent for label in labels}) == len(labels)


def test_a_manifest_of_absolute_paths_leaves_its_pictures(tmp_path):
    root = make_pairs(tmp_path / "set", 1)
    before = (root / "images" / "000.png").read_bytes()
    (tmp_path / "list.csv").write_text(f"image,mask\n{root}/images/000.png,{root}/masks/000.png\n")
    run(tmp_path / "list.csv", [Bright()], mattes=tmp_path / "mattes")
    assert (root / "images" / "000.png").read_bytes() == before
    assert len(list((tmp_path / "mattes").rglob("*.png"))) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_records_that_no_longer_fit_are_a_sentence(tmp_path):
    store = Store(tmp_path, HEADER)
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"cannot write .*records\.jsonl: No space left on device$"):
        store.add([Record("set", "set", "a", "bright", error="x")])


@pytest.mark.parametrize("header", [b"", b"[]", b"{}", b"null", b'{"methods": []}', b'{"methods": {}, "files": 1}'])
def test_a_damaged_header_is_a_sentence(tmp_path, header):
    (tmp_path / FILE).write_bytes(header)
    with pytest.raises(InputError, match=r"records.jsonl is damaged at line 1; delete it or overwrite the report$"):
        Store(tmp_path, HEADER)


SOUND = {"data": "set", "clip": "set", "name": "a", "method": "bright"}
CHANGES = [
    {"more": 1},
    {"name": None},
    {"data": ["set"]},
    {"scores": None},
    {"scores": "0.5"},
    {"scores": {"iou": "0.5"}},
    {"scores": {"iou": 10**400}},
    {"curves": {"max_f": 1}},
    {"seconds": "1"},
    {"error": 1},
]


@pytest.mark.parametrize(
    "line",
    [b"[1]", b"null", b"{}", b"[" * 100_000, b"\xff\xfe", b"{", *(json.dumps(SOUND | new).encode() for new in CHANGES)],
    ids=lambda line: line[-24:].decode("latin-1"),
)
def test_a_damaged_record_is_a_sentence(tmp_path, line):
    lines = [json.dumps(HEADER).encode(), line, json.dumps(SOUND).encode()]
    (tmp_path / FILE).write_bytes(b"\n".join(lines))
    with pytest.raises(InputError, match=r"records.jsonl is damaged at line 2; delete it or overwrite the report$"):
        Store(tmp_path, HEADER)


def test_only_what_a_stop_cut_short_is_forgotten(tmp_path):
    kept = f"{json.dumps(HEADER)}\n{json.dumps(SOUND)}\n"
    (tmp_path / FILE).write_text(kept + json.dumps(SOUND)[:-1])
    assert len(Store(tmp_path, HEADER).records) == 1
    (tmp_path / FILE).write_text(kept + "[1]")
    with pytest.raises(InputError, match="damaged at line 3"):
        Store(tmp_path, HEADER)
