"""The sensible variants beside each tutorial's defaults: plates, learning, fills, priors, options."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

import bgdl
from bgdl.errors import InputError
from tests.video_clips import write_clip
from tests.wall_scene import SUBJECT, H, W, iou, wall, with_shadow, with_subject

# Plates and learning


def test_a_plate_is_taken_taken_again_and_released() -> None:
    matter = bgdl.load("static_difference", device="cpu")
    matter.prime(with_subject())
    assert iou(matter.alpha(with_subject(3))) < 0.1
    matter.prime(wall())
    assert iou(matter.alpha(with_subject(3))) > 0.95
    matter.reset()
    with pytest.raises(InputError, match="needs the empty scene first"):
        matter.alpha(with_subject())


def test_who_crosses_some_of_the_frames_is_not_in_the_plate() -> None:
    matter = bgdl.load("static_difference", device="cpu")
    matter.prime(torch.cat([wall(seed) for seed in range(5)] + [with_subject(), with_subject()]))
    assert iou(matter.alpha(with_subject(3))) > 0.95


@pytest.mark.parametrize("name", ["static_difference", "running_average", "roi_average", "mog2", "knn"])
def test_a_plate_of_another_size_is_refused(name: str) -> None:
    matter = bgdl.load(name, device="cpu")
    matter.prime(wall())
    with pytest.raises(InputError, match="the empty scene is 80x60 but the frames are 40x30"):
        matter.alpha(with_subject()[:, ::2, ::2])
    assert matter.alpha(with_subject()).shape == (1, H, W, 1)


@pytest.mark.parametrize("name", ["running_average", "roi_average", "mog2", "knn"])
def test_without_a_plate_a_clip_may_change_its_size(name: str) -> None:
    matter = bgdl.load(name, device="cpu")
    matter.prime(wall())
    matter.reset()
    for frame in (wall()[:, ::2], wall(), wall()[:, ::3]):
        assert matter.alpha(frame).shape == (*frame.shape[:3], 1)


def test_a_clip_is_not_converted_with_a_plate_of_another_size(tmp_path: Path) -> None:
    Image.fromarray(wall()[0].numpy()).save(tmp_path / "empty.png")
    source, options = write_clip(tmp_path / "in.mp4", frames=3), {"background": "white", "device": "cpu"}
    with pytest.raises(InputError, match="the empty scene is 80x60 but the frames are 64x48"):
        bgdl.convert_video(
            source, tmp_path / "out.mp4", model="running_average", prime=str(tmp_path / "empty.png"), **options
        )
    assert not list(tmp_path.glob("out*"))


def test_learning_counts_down_and_gives_no_subject() -> None:
    matter = bgdl.load("running_average", device="cpu", frames=3)
    left = []
    for seed in range(3):
        left.append(matter.frames_to_learn)
        assert not matter.alpha(wall(seed)).any()
    assert (left, matter.frames_to_learn) == ([3, 2, 1], 0)
    assert iou(matter.alpha(with_subject())) > 0.9


def test_a_frame_of_another_size_starts_anew() -> None:
    matter = bgdl.load("running_average", device="cpu", frames=1)
    matter.alpha(wall())
    assert not matter.alpha(with_subject()[:, ::2]).any()
    assert matter.frames_to_learn == 0


def test_the_plain_mean_has_less_noise_than_the_tutorials_average() -> None:
    noisy = torch.cat([(wall(seed).float() + 25 * torch.randn(1, H, W, 3)).clamp(0, 255).byte() for seed in range(60)])
    tutorial, mean = (bgdl.load("running_average", device="cpu", weight=weight, median_px=1) for weight in (0.5, None))
    for matter in (tutorial, mean):
        matter.prime(noisy)
    frame = wall(99)
    assert mean.alpha(frame).mean() < 0.2 * tutorial.alpha(frame).mean()


def test_a_plain_patch_is_enough_where_the_wall_is_plain() -> None:
    frames = torch.full((3, H, W, 3), 180, dtype=torch.uint8)
    frames[:, SUBJECT[0], SUBJECT[1]] = torch.tensor([30, 70, 200], dtype=torch.uint8)
    matter = bgdl.load("roi_average", device="cpu", frames=2, rectangle=(60, 0, 80, 20), rectangle_size=(80, 60))
    assert iou(matter.alpha(frames)[2:]) > 0.9


def test_a_larger_gap_fills_a_slow_subject() -> None:
    frames = wall().repeat(6, 1, 1, 1)
    for index in range(6):
        frames[index, 20:40, 10 + 3 * index : 40 + 3 * index] = 20
    near, far = (bgdl.load("frame_difference", device="cpu", gap=gap).alpha(frames)[-1].sum() for gap in (1, 5))
    assert far > 3 * near


@pytest.mark.parametrize("name", ["mog2", "knn"])
def test_who_stands_still_stays_where_the_model_is_frozen(name: str) -> None:
    scene, standing = torch.cat([wall(seed) for seed in range(30)]), torch.cat([with_subject(s) for s in range(30)])
    frozen = bgdl.load(name, device="cpu", learning_rate=0, dilate_px=1, cleanup="tidy")
    frozen.prime(scene)
    assert iou(frozen.alpha(standing)[-1:]) > 0.9


def test_at_the_tutorials_rate_who_stands_still_is_swallowed() -> None:
    matter = bgdl.load("mog2", device="cpu")
    alpha = matter.alpha(torch.cat([wall(seed) for seed in range(5)] + [with_subject(seed) for seed in range(6)]))
    assert iou(alpha[5:6]) > 0.7
    assert alpha[-1].mean() < 0.05


def test_mog2_counts_shadows_as_asked() -> None:
    shares = {}
    for shadows in ("keep", "drop", "off"):
        matter = bgdl.load("mog2", device="cpu", learning_rate=0, dilate_px=1, shadows=shadows)
        matter.prime(torch.cat([wall(seed) for seed in range(30)]))
        shares[shadows] = float(matter.alpha(with_shadow())[0, 42:54, 54:74].mean())
    assert shares["drop"] < 0.2
    assert min(shares["keep"], shares["off"]) > 0.8


# Single pictures


def test_otsu_keeps_the_side_asked_for() -> None:
    frame = torch.full((1, H, W, 3), 220, dtype=torch.uint8)
    frame[0, SUBJECT[0], SUBJECT[1]] = 30
    assert iou(bgdl.load("otsu", device="cpu", dilate=0, erode=0).alpha(frame)) > 0.95
    assert iou(bgdl.load("otsu", device="cpu", dilate=0, erode=0, subject="bright").alpha(255 - frame)) > 0.95


def test_the_fills_of_an_outline_with_a_bay() -> None:
    frame = torch.full((1, 120, 120, 3), 220, dtype=torch.uint8)
    frame[0, 20:100, 20:40] = frame[0, 20:100, 80:100] = frame[0, 80:100, 20:100] = 30  # a U
    alpha = {fill: bgdl.load("canny", device="cpu", fill=fill).alpha(frame)[0, ..., 0] for fill in ("contour", "hull")}
    assert alpha["contour"][45, 60] == 0
    assert alpha["hull"][45, 60] == 1
    assert (alpha["hull"] >= alpha["contour"]).all()


def test_grabcut_follows_a_prior_matte_off_the_centre() -> None:
    frame = wall()
    frame[0, 5:30, 2:20] = torch.tensor([30, 70, 200], dtype=torch.uint8)
    prior = bgdl.load("static_difference", device="cpu", cleanup="tidy")
    prior.prime(wall(5))
    alpha = bgdl.load("grabcut", device="cpu", prior=prior).alpha(frame)[0, ..., 0]
    assert alpha[5:30, 2:20].mean() > 0.95
    assert alpha[:, 25:].mean() < 0.02
    assert bgdl.load("grabcut", device="cpu", prior=bgdl.load("mog2", device="cpu")).stateful


def test_grabcut_at_a_smaller_size_finds_the_same() -> None:
    frame = torch.nn.functional.interpolate(
        with_subject().permute(0, 3, 1, 2).float(), scale_factor=4, mode="nearest"
    ).permute(0, 2, 3, 1).to(torch.uint8)  # fmt: skip
    small = bgdl.load("grabcut", device="cpu", max_side_px=80).alpha(frame)
    assert small.shape == (1, 4 * H, 4 * W, 1)
    assert iou(small[:, ::4, ::4]) > 0.9


# Options


def test_options_may_be_written_behind_the_name() -> None:
    matter = bgdl.load("mog2:history=50:learning_rate=auto:shadows=drop", device="cpu")
    assert (matter.history, matter.learning_rate, matter.shadows) == (50, -1.0, "drop")
    assert bgdl.load("running_average:weight=null", device="cpu").weight is None
    assert bgdl.load("roi_average:rectangle=[0, 0, 90, 65]", device="cpu").rectangle_px((520, 720)) == (0, 0, 90, 65)
    assert bgdl.load("mog2:history=50", device="cpu", history=70).history == 70
    assert bgdl.load("grabcut:prior=frame_difference", device="cpu").stateful
    with pytest.raises(InputError, match="mog2 has no option 'hist'; it takes history, variance_threshold"):
        bgdl.load("mog2:hist=50", device="cpu")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("static_difference", {"channel_threshold": 300}, "channel_threshold is 300; it must lie between 0 and 255"),
        ("static_difference", {"cleanup": "nice"}, "cleanup is 'nice'; it must be one of none, tidy, soft"),
        ("running_average", {"median_px": 4}, "median_px is 4; it must be an odd number of px"),
        ("running_average", {"frames": 0}, "frames is 0; it must be a whole number, 1 or more"),
        ("running_average", {"shadows": "off"}, "shadows is 'off'; it must be one of keep, drop"),
        ("roi_average", {"rectangle": (10, 10, 5, 20)}, "it must be left, top, right, bottom with left < right"),
        ("frame_difference", {"gap": 0}, "gap is 0"),
        ("otsu", {"subject": "red"}, "it must be one of dark, bright"),
        ("canny", {"low": 60}, "low is 60; it must lie between 0 and 50"),
        ("canny", {"fill": "all"}, "fill is 'all'"),
        ("canny", {"high": "abc"}, "high is 'abc'; it must be a number"),
        ("canny", {"high": None}, "high is None; it must be a number"),
        ("canny", {"high": [1]}, r"high is \[1\]; it must be a number"),
        ("canny", {"median_px": 1001}, "median_px is 1001; it must be an odd number of px: 1, 3, 5, … up to 255"),
        ("canny", {"dilate": 10**12}, "dilate is 1000000000000; it must be 1000 or less"),
        ("otsu", {"median_px": 257}, "up to 255"),
        ("otsu", {"kernel_px": 100_001}, "up to 1001"),
        ("otsu", {"erode": 10**12}, "it must be 1000 or less"),
        ("running_average", {"median_px": 1001}, "up to 255"),
        ("frame_difference", {"gap": 1e30}, r"gap is 1e\+30; it must be 1000000 or less"),
        ("mog2", {"history": 10**11}, "history is 100000000000; it must be 1000000 or less"),
        ("knn", {"history": 10**11}, "it must be 1000000 or less"),
        ("grabcut", {"iterations": 10**11}, "it must be 1000000 or less"),
        ("grabcut", {"cleanup": [1]}, r"cleanup is \[1\]; it must be one of none, tidy, soft"),
        ("chroma_key", {"colour": [1, 2, 3]}, r"unknown colour \[1, 2, 3\]"),
        ("chroma_key", {"edge_px": 100_000}, "edge_px is 100000; it must be 500 or less"),
        ("mog2", {"learning_rate": 2}, "learning_rate is 2; it must lie between 0 and 1"),
        ("mog2", {"learning_rate": "slow"}, "it must be auto or a number from 0 to 1"),
        ("knn", {"shadows": "maybe"}, "it must be one of keep, drop, off"),
        ("grabcut", {"margin": 0.5}, "margin is 0.5; it must lie between 0 and 0.49"),
        ("chroma_key", {"colour": "grey"}, "has no hue to tell a screen by"),
        ("chroma_key", {"colour": "gren"}, "unknown colour 'gren'; use auto, green, blue"),
        ("chroma_key", {"inner": 70}, "inner is 70; it must lie between 0 and 60"),
    ],
)
def test_an_option_out_of_range_is_a_sentence(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        bgdl.load(name, device="cpu", **options)
