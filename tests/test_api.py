"""`bgdl.remove`, `bgdl.matte` and `bgdl.load`: what goes in comes out."""

from __future__ import annotations

import doctest
import inspect
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

import bgdl
import bgdl.pipeline.image
from bgdl import registry, weights
from bgdl.errors import InputError
from bgdl.nets import checkpoint
from bgdl.nets.u2net import U2Net
from bgdl.pipeline.model import as_matter
from bgdl.preprocess import InputSpec
from bgdl.types import Matter, Primed
from tests.profiles import exchanged_profile
from tests.small_pictures import PHOTO, png
from tests.video_clips import BrightSubject, Whole, disc


def test_the_same_kind_comes_out(tiny: Matter, tmp_path: Path) -> None:
    array = bgdl.remove(PHOTO, model=tiny)
    assert (array.dtype, array.shape) == (np.uint8, (31, 45, 4))
    np.testing.assert_array_equal(np.asarray(bgdl.remove(Image.fromarray(PHOTO), model=tiny)), array)
    with Image.open(BytesIO(bgdl.remove(png(PHOTO), model=tiny))) as picture:
        np.testing.assert_array_equal(np.asarray(picture), array)
    (tmp_path / "p.png").write_bytes(png(PHOTO))
    for source, target in ((tmp_path / "p.png", tmp_path / "p-cutout.png"), (str(tmp_path / "p.png"), None)):
        result = bgdl.remove(source, model=tiny, target=target)
        assert type(result) is type(source)
        assert Path(result) == tmp_path / "p-cutout.png"
        np.testing.assert_array_equal(np.asarray(Image.open(result)), array)


def test_backgrounds_and_mattes(tiny: Matter) -> None:
    assert bgdl.remove(PHOTO, "white", model=tiny).shape == (31, 45, 3)
    assert bgdl.remove(PHOTO, "blur:3", model=tiny).shape == (31, 45, 3)
    alpha = bgdl.matte(PHOTO, tiny)
    assert (alpha.dtype, alpha.shape) == (np.float32, (31, 45))


@pytest.mark.parametrize(
    "options",
    [
        {}, {"edge": "none"}, {"edge": "guided", "keep": "largest"}, {"threshold": 0.5}, {"invert": True},
        {"keep": 2, "crop": "5%"}, {"crop": 0, "threshold": 0.9}, {"device": "cpu"},
    ],
)  # fmt: skip
def test_the_matte_is_what_remove_writes_of_it(tiny_weights: Path, options: dict[str, Any]) -> None:
    holes = np.dstack([PHOTO, PHOTO[..., 0]])
    for picture in (PHOTO, holes, disc(3)):
        for model in (str(tiny_weights), BrightSubject()) if "device" not in options else (tiny_weights,):
            alpha = bgdl.matte(picture, model, **options)
            grey = bgdl.remove(picture, model=model, only_matte=True, **options)
            np.testing.assert_array_equal(grey, np.floor(alpha * 255 + 0.5).astype(np.uint8))


def test_the_matte_s_options_and_defaults_are_those_of_remove() -> None:
    ours, theirs = (inspect.signature(function).parameters for function in (bgdl.matte, bgdl.remove))
    assert theirs.keys() - ours.keys() == {"background", "target", "fit", "only_matte", "quality"}
    for name in ours.keys() - {"image"}:
        assert (ours[name].default, ours[name].annotation) == (theirs[name].default, theirs[name].annotation), name


def test_parts_are_those_of_the_finished_matte() -> None:
    photo = np.random.default_rng(0).integers(60, 190, (60, 80, 3), dtype=np.uint8)
    alpha = bgdl.matte(photo, BrightSubject(), edge="guided", keep="largest")
    assert cv2.connectedComponents((alpha >= 0.5).astype(np.uint8))[0] == 2


def test_the_empty_scene_may_be_any_kind_of_picture() -> None:
    plate = np.full((40, 50, 3), 90, dtype=np.uint8)
    photo = plate.copy()
    photo[10:30, 10:30] = (220, 180, 40)
    for prime in (plate, Image.fromarray(plate), png(plate)):
        alpha = bgdl.matte(photo, "static_difference", prime=prime, edge="none")
        assert alpha[15:25, 15:25].min() == 1 and alpha[:5].max() == 0
    with pytest.raises(InputError, match="otsu does not learn an empty scene"):
        bgdl.matte(photo, "otsu", prime=plate)


def test_alpha_of_the_source_is_kept(tiny: Matter) -> None:
    holes = np.dstack([PHOTO, np.zeros(PHOTO.shape[:2], np.uint8)])
    holes[:10, :, 3] = 128
    plain, cut = bgdl.matte(PHOTO, tiny), bgdl.matte(holes, tiny)
    np.testing.assert_allclose(cut[:10], plain[:10] * (128 / 255), atol=1e-6)
    assert not cut[10:].any()


def test_alpha_of_the_source_changes_no_colour(tiny: Matter) -> None:
    glass, opaque = (np.dstack([PHOTO, np.full(PHOTO.shape[:2], level, np.uint8)]) for level in (128, 255))
    plain, cut = bgdl.remove(PHOTO, model=tiny), bgdl.remove(glass, model=tiny)
    seen = (cut[..., 3] > 0) & (plain[..., 3] > 0)
    np.testing.assert_array_equal(cut[seen, :3], plain[seen, :3])
    assert set(np.unique(bgdl.remove(glass, "blur", model=tiny)[..., 3])) == {128}
    np.testing.assert_array_equal(bgdl.remove(opaque, "blur", model=tiny), bgdl.remove(PHOTO, "blur", model=tiny))


def test_grey_arrays_are_pictures_too(tiny: Matter) -> None:
    grey = np.ascontiguousarray(PHOTO[..., 0])
    np.testing.assert_array_equal(bgdl.matte(grey, tiny), bgdl.matte(np.dstack([grey] * 3), tiny))


def test_what_a_picture_leaves_transparent_stays_so_beside_what_is_opaque() -> None:
    levels = np.repeat([0, 128, 255], 4).astype(np.uint8)
    rgba = np.dstack([np.full((12, 9, 3), 200, np.uint8), np.tile(levels[:, None], 9)])
    assert np.allclose(bgdl.matte(Image.fromarray(rgba), Whole())[:, 4], levels / 255)


def test_network_options(tiny_weights: Path) -> None:
    matter = bgdl.load(tiny_weights, device="cpu", engine="torch", precision="fp32", size=64, batch=3)
    assert (matter.spec.size, matter.batch, matter.name) == (64, 3, "tiny")
    assert matter.device == torch.device("cpu")


def test_what_there_is_is_shown_and_loads_no_torch() -> None:
    code = """if True:
        import sys, bgdl
        assert set(bgdl.__all__) <= set(dir(bgdl)), dir(bgdl)
        assert issubclass(bgdl.InputError, bgdl.BgdlError) and bgdl.errors.WeightsError is bgdl.WeightsError
        assert bgdl.MissingExtra and bgdl.DeviceError
        print([name for name in ("torch", "cv2", "numpy", "PIL", "av") if name in sys.modules])
        from bgdl import *
        print(remove.__module__, Matter.__module__, InputSpec(size=64).size, VideoReport.__name__, "typing" in dir())
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "bgdl.pipeline.image bgdl.types 64 VideoReport False"]


def _ships() -> bool:
    return weights.locate(weights.RECORDS["portrait"]) is not None


@pytest.mark.skipif(not _ships(), reason="weights/portrait.safetensors is not in this checkout")
def test_docstrings_run() -> None:
    result = doctest.testmod(bgdl.pipeline.image)
    assert result.attempted >= 5
    assert result.failed == 0


@pytest.mark.skipif(not _ships(), reason="weights/portrait.safetensors is not in this checkout")
@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_frame_stays_empty(level: int) -> None:
    alpha = registry.load("portrait", device="cpu").alpha(torch.full((1, 240, 320, 3), level, dtype=torch.uint8))
    assert alpha.mean() < 0.02
    assert (alpha >= 0.5).float().mean() < 0.005


def test_a_pil_image_keeps_its_profile() -> None:
    photo = Image.new("RGB", (8, 8), (9, 9, 9))
    photo.info["icc_profile"] = exchanged_profile()
    assert bgdl.remove(photo, model="otsu").info["icc_profile"] == exchanged_profile()


def test_what_a_matter_was_primed_with_stays() -> None:
    plate = torch.full((8, 40, 50, 3), 90, dtype=torch.uint8)
    photo = plate[0].numpy().copy()
    photo[10:30, 10:30] = (220, 180, 40)
    for name in ("static_difference", "running_average", "mog2", "knn"):
        matter = bgdl.load(name, device="cpu")
        assert isinstance(matter, Primed)
        matter.prime(plate)
        alpha = bgdl.matte(photo, matter, edge="none")
        assert alpha[15:25, 15:25].min() == 1 and alpha[:5].max() == 0, name
        matter.prime(plate)
        np.testing.assert_array_equal(bgdl.remove(photo, model=matter, only_matte=True, edge="none"), alpha * 255)


def test_pictures_have_nothing_to_do_with_each_other() -> None:
    first, second = PHOTO, 255 - PHOTO
    between = bgdl.load("frame_difference", device="cpu")
    for model, prime in ((between, None), ("mog2", PHOTO // 2), (bgdl.load("mog2", device="cpu"), PHOTO // 2)):
        alone = bgdl.matte(second, model, prime=prime)
        bgdl.matte(first, model, prime=prime)
        np.testing.assert_array_equal(bgdl.matte(second, model, prime=prime), alone)


@pytest.mark.parametrize("model", ["mog2", "frame_difference", "static_difference", "grabcut:prior=mog2"])
def test_threads_that_name_a_method_that_learns_have_one_each(model: str) -> None:
    assert as_matter(model) is not as_matter(model)
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 256, (40 + 3 * size, 50, 3), dtype=np.uint8) for size in range(4)]

    def matte(photo: Any) -> Any:
        return bgdl.matte(photo, model, edge="none", prime=255 - photo)

    if model != "frame_difference":
        expected = [matte(photo) for photo in photos]
        with ThreadPoolExecutor(4) as pool:
            for alpha, alone in zip(pool.map(matte, photos * 3), expected * 3, strict=True):
                np.testing.assert_array_equal(alpha, alone)


def test_weights_that_were_replaced_are_loaded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed, folder in enumerate(("a", "b")):
        torch.manual_seed(seed)
        (tmp_path / folder).mkdir()
        checkpoint.write(tmp_path / folder / "net.safetensors", U2Net("u2netp"), spec=InputSpec(size=32), half=False)
    monkeypatch.chdir(tmp_path / "a")
    first = bgdl.matte(PHOTO, "net.safetensors")
    assert as_matter("net.safetensors") is as_matter(Path("net.safetensors"))
    monkeypatch.chdir(tmp_path / "b")
    second = bgdl.matte(PHOTO, "net.safetensors")
    assert not np.array_equal(first, second)
    monkeypatch.chdir(tmp_path / "a")
    (tmp_path / "b" / "net.safetensors").replace("net.safetensors")
    np.testing.assert_array_equal(bgdl.matte(PHOTO, "net.safetensors"), second)
