"""Live methods that learn an empty scene: the plate's countdown, the keys, `--prime`."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from bgdl import registry
from bgdl.errors import InputError
from bgdl.pipeline.live import Live
from bgdl.pipeline.live_job import LiveJob
from bgdl.pipeline.live_stage import PLATE_FRAMES, LiveStage
from tests.video_clips import BrightSubject, decoded, disc, write_clip

FRAME = torch.from_numpy(disc(0))[None]
EMPTY = torch.from_numpy(np.full((1, 48, 64, 3), (20, 40, 60), np.uint8))
NOW = Fraction(0)


def test_the_plate_is_taken_with_a_countdown_forgotten_and_taken_again() -> None:
    stage = LiveStage(registry.load("static_difference", device="cpu"), ["red"])
    assert stage.lines() == [f"hold still: {PLATE_FRAMES}"]
    for left in range(PLATE_FRAMES - 1, 0, -1):
        assert torch.equal(stage.treat(EMPTY, NOW), EMPTY[0])
        assert stage.countdown == left
    stage.treat(EMPTY, NOW)
    assert stage.lines() == []
    shown = stage.treat(FRAME, NOW)
    assert shown[0, 0].tolist() == [255, 0, 0]
    assert shown[24, 16].tolist() == FRAME[0, 24, 16].tolist()
    stage.press("r")
    assert stage.lines() == ["press d for the plate, out of the picture"]
    assert torch.equal(stage.treat(FRAME, NOW), FRAME[0])
    stage.press("d")
    assert stage.countdown == PLATE_FRAMES


def test_a_camera_that_changes_its_size_begins_the_plate_anew() -> None:
    stage = LiveStage(registry.load("static_difference", device="cpu"), ["red"])
    stage.take_plate(2)
    stage.treat(EMPTY, NOW)
    for left in (1, 0):
        stage.treat(EMPTY[:, :40], NOW)
        assert stage.countdown == left
    assert stage.treat(FRAME[:, :40], NOW)[0, 0].tolist() == [255, 0, 0]


def test_methods_that_learn_by_themselves_count_down_and_show_their_rectangle() -> None:
    stage = LiveStage(registry.load("roi_average", device="cpu", frames=3), ["red"])
    assert stage.lines() == ["hold still: 3"]
    left, top, right, bottom = stage.box((48, 64)) or (0, 0, 0, 0)
    assert 0 <= left < right <= 64
    assert 0 <= top < bottom <= 48
    for _ in range(3):
        stage.treat(EMPTY, NOW)
    assert stage.lines() == []
    assert stage.box((48, 64)) is None
    stage.press("d")
    assert stage.countdown == 3


@pytest.mark.parametrize("model", ["static_difference", "running_average"])
def test_prime_asks_for_so_many_frames(model: str) -> None:
    stage = LiveStage(registry.load(model, device="cpu"), ["red"])
    stage.take_plate(2)
    assert stage.lines() == ["hold still: 2"]
    for _ in range(2):
        stage.treat(EMPTY, NOW)
    assert stage.lines() == []
    shown = stage.treat(FRAME, NOW)
    assert shown[0, 0].tolist() == [255, 0, 0]
    assert shown[24, 16].tolist() == FRAME[0, 24, 16].tolist()
    stage.press("d")
    assert stage.countdown == 2


@pytest.mark.parametrize("prime", ["picture", "clip", "3", "0.12s"])
def test_a_live_run_is_primed(tmp_path: Path, prime: str) -> None:
    def scene(index: int, size_hw: tuple[int, int]) -> np.ndarray:
        return disc(index, size_hw) if index >= 6 else EMPTY[0].numpy()

    lossless = {"codec": "ffv1", "pix_fmt": "bgr0", "rate": 25}
    source = write_clip(tmp_path / "in.mkv", frames=16, picture=scene, **lossless)  # type: ignore[arg-type]
    write_clip(tmp_path / "clip.mkv", frames=3, picture=scene, **lossless)  # type: ignore[arg-type]
    Image.fromarray(EMPTY[0].numpy()).save(tmp_path / "picture.png")
    files = {"picture": tmp_path / "picture.png", "clip": tmp_path / "clip.mkv"}
    text, target = str(files.get(prime, prime)), tmp_path / "out.mp4"
    job = LiveJob(str(source), ("red",), window=False, record=target, prime=text, smooth="off")
    run = Live(job, registry.load("static_difference", device="cpu"))
    countdowns: list[int] = []
    treat = run.stage.treat

    def watched(frames: Tensor, time_s: Fraction) -> Tensor:
        countdowns.append(run.stage.countdown)
        return treat(frames, time_s)

    run.stage.treat = watched  # type: ignore[method-assign]
    run.run()
    assert countdowns[0] == (0 if prime in files else 3)
    last = decoded(target)[1][-1]
    assert last[2, 60].tolist()[0] > 200 > 60 > last[2, 60].tolist()[2]
    assert last[24, 30].min() > 150


def test_what_live_prime_does_not_take() -> None:
    with pytest.raises(
        InputError, match=r"prime is 'soon', which is not seconds \(2s\), frames \(60\) or a file that exists"
    ):
        LiveJob(prime="soon")
    with pytest.raises(InputError, match="bright does not learn an empty scene; leave prime out"):
        Live(LiveJob("clip.mkv", window=False, record=Path("a.mkv"), prime="2s"), BrightSubject())
