"""Every baseline with its defaults gives the composite that its tutorial's own loop gives, in OpenCV's BGR."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import bgdl
from bgdl.compose import Over
from bgdl.types import Primed
from tests.conftest import SHARED

Clip = NDArray[np.uint8]  # (N,H,W,3)
HEIGHT, WIDTH = 130, 180  # a quarter of the tutorial's 520x720
BACKDROP = np.random.default_rng(7).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
SQUARE = np.ones((7, 7)), np.ones((3, 3))


@pytest.fixture(scope="module")
def clip() -> Clip:
    """BGR: a noisy bright wall with a shelf; from the seventh of twelve frames a dark figure walks before it."""
    rng = np.random.default_rng(3)
    wall = np.full((HEIGHT, WIDTH, 3), (170, 190, 200), dtype=np.float64)
    wall[90:96, 10:60] = (60, 80, 110)
    frames = np.clip(wall + rng.normal(0, 3, (12, HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)
    for index in range(6, 12):
        x = 50 + 5 * index
        cv2.circle(frames[index], (x, 45), 14, (70, 90, 140), -1)
        cv2.rectangle(frames[index], (x - 20, 60), (x + 20, 110), (90, 40, 30), -1)
    return frames


def composite(name: str, clip: Clip, *, plate: Clip | None = None, **options: object) -> Clip:
    """What bgdl shows, in BGR."""
    matter = bgdl.load(name, device="cpu", **options)
    if plate is not None:
        assert isinstance(matter, Primed)
        matter.prime(torch.from_numpy(plate[..., ::-1].copy()))
    frames = torch.from_numpy(clip[..., ::-1].copy())
    look = Over(torch.from_numpy(BACKDROP[..., ::-1].copy()))
    return np.ascontiguousarray(look(frames, matter.alpha(frames)).numpy()[..., ::-1])


def over_backdrop(frame: Clip, keep: NDArray[np.bool_]) -> Clip:
    shown = frame.copy()
    shown[~keep] = BACKDROP[~keep]
    return shown


def blurred_grey(frame: Clip, median_px: int) -> Clip:
    return cv2.medianBlur(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), median_px)


def test_static_difference(clip: Clip) -> None:
    empty = clip[0]
    for frame, shown in zip(clip[1:], composite("static_difference", clip[1:], plate=clip[:1]), strict=True):
        both_ways = cv2.subtract(frame, empty) + cv2.subtract(empty, frame)
        both_ways[both_ways < 13] = 0
        grey = cv2.cvtColor(both_ways, cv2.COLOR_BGR2GRAY)
        grey[grey < 10] = 0
        mask = np.where(grey > 0, 255, 0).astype(np.uint8)
        subject = cv2.bitwise_and(frame, frame, mask=mask)
        rest = cv2.bitwise_and(BACKDROP, BACKDROP, mask=cv2.bitwise_not(mask))
        np.testing.assert_array_equal(shown, cv2.add(subject, rest))


def test_running_average(clip: Clip) -> None:
    shown = composite("running_average", clip, frames=6)
    plate = None
    for index, frame in enumerate(clip):
        grey = blurred_grey(frame, 5)
        if index < 6:
            plate = grey.astype("float") if plate is None else cv2.accumulateWeighted(grey, plate, 0.5)
            np.testing.assert_array_equal(shown[index], BACKDROP)  # the tutorial shows no composite yet
            continue
        keep = cv2.absdiff(plate.astype("uint8"), grey) >= 30
        assert 0.1 < keep.mean() < 0.3
        np.testing.assert_array_equal(shown[index], over_backdrop(frame, keep))


def test_roi_average(clip: Clip) -> None:
    shown = composite("roi_average", clip, frames=6)
    left, top, right, bottom = 100, 5, 158, 75  # 400,20 to 630,300 at a quarter, rounded half to even
    plate = None
    for index, frame in enumerate(clip):
        grey = blurred_grey(frame, 5)
        if index < 6:
            wall = cv2.resize(grey[top:bottom, left:right], (WIDTH, HEIGHT))
            plate = wall.astype("float") if plate is None else cv2.accumulateWeighted(wall, plate, 0.5)
            continue
        keep = cv2.absdiff(plate.astype("uint8"), grey) >= 40
        np.testing.assert_array_equal(shown[index], over_backdrop(frame, keep))


def test_the_rectangle_at_the_tutorials_own_size() -> None:
    assert bgdl.load("roi_average", device="cpu").rectangle_px((520, 720)) == (400, 20, 630, 300)


def test_frame_difference(clip: Clip) -> None:
    shown = composite("frame_difference", clip)
    np.testing.assert_array_equal(shown[0], BACKDROP)
    for index in range(1, len(clip)):
        grey = cv2.cvtColor(cv2.absdiff(clip[index], clip[index - 1]), cv2.COLOR_BGR2GRAY)
        keep = cv2.threshold(grey, 3, 255, cv2.THRESH_BINARY)[1] != 0
        np.testing.assert_array_equal(shown[index], over_backdrop(clip[index], keep))


def test_otsu(clip: Clip) -> None:
    for frame, shown in zip(clip, composite("otsu", clip), strict=True):
        bright = cv2.threshold(blurred_grey(frame, 9), 40, 255, cv2.THRESH_OTSU)[1]
        bright = cv2.erode(cv2.dilate(bright, SQUARE[0], iterations=1), SQUARE[0], iterations=5)
        np.testing.assert_array_equal(shown, over_backdrop(frame, bright == 0))


def test_canny(clip: Clip) -> None:
    for frame, shown in zip(clip, composite("canny", clip), strict=True):
        edges = cv2.dilate(cv2.Canny(blurred_grey(frame, 9), 10, 50), SQUARE[1], iterations=5)
        outlines, _ = cv2.findContours(edges, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        inside = cv2.fillConvexPoly(np.zeros_like(edges), max(outlines, key=cv2.contourArea), 255)
        np.testing.assert_array_equal(shown, over_backdrop(frame, inside == 255))


def _mog2(clip: Clip, **rate: float) -> list[Clip]:
    model = cv2.createBackgroundSubtractorMOG2()
    marks = [cv2.dilate(model.apply(frame, **rate), SQUARE[1], iterations=1) for frame in clip]
    return [over_backdrop(frame, mark != 0) for frame, mark in zip(clip, marks, strict=True)]


def test_mog2_at_the_rate_that_the_tutorial_names(clip: Clip) -> None:
    np.testing.assert_array_equal(composite("mog2", clip), _mog2(clip, learningRate=0.5))


def test_mog2_as_the_tutorials_call_runs(clip: Clip) -> None:
    """`apply(frame, 0.5)` gives 0.5 to the parameter `fgmask`, so the rate is OpenCV's own."""
    model = cv2.createBackgroundSubtractorMOG2()
    marks = [cv2.dilate(model.apply(frame, 0.5), SQUARE[1], iterations=1) for frame in clip]
    expected = [over_backdrop(frame, mark != 0) for frame, mark in zip(clip, marks, strict=True)]
    np.testing.assert_array_equal(composite("mog2", clip, learning_rate="auto"), expected)


def test_knn_is_opencvs_own(clip: Clip) -> None:
    model = cv2.createBackgroundSubtractorKNN()
    expected = []
    for index, frame in enumerate(clip):
        cv2.setRNGSeed(index)
        expected.append(over_backdrop(frame, model.apply(frame) == 255))
    np.testing.assert_array_equal(composite("knn", clip), expected)


def test_grabcut(clip: Clip) -> None:
    frame = clip[8]
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    rectangle = (18, 13, WIDTH - 36, HEIGHT - 26)
    cv2.setRNGSeed(0)
    cv2.grabCut(frame, mask, rectangle, np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_RECT)
    expected = over_backdrop(frame, (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD))
    shown = composite("grabcut", clip[8:9])[0]
    assert (shown != expected).any(axis=-1).mean() < 0.005  # RGB for BGR rounds a few pixels otherwise


@pytest.mark.shared
def test_mediapipe_at_the_tutorials_threshold() -> None:
    pytest.importorskip("mediapipe")
    from mediapipe import Image, ImageFormat
    from mediapipe.tasks.python import BaseOptions, vision
    from PIL import Image as Pillow

    model = SHARED / "weights" / "selfie_segmentation_landscape.tflite"
    picture = Pillow.open(SHARED / "data" / "photos" / "seed_input.jpg").convert("RGB").resize((480, 320))
    frame = np.array(picture)
    options = vision.ImageSegmenterOptions(BaseOptions(str(model)), output_confidence_masks=True)
    with vision.ImageSegmenter.create_from_options(options) as segmenter:
        result = segmenter.segment(Image(image_format=ImageFormat.SRGB, data=frame))
        soft = result.confidence_masks[0].numpy_view().reshape(320, 480).copy()
    frames = torch.from_numpy(frame)[None]
    alpha = bgdl.load("mediapipe", device="cpu", weights_path=model).alpha(frames)[0, ..., 0].numpy()
    np.testing.assert_array_equal(alpha, soft)
    binary = bgdl.load("mediapipe", device="cpu", weights_path=model, threshold=0.1).alpha(frames)[0, ..., 0].numpy()
    np.testing.assert_array_equal(binary, soft > 0.1)
    assert 0.1 < binary.mean() < 0.6
