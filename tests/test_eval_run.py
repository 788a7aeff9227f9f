"""A run over pictures and clips: what is scored, in which order, what is kept, and how it goes on."""

from __future__ import annotations

import json
import re
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from bgdl.errors import InputError
from bgdl.evaluation import runner, scores
from bgdl.evaluation.protocol import Rules
from bgdl.evaluation.records import FILE, Record, Store
from bgdl.evaluation.runner import Runner, matte_path
from bgdl.evaluation.sources import open_sources
from bgdl.metrics import temporal
from tests.eval_data import Bright, Learner, make_pairs, save, scene

NO_RULES = Rules()
AS_CLIP = Rules(kind="sequence")
HEADER = {"rules": {}, "methods": {"bright": {}}}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    for number in range(6):
        picture, mask = scene(number)
        save(tmp_path / "clip" / "images" / f"{number}.png", picture)
        save(tmp_path / "clip" / "masks" / f"{number}.png", mask)
    return tmp_path / "clip"


def run(path, matters, rules=NO_RULES, *, store=None, jobs=1, mattes=None):
    store = store or Store(None, HEADER)
    every = Runner({matter.name: matter for matter in matters}, rules, store, mattes, jobs)
    done = list(every.run(open_sources((str(path),), rules)))
    return store.pictures([matter.name for matter in matters]), done


def test_scores_of_pictures(tmp_path):
    worse = Bright("worse", above=30)
    records, done = run(make_pairs(tmp_path), [Bright(), worse])
    assert len(done) == 6
    assert len(records) == 12
    first, second = records[:2]
    assert (first.method, first.scores["iou"], first.scores["mae"]) == ("bright", 1, 0)
    assert second.scores["iou"] < 0.5 < second.scores["recall"]
    assert first.seconds > 0
    assert {*scores.PICTURE, *scores.SALIENCY} == set(first.scores)
    assert {*scores.CURVES} == set(first.curves) and len(first.curves["best_iou"]) == 255


def test_jobs_change_nothing_but_the_time(tmp_path):
    root = make_pairs(tmp_path)
    one, four = (run(root, [Bright(above=30)], jobs=jobs)[0] for jobs in (1, 4))
    assert [(record.key, record.scores) for record in one] == [(record.key, record.scores) for record in four]


def test_stateful_methods_see_every_frame_and_are_reset(clip):
    stateful, stateless = Bright("stateful", stateful=True), Bright("stateless")
    records, _ = run(clip, [stateful, stateless], Rules(every=2, limit=2, kind="sequence"))
    assert [record.name for record in records if record.method == "stateful"] == ["0", "2"]
    warm_up = ["alpha", "alpha", "reset", "reset"]
    assert stateful.calls == [*warm_up, "alpha", "alpha", "alpha", "alpha"]
    assert stateless.calls == [*warm_up, "alpha", "alpha"]


def test_steps_are_scored_in_clips(clip):
    records, _ = run(clip, [Bright(above=30)], AS_CLIP)
    assert "dtssd" not in records[0].scores
    alphas = torch.stack([Bright(above=30).alpha(torch.from_numpy(scene(n)[0])[None])[0, ..., 0] for n in (0, 1)])
    truths = torch.stack([torch.from_numpy(scene(n)[1]) / 255 for n in (0, 1)])
    assert records[1].scores["dtssd"] == pytest.approx(temporal.dtssd(alphas, truths).item(), rel=1e-4)
    assert "messddt" not in records[1].scores  # a hard truth
    pictures, _ = run(clip, [Bright(above=30)])
    assert not any({"dtssd", "flicker"} & set(record.scores) for record in pictures)


@pytest.mark.parametrize("jobs", [1, 4])
def test_frames_of_one_clip_have_one_size(tmp_path, jobs):
    records, _ = run(make_pairs(tmp_path), [Bright()], AS_CLIP, jobs=jobs)
    said = "it is 49x40 px, but its clip began with 48x40; leave kind out if these are single pictures"
    assert not records[0].error and records[1].error == said


def test_a_frame_that_cannot_be_read_has_no_size(clip):
    (clip / "images" / "2.png").write_bytes(b"")
    assert [record.name for record in run(clip, [Bright()], AS_CLIP)[0]] == ["0", "1", "2", "3", "4", "5"]


def test_priming_frames_are_learnt_and_not_scored(clip):
    learner, other = Learner("learner"), Bright("other")
    records, _ = run(clip, [learner, other], Rules(prime="2", kind="sequence"))
    assert learner.plate.shape == (2, 40, 48, 3)
    assert [record.name for record in records if record.method == "other"] == ["2", "3", "4", "5"]
    assert learner.calls[:5] == ["alpha", "alpha", "reset", "reset", "prime"]


def test_priming_with_all_frames_is_a_sentence_and_keeps_no_folder(clip, tmp_path):
    store = Store(tmp_path / "out", {**HEADER, "rules": {"prime": "6"}})
    with pytest.raises(InputError, match=r"clip has no more frames than the empty scene \(prime is 6\); give less"):
        run(clip, [Bright()], Rules(prime="6", kind="sequence"), store=store)
    again = Store(tmp_path / "out", {**HEADER, "rules": {"prime": "5"}})
    assert len(run(clip, [Bright()], Rules(prime="5", kind="sequence"), store=again)[0]) == 1


def test_a_method_that_cannot_learn_the_scene_stops_no_other(clip, tmp_path):
    class Slow(Learner):
        def prime(self, background):
            raise InputError("not this scene")

    rules, out = Rules(prime="2", kind="sequence"), tmp_path / "out"
    records, _ = run(clip, [Slow("slow"), Bright()], rules, store=Store(out, HEADER))
    errors = {record.name: record.error for record in records if record.method == "slow"}
    assert errors == dict.fromkeys("2345", "it could not learn the empty scene: not this scene")
    assert [record.name for record in records if record.method == "bright" and record.scores] == ["2", "3", "4", "5"]
    again, _ = run(clip, [Learner("slow")], rules, store=Store(out, HEADER))
    assert not any(record.error for record in again)


def test_a_long_empty_scene_is_left_out_whole_and_learnt_in_part(clip, monkeypatch):
    monkeypatch.setattr(runner, "MOST_FRAMES", 2)
    learner = Learner("learner")
    records, _ = run(clip, [learner], Rules(prime="4", kind="sequence"))
    assert [record.name for record in records] == ["4", "5"]
    assert len(learner.plate) == 2


def test_soft_truths_have_messddt_and_binarize_cuts_them(clip, tmp_path):
    for number in range(6):
        save(clip / "masks" / f"{number}.png", scene(number)[1] // 2 + 30)
    soft, _ = run(clip, [Bright()], AS_CLIP)
    hard, _ = run(clip, [Bright()], Rules(binarize=True, kind="sequence"))
    assert soft[1].scores["messddt"] >= 0
    assert soft[1].scores["mae"] == pytest.approx(0.27, abs=0.2)
    assert hard[1].scores["mae"] == 0


def test_what_breaks_is_noted_and_the_rest_is_done(tmp_path):
    class Fussy(Bright):
        def alpha(self, frames):
            if frames.shape[2] == 50:
                raise InputError("not this one")
            return super().alpha(frames)

    root = make_pairs(tmp_path)
    (root / "masks" / "004.png").write_bytes(b"")
    records, _ = run(root, [Bright(), Fussy("fussy")])
    broken = {(record.name, record.method): record.error for record in records if record.error}
    assert broken.pop(("002", "fussy")) == "not this one"
    assert broken.pop(("004", "")).endswith("004.png is empty")
    assert not broken
    assert sum(record.method == "bright" and bool(record.scores) for record in records) == 5


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_matte_that_is_not_finite_fails_alone(tmp_path, value):
    class Overflowing(Bright):
        def alpha(self, frames):
            alpha = super().alpha(frames)
            return alpha.fill_(value) if frames.shape[2] == 50 else alpha

    records, _ = run(make_pairs(tmp_path), [Overflowing("overflowing"), Bright()], mattes=tmp_path / "mattes")
    broken = {(record.name, record.method): record.error for record in records if record.error}
    assert broken == {("002", "overflowing"): "its matte holds NaN or infinite values"}


@pytest.mark.parametrize("error", [MemoryError(), cv2.error("too large"), RuntimeError("no")], ids=repr)
def test_a_method_that_fails_from_the_start_stops_no_other(tmp_path, error):
    class Failing(Bright):
        def alpha(self, frames):
            raise error

    records, _ = run(make_pairs(tmp_path, 2), [Failing("failing"), Bright()])
    assert [(record.method, record.error) for record in records] == [
        ("failing", str(error) or "MemoryError"), ("bright", None)
    ] * 2  # fmt: skip


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


def test_mattes_are_kept(tmp_path):
    run(make_pairs(tmp_path / "set", 1), [Bright("a:b=1")], mattes=tmp_path / "mattes")
    from PIL import Image

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


def test_damaged_records_are_a_sentence(tmp_path):
    (tmp_path / "records.jsonl").write_text("")
    with pytest.raises(InputError, match=r"records.jsonl is damaged at line 1; delete it or overwrite the report"):
        Store(tmp_path, HEADER)
