"""What an evaluation is asked to do: methods, rules, configs and the empty scene as they are written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bgdl.errors import InputError
from bgdl.evaluation.protocol import Rules, make_plan, parse_method, read_config, split_methods

ROOT = Path(__file__).resolve().parent.parent


def test_commas_within_brackets_part_no_methods():
    assert split_methods("portrait, roi_average:rectangle=[1,2,30,40],otsu") == [
        "portrait", "roi_average:rectangle=[1,2,30,40]", "otsu"
    ]  # fmt: skip


def test_a_number_of_frames_needs_no_quotes_in_a_file():
    assert Rules(prime=60).prime == "60"


def test_methods_as_they_are_written():
    spec = parse_method("mog2:history=200:shadows=drop:cleanup=tidy")
    assert (spec.model, spec.label) == ("mog2", "mog2:history=200:shadows=drop:cleanup=tidy")
    assert spec.options == {"history": 200, "shadows": "drop", "cleanup": "tidy"}
    assert parse_method("some/where/mine.safetensors:size=256").label == "mine:size=256"
    named = parse_method({"tidy": "mog2:cleanup=tidy"})
    assert (named.label, named.text, named.options) == ("tidy", "mog2:cleanup=tidy", {"cleanup": "tidy"})
    with pytest.raises(
        InputError, match="is not a method; write NAME:option=value, or LABEL: NAME:option=value, one to an entry"
    ):
        parse_method({"a": "mog2", "b": "knn"})
    for wrong in (3, {"a": 5}):
        with pytest.raises(InputError, match="is not a method"):
            parse_method(wrong)
    assert parse_method({2024: "mog2"}).label == "2024"
    assert parse_method(r"C:\weights\mine.pth").model == r"C:\weights\mine.pth"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], ["otsu"]), "no data; give a folder"),
        ((["set"], []), "no methods; give names from"),
        ((["set"], ["otsu", "otsu"]), "two methods are called 'otsu'"),
        ((["set"], [":a=1"]), "':a=1' is not a method"),
    ],
)
def test_plans_that_cannot_be(arguments, message):
    with pytest.raises(InputError, match=message):
        make_plan(*arguments)
    with pytest.raises(InputError, match="the reference 'knn' is not one of the methods: otsu, canny"):
        make_plan(["set"], ["otsu", "canny"], reference="knn")


def test_yes_is_no_number_of_pictures_and_numpys_numbers_are():
    for name in ("every", "limit", "resize"):
        with pytest.raises(InputError, match=f"{name} is True; it must be a whole number, 1 or more"):
            Rules(**{name: True})
    rules = Rules(every=np.int64(2), limit=np.int32(3))
    assert (rules.every, rules.limit) == (2, 3) and type(rules.every) is int and type(rules.limit) is int


def test_rules_may_be_of_many_pictures():
    rules = Rules(every=10**9, limit=10**9, resize=10**9)
    assert (rules.every, rules.limit, rules.resize) == (10**9,) * 3
    with pytest.raises(InputError, match="limit is 1000000001; it must be 1000000000 or less"):
        Rules(limit=10**9 + 1)


def test_rules_that_cannot_be():
    with pytest.raises(InputError, match="every is 0; it must be a whole number, 1 or more"):
        Rules(every=0)
    with pytest.raises(InputError, match="every is None; it must be a whole number, 1 or more"):
        Rules(every=None)
    with pytest.raises(InputError, match="kind is 'film'; it must be one of pictures, sequence"):
        Rules(kind="film")
    with pytest.raises(InputError, match="split is 5; it must be a string"):
        Rules(split=5)
    with pytest.raises(InputError, match="binarize is 'no'; it must be true or false"):
        Rules(binarize="no")


@pytest.mark.parametrize("prime", ["0", "0s", "0.0s"])
def test_an_empty_scene_of_nothing_is_refused(prime):
    with pytest.raises(InputError, match=f"prime is '{prime}', which shows nothing; give more than 0"):
        Rules(prime=prime)


@pytest.mark.parametrize("prime", [2.5, "soon", "s", "missing.png"])
def test_an_empty_scene_is_seconds_frames_or_a_file(prime):
    with pytest.raises(InputError, match=r"which is not seconds \(2s\), frames \(60\) or a file that exists"):
        Rules(prime=prime)


def test_configs(tmp_path):
    path = tmp_path / "some.yaml"
    path.write_text("methods: otsu, canny\nevery: 5\n")
    assert read_config(path) == {"methods": ["otsu", "canny"], "every": 5}
    for data in ("2024", "[2024]"):
        path.write_text(f"data: {data}\n")
        assert read_config(path) == {"data": ["2024"]}
    path.write_text("data: one, two.csv\n")
    assert read_config(path) == {"data": ["one", "two.csv"]}
    path.write_text("methods: {a: otsu, b: canny}\n")
    with pytest.raises(InputError, match=r"methods is .*; it must be a list, one to an entry"):
        read_config(path)
    path.write_text("evry: 5\n")
    with pytest.raises(InputError, match="has the unknown key 'evry'; known are binarize, data, every"):
        read_config(path)
    path.write_text("- a\n")
    with pytest.raises(InputError, match="is not a mapping"):
        read_config(path)
    with pytest.raises(InputError, match="cannot read"):
        read_config(tmp_path / "none.yaml")


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "eval").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_config_is_a_plan(path):
    from bgdl.registry import METHODS

    settings = read_config(path)
    methods, reference = settings.pop("methods"), settings.pop("reference")
    plan = make_plan(["set"], methods, Rules(**settings), reference=reference)
    assert {spec.model for spec in plan.methods} <= set(METHODS)
