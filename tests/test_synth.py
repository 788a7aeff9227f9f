"""Synthetic clips: the truth is exact, the same seed gives the same clip, both layouts read back as written."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from bgdl.cli import main
from bgdl.cli import synth as synth_command
from bgdl.data.pairs import find_pairs, read_pair
from bgdl.errors import InputError
from bgdl.media import image
from bgdl.media.reader import VideoReader
from bgdl.synth import files
from bgdl.synth.clip import SynthOptions, camera_path, empty_scene, make_frames
from bgdl.synth.figure import draw_looks, draw_person
from bgdl.synth.scene import Scene, open_scene
from bgdl.synth.subject import Subject, draw_subject, read_subject

QUIET = SynthOptions(
    size_hw=(48, 72), rate=Fraction(10), duration_s=2, lead_in_s=0.5, noise=0, shadow=0, drift=0, seed=4
)


@pytest.fixture(scope="module")
def person() -> Subject:
    return draw_subject(40, seed=1)


@pytest.fixture(scope="module")
def room() -> Scene:
    return open_scene(None, size_hw=QUIET.size_hw)


def test_the_lead_in_is_the_empty_scene_and_its_truth_is_empty(room: Scene, person: Subject) -> None:
    clip = list(make_frames(room, [person], QUIET))
    assert len(clip) == 20
    for frame, matte in clip[:5]:
        np.testing.assert_array_equal(frame, empty_scene(room, QUIET))
        assert not matte.any()
    assert clip[12][1].mean() > 10


def test_the_frame_is_the_blend_that_its_matte_says(room: Scene, person: Subject) -> None:
    """Over two scenes of one colour each, the matte can be solved for: α = 1 - (C1 - C0) / (S1 - S0)."""
    dark, bright = (Scene(torch.full((1, 48, 72, 3), value, dtype=torch.uint8), size_hw=(48, 72), margin_px=(0, 0))
                    for value in (20, 220))  # fmt: skip
    pairs = zip(make_frames(dark, [person], QUIET), make_frames(bright, [person], QUIET), strict=True)
    for (low, matte), (high, same) in pairs:
        np.testing.assert_array_equal(matte, same)
        solved = 1 - (high.astype(float) - low.astype(float)) / 200
        assert np.abs(solved - matte / 255).max() <= 1.5 / 200


def test_soft_edges_are_there_and_few(room: Scene, person: Subject) -> None:
    mattes = np.stack([matte for _, matte in make_frames(room, [person], QUIET)][8:])
    soft = ((mattes > 0) & (mattes < 255)).mean()
    assert 0.005 < soft < 0.1


def test_the_same_seed_is_the_same_clip_and_another_is_not(room: Scene, person: Subject) -> None:
    noisy = replace(QUIET, noise=3.0, shake_px=1.0, drift=0.2, shadow=0.4)
    scene = open_scene(None, size_hw=noisy.size_hw, shake_px=1.0)
    first, again, other = (
        np.stack([frame for frame, _ in make_frames(scene, [person], options)])
        for options in (noisy, noisy, replace(noisy, seed=5))
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_noise_has_the_deviation_asked_for(room: Scene) -> None:
    clean = empty_scene(room, QUIET).astype(float)
    noisy = np.stack([frame for frame, _ in make_frames(room, [], replace(QUIET, noise=4.0))])
    inside = (clean > 20) & (clean < 235)  # where nothing is cut off
    assert abs((noisy - clean)[:, inside].std() - 4.0) < 0.15


def test_light_drifts_by_the_share_asked_for(room: Scene) -> None:
    means = np.array([frame.mean() for frame, _ in make_frames(room, [], replace(QUIET, drift=0.1))])
    share = means / empty_scene(room, QUIET).mean()
    assert share.max() == pytest.approx(1.1, abs=0.02)
    assert share.min() == pytest.approx(0.9, abs=0.02)


def test_a_shadow_darkens_the_floor_outside_the_matte(room: Scene, person: Subject) -> None:
    frame, matte = list(make_frames(room, [person], replace(QUIET, shadow=0.5)))[12]
    change = frame.astype(int) - empty_scene(room, QUIET).astype(int)
    outside = matte[..., 0] == 0
    assert change[outside].max() <= 1
    assert change[outside].min() < -15


def test_the_camera_pans_and_shakes_by_the_px_asked_for() -> None:
    still = camera_path(QUIET, np.random.default_rng(0))
    assert not still.any()
    panned = camera_path(replace(QUIET, pan_px_s=20.0), np.random.default_rng(0))
    np.testing.assert_allclose(np.diff(panned[:, 0]), 2.0)
    shaken = camera_path(replace(QUIET, duration_s=100, shake_px=2.0), np.random.default_rng(0))
    assert shaken.std() == pytest.approx(2.0, rel=0.15)


def test_a_clip_can_be_the_scene(tmp_path: Path, person: Subject, room: Scene) -> None:
    moving = list(make_frames(room, [person], replace(QUIET, duration_s=1)))
    clip, _ = files.write(tmp_path, moving, moving[0][0], replace(QUIET, duration_s=1))
    scene = open_scene(clip, size_hw=(48, 72))
    views = [scene.view(index, np.zeros(2)) for index in range(20)]
    np.testing.assert_array_equal(views[7], moving[7][0])
    np.testing.assert_array_equal(views[10], moving[8][0])  # there and back again


def test_clip_and_matte_read_back_without_loss(tmp_path: Path, person: Subject, room: Scene) -> None:
    options = replace(QUIET, rate=Fraction(30000, 1001), noise=2.0)
    made = list(make_frames(room, [person], options))
    paths = files.write(tmp_path / "out", made, empty_scene(room, options), options)
    assert [path.name for path in paths] == ["clip.mkv", "matte.mkv"]
    for path, number in zip(paths, (0, 1), strict=True):
        with VideoReader(path) as reader:
            assert reader.info.rate == Fraction(30000, 1001)
            frames = torch.cat([batch.data for batch in reader.batches(8)]).numpy()
        expected = np.stack([pair[number] for pair in made])
        np.testing.assert_array_equal(frames, np.broadcast_to(expected, frames.shape))
    np.testing.assert_array_equal(image.read(tmp_path / "out" / "empty.png").frames[0], empty_scene(room, options))
    facts = json.loads((tmp_path / "out" / "synth.json").read_text())
    assert (facts["rate"], facts["seed"], facts["noise"]) == ("30000/1001", 4, 2.0)


def test_ctrl_c_leaves_what_was_told_of_the_clip_before(
    tmp_path: Path, person: Subject, room: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(path: Path, *_: object, **__: object) -> int:
        path.open("wb").close()
        raise KeyboardInterrupt

    (tmp_path / "synth.json").write_text("old")
    monkeypatch.setattr(files.image, "write", lambda *_: None)
    for name in ("write_bytes", "write_text"):
        monkeypatch.setattr(Path, name, stop)
    with pytest.raises(KeyboardInterrupt):
        files.write(tmp_path, make_frames(room, [person], QUIET), empty_scene(room, QUIET), QUIET)
    assert (tmp_path / "synth.json").read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mkv", "matte.mkv", "synth.json"}


def test_pictures_and_masks_read_back_as_pairs(tmp_path: Path, person: Subject, room: Scene) -> None:
    made = list(make_frames(room, [person], QUIET))
    files.write(tmp_path, made, empty_scene(room, QUIET), QUIET, layout="frames")
    pairs = find_pairs(tmp_path)
    assert len(pairs) == 20
    for pair, (frame, matte) in zip(pairs, made, strict=True):
        picture, mask = read_pair(pair)
        np.testing.assert_array_equal(picture, frame)
        np.testing.assert_array_equal(mask, matte[..., 0])


def test_cutouts_from_files_are_cropped_scaled_and_blended(tmp_path: Path, room: Scene) -> None:
    cutout = torch.zeros((60, 50, 4), dtype=torch.uint8)
    cutout[10:50, 15:35] = torch.tensor([200, 40, 30, 255], dtype=torch.uint8)
    image.write(cutout, tmp_path / "block.png")
    subject = read_subject(tmp_path / "block.png", 24)
    assert subject.size_hw == (24, 12)
    assert subject.grounded
    frame, matte = list(make_frames(room, [subject], QUIET))[12]
    assert (matte == 255).sum() == pytest.approx(24 * 12, abs=40)
    assert (frame[matte[..., 0] == 255] == (200, 40, 30)).all()


def test_cutouts_are_averaged_where_they_shrink_and_smooth_where_they_grow(tmp_path: Path) -> None:
    cutout = torch.full((60, 40, 4), 255, dtype=torch.uint8)
    cutout[..., :3] = 200 * (torch.arange(60) % 10 == 0).view(-1, 1, 1)
    image.write(cutout, tmp_path / "lines.png")
    assert np.abs(read_subject(tmp_path / "lines.png", 6).standing[..., :3] - 20).max() < 1
    grown = read_subject(tmp_path / "lines.png", 240).standing[:, 0, 0]
    assert 40 < np.abs(np.diff(grown)).max() < 60


def test_cutouts_that_show_nothing_are_refused(tmp_path: Path) -> None:
    image.write(torch.full((8, 8, 3), 90, dtype=torch.uint8), tmp_path / "opaque.png")
    with pytest.raises(InputError, match=r"has no transparency; cut it out first: bgdl image"):
        read_subject(tmp_path / "opaque.png", 24)
    image.write(torch.zeros((8, 8, 4), dtype=torch.uint8), tmp_path / "nothing.png")
    with pytest.raises(InputError, match="is entirely transparent"):
        read_subject(tmp_path / "nothing.png", 24)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lead_in_s": 2.0}, "the rate must be above 0 and the lead-in shorter than the clip"),
        ({"duration_s": "long"}, "duration_s is 'long'; it must be a finite number"),
        ({"noise": -1.0}, "noise is -1; it must lie between 0 and 100"),
        ({"noise": 100.5}, "noise is 100.5; it must lie between 0 and 100"),
        ({"drift": 1.5}, "drift is 1.5; it must lie between 0 and 1"),
        ({"shadow": 1.5}, "shadow is 1.5; it must lie between 0 and 1"),
        ({"shake_px": 100.5}, "shake_px is 100.5; it must lie between 0 and 100"),
        ({"pan_px_s": -10001.0}, "the camera pans -20002 px in total; the limit is 20000 px"),
        ({"size_hw": (15, 64)}, "a clip of 64x15 is too small"),
    ],
)
def test_options_that_make_no_clip_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(QUIET, **change)


def test_the_limits_themselves_are_options() -> None:
    replace(QUIET, noise=100, drift=1, shadow=1, shake_px=100, pan_px_s=10_000, size_hw=(16, 16))


def test_numbers_of_numpy_are_options_too(tmp_path: Path, room: Scene) -> None:
    options = replace(QUIET, noise=np.float32(2), duration_s=np.float32(1))
    files.write(tmp_path, make_frames(room, [], options), empty_scene(room, options), options)
    facts = json.loads((tmp_path / "synth.json").read_text())
    assert (facts["noise"], facts["duration_s"]) == (2.0, 1.0)


def test_a_drawn_person_is_opaque_inside_and_soft_at_the_hair() -> None:
    person = draw_person(draw_looks(1), height_px=200)
    alpha = person[..., 3]
    height, width = alpha.shape
    assert alpha[height // 3, width // 2] == 255
    assert not alpha[:, 0].any()
    assert not alpha[:, -1].any()
    hair = alpha[: height // 5]
    assert ((hair > 20) & (hair < 235)).sum() > 100
    assert not np.array_equal(person, draw_person(draw_looks(2), height_px=200))


def test_the_command_writes_the_same_clip_twice(tmp_path: Path) -> None:
    run = CliRunner().invoke
    command = ["synth", "--size", "64x48", "--fps", "5", "--duration", "2", "--lead-in", "1", "--layout", "frames"]
    for folder in ("a", "b"):
        result = run(main.app, [*command, str(tmp_path / folder)])
        assert result.exit_code == 0, result.output
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.png"))
    assert len(files) == 21
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    again = run(main.app, [*command, str(tmp_path / "a")])
    assert isinstance(again.exception, InputError)
    assert "exists; use overwrite" in str(again.exception)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--size", "big", "is not WIDTHxHEIGHT"),
        ("--fps", "fast", "write 25, 29.97 or 30000/1001"),
        ("--height", "7", "height is 7; it must lie between 0.05 and 1"),
        ("--pan", "nan", "pan_px_s is nan; it must be a finite number"),
        ("--pan", "1e7", "the limit is 20000 px"),
        ("--duration", "inf", "duration_s is inf; it must be a finite number"),
    ],
)
def test_the_command_refuses_what_it_cannot_read(tmp_path: Path, option: str, value: str, message: str) -> None:
    result = CliRunner().invoke(main.app, ["synth", str(tmp_path / "out"), option, value])
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("25", 25),
        ("12.5", 12.5),
        ("23.976", "24000/1001"),
        ("23.98", "24000/1001"),
        ("59.94", "60000/1001"),
        ("30", 30),
    ],
)
def test_rates_of_television_are_exact(text: str, rate: float | str) -> None:
    assert synth_command._rate(text) == Fraction(rate)
