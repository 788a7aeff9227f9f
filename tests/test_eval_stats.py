"""What is made of scores: means, intervals, and how methods and reports differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bgdl.evaluation import stats
from bgdl.evaluation.compare import Move, compare, moves
from bgdl.evaluation.records import Record
from bgdl.evaluation.summary import best_threshold, summarise
from bgdl.evaluation.table import make_table


def rows(method, ious, *, sequence=False):
    curve = [0.5] * 255
    return [
        Record("d", "c", str(n), method, sequence, 0.01 * (n + 1), {"iou": iou, "mae": 1 - iou, "boundary_f": iou}, {
            "best_iou": [*curve[:100], iou, *curve[101:]]})
        for n, iou in enumerate(ious)
    ]  # fmt: skip


def test_summary_and_pairs():
    base, better = [0.5, 0.6, 0.7, 0.8, 0.6, 0.7], [0.6, 0.7, 0.8, 0.9, 0.7, 0.8]
    figures = summarise([*rows("base", base), *rows("better", better)], ["base", "better"], "base")
    summary, paired = figures["summary"]["better"], figures["paired"]["better"]
    assert summary["iou"]["mean"] == pytest.approx(0.75)
    assert 0.6 <= summary["iou"]["low"] < 0.75 < summary["iou"]["high"] <= 0.9
    assert summary["failures"]["mean"] == 1
    assert summary["median_ms"]["mean"] == pytest.approx(35)
    assert best_threshold(rows("better", better)) == pytest.approx(101 / 255)
    assert best_threshold(rows("flat", [0.5])) == pytest.approx(128 / 255)
    assert paired["iou"]["mean"] == pytest.approx(0.1)
    assert (paired["iou"]["low"], paired["iou"]["high"]) == (pytest.approx(0.1), pytest.approx(0.1))
    assert paired["iou"]["better"] == paired["mae"]["better"] == 1
    assert "base" not in figures["paired"]


def test_decay_is_for_clips():
    falling = np.linspace(1, 0, 9).tolist()
    figures = summarise(rows("a", falling, sequence=True), ["a"], "a")["summary"]["a"]
    assert figures["j_decay"]["mean"] == pytest.approx(0.75)
    assert "j_decay" not in summarise(rows("a", falling), ["a"], "a")["summary"]["a"]


def test_intervals_hold_the_mean_as_often_as_they_say():
    rng = np.random.default_rng(0)
    hits = 0
    resamples = stats.draw([40], sequence=False)
    resamples = replace(resamples, members=resamples.members[:500])
    for _ in range(100):
        found = stats.interval(rng.normal(size=40), resamples)
        hits += found.low <= 0 <= found.high
    assert 88 <= hits <= 99


def test_neighbours_of_a_clip_widen_the_interval():
    slow = np.sin(np.linspace(0, 6, 100))
    single, blocks = (stats.interval(slow, stats.draw([100], sequence=sequence)) for sequence in (False, True))
    assert blocks.high - blocks.low > 2 * (single.high - single.low)
    whole = stats.draw([3, 2, 2, 2, 2, 2], sequence=True)
    assert whole.members.shape[1] == 6 and set(np.unique(whole.members)) == set(range(6))
    assert whole.units.tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_several_clips_have_the_mean_of_their_means():
    """As DAVIS's J and F have: a long clip counts no more than a short one."""

    def clip(name, method, ious):
        return [replace(row, clip=name) for row in rows(method, ious, sequence=True)]

    long, short = [0.9] * 30, [0.5] * 2
    records = [*clip("long", "m", long), *clip("short", "m", short)]
    others = [*clip("long", "n", [0.8] * 30), *clip("short", "n", [0.7] * 2)]
    figures = summarise([*records, *others], ["m", "n"], "m")
    assert figures["summary"]["m"]["iou"]["mean"] == figures["summary"]["m"]["boundary_f"]["mean"] == pytest.approx(0.7)
    assert figures["summary"]["m"]["best_iou"]["mean"] == pytest.approx(0.7)
    assert figures["paired"]["n"]["iou"]["mean"] == pytest.approx(0.05)
    pictures = [replace(record, sequence=False) for record in records]
    assert summarise(pictures, ["m"], "m")["summary"]["m"]["iou"]["mean"] == pytest.approx(0.875)


def test_the_best_threshold_of_several_clips_suits_their_mean():
    def clip(name, count, at):
        curve = [0.5] * 255
        curve[at - 1] = 0.9 if name == "long" else 1.0
        made = {"iou": 0.5, "boundary_f": 0.5}, {"best_iou": curve}
        return [Record("d", name, str(n), "m", True, 0.1, *made) for n in range(count)]

    records = [*clip("long", 30, 50), *clip("short", 2, 200)]
    assert best_threshold(records) == pytest.approx(200 / 255)
    assert summarise(records, ["m"], "m")["summary"]["m"]["best_iou"]["mean"] == pytest.approx(0.75)


def test_few_pictures_or_clips_have_no_interval():
    five, six = np.arange(5.0), np.arange(6.0)
    for sequence in (False, True):
        assert stats.interval(five, stats.draw([5], sequence=sequence)) == stats.Interval(2, None, None)
        assert stats.interval(six, stats.draw([6], sequence=sequence)).low is not None
    gaps = stats.interval(np.array([*five, np.nan]), stats.draw([6], sequence=False))
    assert gaps == stats.Interval(2, None, None)
    for clips, sequence, there in (([20] * 5, True, False), ([20] * 6, True, True), ([2] * 5, False, True)):
        found = stats.interval(np.arange(float(sum(clips))), stats.draw(clips, sequence=sequence))
        assert (found.low is not None) == there
    figures = summarise([*rows("base", [0.5]), *rows("better", [0.9])], ["base", "better"], "base")
    texts = [[cell.text for cell in row] for row in make_table({**figures}, "base").rows]
    assert texts[0][:2] == ["better", "0.900"] and texts[0][-2] == "+0.400"


def test_clips_without_a_measure_do_not_count_for_its_interval():
    """MESSDdt is of soft truths alone: two clips of ten make no interval."""
    resamples = stats.draw([15] * 10, sequence=True)
    values = np.full(150, np.nan)
    values[:30] = np.arange(30.0)
    assert stats.interval(values, resamples) == stats.Interval(14.5, None, None)
    values[15:90] = 1.0
    assert stats.interval(values, resamples).low is not None


@pytest.mark.parametrize("count", [1, 5])
def test_few_pictures_move_nothing(count):
    def report(iou):
        row = {"data": "d", "clip": "c", "method": "m", "sequence": False, "seconds": 0.1, "iou": iou}
        return {"pictures": [{**row, "name": str(number)} for number in range(count)], "rules": {}}

    assert compare(report(0.9), report(0.5)) == [
        "d, m: IoU 0.500 → 0.900, unchanged: fewer than 6 pictures, or clips, have no interval"
    ]


def test_measures_that_only_one_method_has_are_not_paired():
    soft = [replace(row, scores={**row.scores, "messddt": 1.0}) for row in rows("soft", [0.5] * 6)]
    figures = summarise([*rows("base", [0.5] * 6), *soft], ["base", "soft"], "base")
    assert "messddt" in figures["summary"]["soft"] and "messddt" not in figures["paired"]["soft"]


def test_reports_tell_what_moved_besides_iou_and_what_was_done_otherwise():
    def report(mae, **rules):
        row = {"data": "d", "clip": "c", "method": "m", "sequence": False, "seconds": 0.1, "iou": 0.9}
        return {"pictures": [{**row, "name": str(n), "dice": 0.9, "mae": mae} for n in range(6)], "rules": rules}

    assert compare(report(0.01, every=1, resize=512), report(0.02, every=1, binarize=True)) == [
        "rules differ from the earlier report: binarize is None, was True",
        "rules differ from the earlier report: resize is 512, was None",
        "d, m: IoU 0.900 → 0.900 [+0.000, +0.000], unchanged",
        "d, m: MAE 0.0200 → 0.0100 [-0.0100, -0.0100], better",
    ]


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(0.0, 0.2, "unchanged"), (-0.2, 0.0, "unchanged"), (0.1, 0.2, "better")]
)
def test_an_interval_that_ends_at_0_tells_nothing(low, high, verdict):
    assert Move("d", "m", "iou", 0.5, 0.6, stats.Interval(0.1, low, high), 9).verdict == verdict


def test_gaps_are_left_out():
    found = stats.interval(np.array([np.nan, *[1.0, 3.0] * 3]), stats.draw([7], sequence=False))
    assert found.mean == 2 and 1 <= found.low < 2 < found.high <= 3


def test_moves_of_measures_that_first_frames_lack_keep_to_their_clips():
    """A clip's first frame has no dtSSD; clips are drawn and averaged whole."""

    def report(changed):
        steps = {clip: (changed if clip == "a" else 1.0) for clip in "abcdef"}
        rows = [
            {"data": "d", "clip": clip, "name": str(n), "method": "m", "sequence": True, "seconds": 0.1, "iou": 0.9}
            | ({"dtssd": step} if n else {})
            for clip, step in steps.items()
            for n in range(3)
        ]
        return {"pictures": rows, "rules": {}}

    (move,) = [move for move in moves(report(3.0), report(1.0)) if move.measure == "dtssd"]
    right = stats.interval(np.array([2.0, 2.0] + [0.0] * 10), stats.draw([2] * 6, sequence=True))
    assert move.difference == right and move.pictures == 12
