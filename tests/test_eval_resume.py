"""A run that was stopped goes on; what failed is tried again, and results of other rules are refused."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest

from bgdl.errors import InputError
from bgdl.evaluation.protocol import Rules
from bgdl.evaluation.records import FILE, Record, Store
from bgdl.evaluation.runner import Runner
from bgdl.evaluation.sources import open_sources
from tests.eval_data import Bright, make_clip, make_pairs
from tests.eval_runs import AS_CLIP, HEADER, run


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip")


def test_a_stopped_run_goes_on(tmp_path):
    root, out = make_pairs(tmp_path / "set"), tmp_path / "out"
    first = Runner({"bright": Bright()}, Rules(), Store(out, HEADER))
    list(islice(first.run(open_sources((str(root),), Rules())), 4))
    with (out / FILE).open("a") as file:
        file.write('{"data": "cut sh')
    again = Bright()
    records, done = run(root, [again], store=Store(out, HEADER))
    assert len(records) == len(done) == 6
    assert again.calls.count("alpha") == 2 + 2  # the warm-up and what was left
    finished = Bright()
    assert run(root, [finished], store=Store(out, HEADER))[1] == []
    assert finished.calls == []


def test_a_finished_report_takes_a_method_more(tmp_path):
    root, out = make_pairs(tmp_path / "set", 2), tmp_path / "out"
    run(root, [Bright()], store=Store(out, HEADER))
    both = {**HEADER, "methods": {"bright": {}, "other": {}}}
    old, new = Bright(), Bright("other")
    records, _ = run(root, [old, new], store=Store(out, both))
    assert (len(records), old.calls) == (4, [])
    assert json.loads((out / FILE).read_text().splitlines()[0]) == both


def test_what_failed_is_tried_again(tmp_path):
    class Fussy(Bright):
        def alpha(self, frames):
            if len(self.calls) in (4, 5):  # after the warm-up and two resets
                self.calls.append("alpha")
                raise InputError("not now")
            return super().alpha(frames)

    root, out = make_pairs(tmp_path / "set", 4), tmp_path / "out"
    broken, _ = run(root, [Fussy()], store=Store(out, HEADER))
    assert [record.name for record in broken if record.error] == ["000", "001"]
    again = Bright()
    records, _ = run(root, [again], store=Store(out, HEADER))
    assert len(records) == 4 and not any(record.error for record in records)
    assert again.calls.count("alpha") == 2 + 2  # the warm-up and what had failed


def test_a_frame_that_cannot_be_read_stays_so_until_its_file_changes(clip, tmp_path):
    def again(stamp: str, matter: Bright) -> list[Record]:
        header = {**HEADER, "files": {clip.name: stamp}}
        return run(clip, [matter], AS_CLIP, store=Store(tmp_path / "out", header))[0]

    frame = clip / "images" / "2.png"
    sound = frame.read_bytes()
    frame.write_bytes(b"")
    broken = again("before", Bright())
    assert [record.method for record in broken] == ["bright", "bright", "", "bright", "bright", "bright"]
    idle = Bright()
    assert [record.scores for record in again("before", idle)] == [record.scores for record in broken]
    assert not idle.calls
    frame.write_bytes(sound)
    assert [record.name for record in again("after", Bright())] == ["0", "1", "2", "3", "4", "5"]


def test_a_sequence_in_which_a_method_failed_is_scored_whole(clip, tmp_path):
    class Fussy(Bright):
        def alpha(self, frames):
            if len(self.calls) == 4:
                self.calls.append("alpha")
                raise InputError("not now")
            return super().alpha(frames)

    broken, _ = run(clip, [Fussy()], AS_CLIP, store=Store(tmp_path / "out", HEADER))
    assert len([record for record in broken if record.error]) == 1
    records, _ = run(clip, [Bright()], AS_CLIP, store=Store(tmp_path / "out", HEADER))
    assert [record.name for record in records] == ["0", "1", "2", "3", "4", "5"]
    assert all("dtssd" in record.scores for record in records[1:])


def test_what_is_not_finite_is_left_out(tmp_path):
    nan = float("nan")
    Store(tmp_path, HEADER)
    with (tmp_path / FILE).open("a") as file:
        row = {"data": "set", "clip": "set", "name": "a", "method": "bright", "scores": {"iou": 1, "s_measure": nan}}
        file.write(json.dumps(row | {"curves": {"max_f": [0.5, nan], "best_iou": [1.0]}}) + "\n")
    (record,) = Store(tmp_path, HEADER).pictures(["bright"])
    assert (record.scores, record.curves) == ({"iou": 1}, {"best_iou": [1.0]})


def test_results_of_other_rules_are_refused(tmp_path):
    Store(tmp_path, HEADER).add([Record("set", "set", "a", "bright", error="x")])
    with pytest.raises(
        InputError, match=r"made with other rules, bright; choose another folder, or overwrite the report"
    ):
        Store(tmp_path, {"rules": {"every": 2}, "methods": {"bright": {"sha": 1}}})
    assert not Store(tmp_path, {"rules": {"every": 2}, "methods": {}}, overwrite=True).records
