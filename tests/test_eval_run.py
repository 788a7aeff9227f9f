"""A run over pictures and clips: what is scored, in which order, and what breaks alone."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
import torch

from bgdl.errors import InputError
from bgdl.evaluation import runner, scores
from bgdl.evaluation.protocol import Rules
from bgdl.evaluation.records import Store
from bgdl.metrics import temporal
from tests.eval_data import Bright, Learner, make_clip, make_pairs, save, scene
from tests.eval_runs import AS_CLIP, HEADER, run


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip")


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
