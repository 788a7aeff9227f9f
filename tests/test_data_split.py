"""On which side of the split a picture falls, and that nothing that was to be kept aside is trained on."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bgdl.data.pairs import Pair
from bgdl.data.split import split_pairs
from bgdl.errors import InputError


def pairs_of(*names: str) -> list[Pair]:
    return [Pair(name, Path(f"images/{name}.jpg"), None) for name in names]


def test_number_rule_is_the_number_modulo() -> None:
    pairs = [Pair(f"{n:04}", Path(f"{n:04}.jpg"), None) for n in range(1, 41)]
    training, validation = split_pairs(pairs, "number:10:3")
    assert [p.name for p in validation] == ["0003", "0013", "0023", "0033"] and len(training) == 36


def test_file_rule_reads_names(tmp_path: Path) -> None:
    listed = tmp_path / "val.txt"
    listed.write_text("b\nc.jpg\n")
    pairs = [Pair(name, Path(f"{name}.jpg"), None) for name in "abcd"]
    assert [p.name for p in split_pairs(pairs, f"file:{listed}")[1]] == ["b", "c"]


@pytest.mark.parametrize("rule", ["half", "hash", "hash:x", "hash:0", "number:10", "all:3"])
def test_unknown_rules_say_what_is_allowed(rule: str) -> None:
    with pytest.raises(InputError, match="use hash:N, number:N:R, file:PATH, column or all"):
        split_pairs([Pair("a", Path("a.jpg"), None)], rule)


@given(st.sets(st.text("abcdefghij0123456789/", min_size=1, max_size=12), min_size=1, max_size=30), st.integers(1, 9))
def test_a_name_stays_on_its_side_whatever_is_added(names: set[str], share: int) -> None:
    pairs = [Pair(name, Path(name), None) for name in sorted(names)]
    training, validation = split_pairs(pairs, f"hash:{share}")
    assert {p.name for p in training} | {p.name for p in validation} == names
    assert not {p.name for p in training} & {p.name for p in validation}
    alone = [split_pairs([pair], f"hash:{share}")[1] for pair in validation]
    assert [pair for found in alone for pair in found] == validation


def test_a_name_stays_on_its_side_from_version_to_version() -> None:
    validation = split_pairs(pairs_of(*(f"person-{n:03}" for n in range(20))), "hash:5")[1]
    assert [p.name[-3:] for p in validation] == ["001", "002", "009", "014", "017", "018"]


def test_pairs_may_come_from_a_generator() -> None:
    training, validation = split_pairs((pair for pair in pairs_of("1", "2", "3")), "number:2:0")
    assert [p.name for p in training] == ["1", "3"] and [p.name for p in validation] == ["2"]


def test_a_list_may_lie_in_the_home_folder() -> None:
    (Path.home() / "val.txt").write_text("b\n")
    assert split_pairs(pairs_of("a", "b"), "file:~/val.txt") == (pairs_of("a"), pairs_of("b"))


@pytest.mark.parametrize("line", ["sub/b", "sub/b.jpg", "b.jpg"])
def test_listed_names_may_have_suffix_and_folder(tmp_path: Path, line: str) -> None:
    listed = tmp_path / "val.txt"
    listed.write_text(f"{line}\r\na\r\n", "utf-8-sig")
    assert [p.name for p in split_pairs(pairs_of("a", "sub/b", "c"), f"file:{listed}")[1]] == ["a", "sub/b"]


def test_lists_that_cannot_be_read_or_name_no_picture_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "val.txt").write_text("a\nperson-7\nperson-8\n")
    with pytest.raises(InputError, match=r"val.txt lists names that no picture has \(2\): person-7, person-8"):
        split_pairs(pairs_of("a", "b"), f"file:{tmp_path / 'val.txt'}")
    (tmp_path / "word.txt").write_text("a\n", "utf-16")
    with pytest.raises(InputError, match=r"word.txt is not UTF-8"):
        split_pairs(pairs_of("a"), f"file:{tmp_path / 'word.txt'}")
    with pytest.raises(InputError, match=r"cannot read the split file .*none.txt: No such file"):
        split_pairs(pairs_of("a"), f"file:{tmp_path / 'none.txt'}")


def test_column_leaves_test_pictures_out_and_refuses_other_words() -> None:
    said = {"a": "train", "b": "val", "c": "test", "d": None}
    pairs = [Pair(name, Path(f"{name}.jpg"), None, split) for name, split in said.items()]
    training, validation = split_pairs(pairs, "column")
    assert [p.name for p in training] == ["a", "d"] and [p.name for p in validation] == ["b"]
    with pytest.raises(InputError, match="column split holds 'Val', 'validation'; use train, val or test"):
        split_pairs([*pairs, Pair("e", Path(), None, "validation"), Pair("f", Path(), None, "Val")], "column")


def test_all_keeps_everything() -> None:
    assert split_pairs(pairs_of("a", "b"), "all") == ([], pairs_of("a", "b"))


@pytest.mark.parametrize("listed", ["Ju\u0308rgen", "J\u00fcrgen", "Ju\u0308rgen.png", "J\u00fcrgen.jpg"])
def test_listed_names_may_be_macos_way(tmp_path, listed):
    image = tmp_path / "Ju\u0308rgen.jpg"
    pairs = [Pair("J\u00fcrgen", image.with_suffix(".png"), None), Pair("J\u00fcrgen2", image, None)]
    (tmp_path / "val.txt").write_text(listed, "utf-8")
    kept = split_pairs(pairs, f"file:{tmp_path / 'val.txt'}")[1]
    assert len(kept) == 1
