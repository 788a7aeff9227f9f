"""What `bgdl.remove`, `bgdl.matte` and `bgdl.load` refuse, and in which words."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import bgdl
from bgdl import registry
from bgdl.errors import InputError, WeightsError
from bgdl.types import Matter
from tests.small_pictures import PHOTO, png


def test_options_are_checked_before_the_model_is_loaded() -> None:
    for options, sentence in (
        ({"edge": "feather"}, "edge is 'feather'; it must be one of none, guided, decontaminate, matting"),
        ({"keep": "both"}, "'both'.* not largest, all or a number"),
        ({"threshold": 2}, "threshold is 2; it must lie between 0 and 1"),
        ({"crop": "wide"}, "margin 'wide' is not a number of px"),
    ):
        for function in (bgdl.matte, bgdl.remove):
            with pytest.raises(InputError, match=sentence):
                function(PHOTO, model="nowhere.pth", **options)  # type: ignore[operator]
    with pytest.raises(InputError, match="quality is 0; it must be a whole number, 1 or more"):
        bgdl.remove("p.jpg", quality=0)
    with pytest.raises(InputError, match="quality is for a picture given as a path"):
        bgdl.remove(PHOTO, quality=80)
    with pytest.raises(InputError, match="is 45×31, more than the limit of 100 pixels"):
        bgdl.matte(png(PHOTO), "otsu", max_pixels=100)


def test_a_loaded_matter_takes_no_options_of_loading(tiny: Matter) -> None:
    with pytest.raises(InputError, match=r"tiny is loaded already; give device, engine and precision to bgdl\.load"):
        bgdl.matte(PHOTO, tiny, device="cpu")
    with pytest.raises(InputError, match="tiny is loaded already"):
        bgdl.remove(PHOTO, model=tiny, engine="torch")
    with pytest.raises(InputError, match="tiny is loaded already"):
        bgdl.convert_video("a.mp4", "b.mp4", "red", tiny, precision="fp32")


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        (PHOTO.astype(np.float32), "an array picture is uint8 (H,W), (H,W,3) RGB or (H,W,4) RGBA, not float32"),
        (PHOTO[..., :2], "not uint8 (31, 45, 2)"),
        (np.zeros((0, 4, 3), np.uint8), "not uint8 (0, 4, 3)"),
        (None, "a picture is a path, bytes, a PIL image or a uint8 array, not NoneType"),
        (Image.new("RGB", (0, 5)), "the picture is 0×5: it has no pixels"),
        (Image.open(BytesIO(png(PHOTO)[:2000])), "the picture is damaged or cut short"),
        (b"", "is empty"),
        (b"<html>", "is not a picture that bgdl reads"),
        ("nowhere.jpg", "cannot read nowhere.jpg: No such file or directory"),
    ],
)
def test_refused_pictures(tiny: Matter, picture: object, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        bgdl.matte(picture, tiny)  # type: ignore[arg-type]
    assert sentence in str(caught.value)


@pytest.mark.parametrize("limit", ["5", None, float("nan"), 0])
def test_what_is_no_limit_of_pixels_is_a_sentence(tiny: Matter, limit: object) -> None:
    with pytest.raises(InputError, match=r"max_pixels is .*; it must be a whole number, 1 or more"):
        bgdl.matte(png(PHOTO), tiny, max_pixels=limit)  # type: ignore[arg-type]


@pytest.mark.parametrize("model", [None, 3, {}, registry.METHODS])
def test_what_is_no_model_is_a_sentence(model: object) -> None:
    with pytest.raises(InputError, match=r"a model is a name, a weights file or a Matter made by bgdl\.load, not"):
        bgdl.matte(PHOTO, model)  # type: ignore[arg-type]


def test_unknown_words_say_what_is_known() -> None:
    with pytest.raises(InputError, match="fit is 'fill'; it must be one of cover, contain, stretch"):
        bgdl.remove(PHOTO, "white", "otsu", fit="fill")  # type: ignore[call-overload]


def test_load_refuses_with_what_is_allowed(tiny_weights: Path) -> None:
    with pytest.raises(InputError, match=r"unknown model 'u3net'; known are portrait, u2net, .* or give the path"):
        bgdl.load("u3net")
    with pytest.raises(InputError, match=r"'histroy'; it takes batch, tta, size, shape, levels, compiled, target"):
        bgdl.load(tiny_weights, histroy=3)
    with pytest.raises(InputError, match=r"mog2 has no option 'histroy'; it takes .*history"):
        bgdl.load("mog2", histroy=3)
    with pytest.raises(WeightsError, match=r"no weights file at nowhere\.pth"):
        bgdl.load("nowhere.pth")


def test_unknown_attribute() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'removebg'"):
        bgdl.removebg  # noqa: B018


def test_a_method_without_a_network_has_no_engine() -> None:
    for words in ({"engine": "onnx"}, {"precision": "int8"}):
        with pytest.raises(InputError, match="otsu does not use a network; leave engine and precision out"):
            bgdl.load("otsu", device="cpu", **words)
    with pytest.raises(InputError, match="otsu does not use a network"):
        bgdl.load("grabcut:prior=otsu", engine="torch")
    assert registry.is_network("grabcut:prior=portrait") and registry.is_network("x.pth:size=64")
