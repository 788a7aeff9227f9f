"""`bgdl image` on real files: what it writes, what it says, how it ends."""

from __future__ import annotations

import gc
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch import Tensor

from bgdl.matters.otsu import Otsu
from bgdl.media import image as files
from tests.conftest import Bgdl
from tests.profiles import exchanged_profile


def test_a_folder_becomes_cutouts(bgdl: Bgdl, photos: Path, tiny_weights: Path) -> None:
    done = bgdl("image", photos, "-m", tiny_weights, "-o", photos.parent / "out")
    assert done.status == 0
    assert re.fullmatch(r"model tiny, device cpu, engine (torch|openvino|onnx) \w+", done.err.splitlines()[0])
    for name, size in {"a.png": (30, 40), "b (1).png": (47, 33), "sub/c.png": (20, 64)}.items():
        with Image.open(photos.parent / "out" / name) as cutout:
            assert (cutout.mode, cutout.size) == ("RGBA", size)
    assert f"{photos / 'a.jpg'} -> {photos.parent / 'out' / 'a.png'}" in done.err


def test_unused_objects_are_looked_for_again_once_all_is_loaded(bgdl: Bgdl, photos: Path, tiny_weights: Path) -> None:
    gc.disable()  # as the console script does
    try:
        bgdl("image", photos / "a.jpg", "-m", tiny_weights)
        assert gc.isenabled()
    finally:
        gc.unfreeze()
        gc.enable()


def test_f_takes_every_format_that_is_written(bgdl: Bgdl, photos: Path) -> None:
    for suffix in files.FORMATS.keys() - {".tif", ".jpeg"}:  # other endings of a format
        out = photos.parent / suffix[1:]
        assert bgdl("image", photos / "a.jpg", "-m", "otsu", "-b", "white", "-f", suffix[1:], "-o", out).status == 0
        assert [path.name for path in out.iterdir()] == [f"a{suffix}"]


def test_json_has_a_record_a_picture(bgdl: Bgdl, photos: Path, tiny_weights: Path) -> None:
    (photos / "broken.jpg").write_bytes((photos / "a.jpg").read_bytes()[:300])
    done = bgdl("image", photos, "-m", tiny_weights, "--json")
    records = {Path(record["source"]).name: record for record in map(json.loads, done.out.splitlines())}
    assert set(records) == {"a.jpg", "b (1).png", "c.webp", "broken.jpg"}
    record = records["a.jpg"]
    assert set(record) == {"source", "target", "width", "height", "seconds", "coverage", "confidence", "notes"}
    assert (record["width"], record["height"]) == (30, 40)
    with Image.open(record["target"]) as cutout:
        alpha = np.asarray(cutout)[..., 3] / 255
    assert record["coverage"] == pytest.approx(alpha.mean(), abs=0.003)
    assert record["confidence"] == pytest.approx((alpha**2).sum() / alpha.sum(), abs=0.003)
    assert set(records["broken.jpg"]) == {"source", "target", "error"}


def test_names_are_printed_as_they_are(bgdl: Bgdl, photos: Path) -> None:
    photo = (photos / "a.jpg").rename(photos / ":100:[b].jpg")
    done = bgdl("image", photo, "-m", "otsu", "--json")
    assert json.loads(done.out)["source"] == str(photo)
    done = bgdl("image", photo, "-m", "otsu", "--overwrite")
    assert str(photo) in done.err


def test_a_bad_file_is_reported_and_the_rest_is_done(bgdl: Bgdl, photos: Path, tiny_weights: Path) -> None:
    (photos / "broken.png").write_text("not a picture")
    done = bgdl("image", photos, "-m", tiny_weights)
    assert done.status == 1
    assert "broken.png is not a picture that bgdl reads" in done.err
    assert done.err.splitlines()[-1] == "3 of 4 done, 1 failed"
    assert sorted(path.name for path in (photos.parent / "photos-cutout").rglob("*.*")) == [
        "a.png",
        "b (1).png",
        "c.png",
    ]


def test_nothing_is_overwritten_unasked(bgdl: Bgdl, photos: Path, tiny_weights: Path) -> None:
    target = photos / "a-cutout.png"
    target.write_bytes(b"mine")
    done = bgdl("image", photos / "a.jpg", "-m", tiny_weights)
    assert done.status == 1
    assert "the result exists" in done.err
    assert "use overwrite or skip-existing" in done.err
    assert bgdl("image", photos / "a.jpg", "-m", tiny_weights, "--skip-existing").status == 0
    assert target.read_bytes() == b"mine"
    assert bgdl("image", photos / "a.jpg", "-m", tiny_weights, "--overwrite").status == 0
    assert Image.open(target).mode == "RGBA"


def test_a_second_run_leaves_the_results_of_the_first_alone(bgdl: Bgdl, photos: Path) -> None:
    for options in ((), ("--skip-existing",)):
        done = bgdl("image", photos / "*.*", "-m", "otsu", *options)
        assert done.status == 0, done.err
        assert sorted(path.name for path in photos.glob("*-cutout*")) == ["a-cutout.png", "b (1)-cutout.png"]
    assert done.err.splitlines() == ["earlier results left out: 2", "skipped, since the result exists: 2 of 2"]


def test_looks(bgdl: Bgdl, photos: Path, tiny_weights: Path) -> None:
    a, out = photos / "a.jpg", photos.parent
    Image.new("RGB", (7, 9), (0, 255, 0)).save(out / "green.png")
    for name, options, mode in (
        ("matte.png", ["--only-matte"], "L"),
        ("white.jpg", ["-b", "white"], "RGB"),
        ("hex.png", ["-b", "#10203040"], "RGBA"),
        ("file.png", ["-b", out / "green.png", "--fit", "contain"], "RGB"),
        ("blur.webp", ["-b", "blur:4"], "RGB"),
        ("guided.png", ["--edge", "guided"], "RGBA"),
    ):
        assert bgdl("image", a, "-m", tiny_weights, "-o", out / name, *options).status == 0
        with Image.open(out / name) as picture:
            assert (name, picture.mode, picture.size) == (name, mode, (30, 40))


def test_matte_options(bgdl: Bgdl, photos: Path, tiny_weights: Path) -> None:
    def matte(*options: object) -> np.ndarray:
        target = photos.parent / "m.png"
        assert (
            bgdl(
                "image", photos / "a.jpg", "-m", tiny_weights, "--only-matte", "--overwrite", "-o", target, *options
            ).status
            == 0
        )
        return np.asarray(Image.open(target))

    plain = matte()
    assert set(np.unique(matte("--threshold", 0.5))) <= {0, 255}
    np.testing.assert_allclose(matte("--invert").astype(int), 255 - plain.astype(int), atol=1)
    largest = matte("--keep", "largest")
    assert (largest <= plain).all()
    np.testing.assert_array_equal(matte("--keep", "1"), largest)
    np.testing.assert_array_equal(matte("--crop", "100"), plain)


def test_a_keyed_screen_leaves_no_green_on_the_subject(bgdl: Bgdl, tmp_path: Path) -> None:
    screen = np.full((60, 80, 3), (20, 180, 40), np.uint8)
    screen[20:40, 30:60] = (170, 185, 170)  # grey that the screen shines on
    Image.fromarray(screen).save(tmp_path / "in.png")
    assert bgdl("image", tmp_path / "in.png", "-m", "chroma_key", "-o", tmp_path / "o.png").status == 0
    red, green, blue, alpha = np.asarray(Image.open(tmp_path / "o.png"))[30, 45].astype(int)
    assert alpha > 200
    assert green <= max(red, blue) + 2


@pytest.mark.parametrize("edge", ["none", "guided"])
@pytest.mark.parametrize("model", ["static_difference", "mog2"])
def test_a_plate_shows_what_is_new(bgdl: Bgdl, tmp_path: Path, model: str, edge: str) -> None:
    scene = np.full((60, 80, 3), 180, np.uint8)
    Image.fromarray(scene).save(tmp_path / "empty.png")
    for name in ("in/one.png", "in/two.png"):
        scene[20:40, 30:60] = (200, 40, 40)
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.fromarray(scene).save(tmp_path / name)
    options = ("-m", model, "--prime", tmp_path / "empty.png", "--edge", edge, "--only-matte")
    assert bgdl("image", tmp_path / "in", "-o", tmp_path / "out", *options).status == 0
    for name in ("one.png", "two.png"):
        matte = np.asarray(Image.open(tmp_path / "out" / name))
        assert matte[25:35, 35:55].min() > 200
        assert matte[:10].max() < 30


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["-o", "x.jpg"],
            "x.jpg cannot hold transparency; write .png, .webp, .tiff or .avif, or give an opaque background",
        ),
        (["-f", "jpg"], "cannot hold transparency"),
        (["-m", "nowhere.pth", "-o", "x.jpg", "-b", "#fff8"], "error: x.jpg cannot hold transparency; write .png"),
        (["-m", "nowhere.pth", "--only-matte", "-b", "red"], "only_matte writes the matte alone; leave background out"),
        (["-m", "nowhere.pth", "-o", "-", "-f", "jpg"], "error: .jpg cannot hold transparency"),
        (["-m", "nowhere.pth", "-o", "sub/c.webp/x"], "c.webp is not a folder; give a folder, or a file name"),
        (["-o", "sub/c.webp", "-b", "sub/c.webp", "--overwrite"], "c.webp is an input and would be replaced"),
        (["-b", "nocolour"], "background 'nocolour' is neither a colour nor a file that exists"),
        (["-m", "u3net"], "unknown model 'u3net'; known are portrait"),
        (["--device", "cuda:99"], "device 'cuda:99' was asked for, but"),
        (["--device", "abacus"], "unknown device 'abacus'; use auto, cpu, cuda, cuda:N or mps"),
        (["--crop", "wide"], "margin 'wide' is not a number of px or a share; write it as 20 or 5%"),
        (["--overwrite", "--skip-existing"], "exclude each other"),
        (["-o", "-", "--json"], "cannot both go to stdout"),
        (["--max-pixels", "100"], "more than the limit of 100 pixels"),
        (["--prime", "a.jpg"], "tiny does not learn an empty scene; leave prime out"),
        (["-m", "otsu", "--engine", "onnx", "--precision", "int8"], "otsu does not use a network; leave"),
        (["--threshold", "0"], "threshold is 0, which all of a matte reaches; give a level above 0, for instance 0.5"),
    ],
)
def test_refusals(
    bgdl: Bgdl, photos: Path, tiny_weights: Path, options: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)
    before = sorted(photos.rglob("*"))
    done = bgdl("image", "a.jpg", *(() if "-m" in options else ("-m", tiny_weights)), *options)
    assert done.status == 1
    assert sentence in done.err
    assert sorted(photos.rglob("*")) == before


def test_links(bgdl: Bgdl, photos: Path, tmp_path: Path) -> None:
    (photos / "gone.png").symlink_to("nowhere.png")
    done = bgdl("image", photos, "-m", "otsu", "-o", tmp_path / "out", "--json")
    records = [json.loads(line) for line in done.out.splitlines()]
    assert done.status == 1 and len(records) == 4
    assert [record["error"] for record in records if "error" in record] == [
        f"cannot read {photos / 'gone.png'}: No such file or directory"
    ]
    (tmp_path / "link.png").symlink_to(tmp_path / "out" / "a.png")
    (tmp_path / "out" / "a.png").write_bytes(b"old")
    assert bgdl("image", photos / "a.jpg", "-m", "otsu", "-o", tmp_path / "link.png", "--overwrite").status == 0
    assert (tmp_path / "link.png").is_symlink()
    assert Image.open(tmp_path / "out" / "a.png").size == (30, 40)


def test_a_picture_before_another_or_a_colour_is_in_srgb(bgdl: Bgdl, tmp_path: Path) -> None:
    """Both have a profile that exchanges red and blue; the matte is empty, so the background is all there is."""
    for name, colour in (("photo.png", (0, 250, 0)), ("empty.png", (0, 250, 0)), ("beach.png", (250, 0, 0))):
        Image.new("RGB", (8, 8), colour).save(tmp_path / name, icc_profile=exchanged_profile())
    options = ("-m", "static_difference", "--prime", tmp_path / "empty.png")
    done = bgdl("image", tmp_path / "photo.png", "-o", tmp_path / "out.png", "-b", tmp_path / "beach.png", *options)
    assert done.status == 0, done.err
    with Image.open(tmp_path / "out.png") as shown:
        assert "icc_profile" not in shown.info and np.asarray(shown)[4, 4, 2] > 245
    for background, profile in (("#0000fa", None), ("transparent", exchanged_profile()), ("blur", exchanged_profile())):
        arguments = ("-o", tmp_path / "out.png", "-b", background, "--overwrite", *options)
        assert bgdl("image", tmp_path / "photo.png", *arguments).status == 0
        with Image.open(tmp_path / "out.png") as shown:
            assert shown.info.get("icc_profile") == profile
            assert profile or np.asarray(shown)[4, 4].tolist() == [0, 0, 250]


def test_an_error_of_any_kind_costs_one_picture(bgdl: Bgdl, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Otsu.alpha

    def alpha(self: Otsu, frames: Tensor) -> Tensor:
        if frames.shape[1] == 40:
            raise ZeroDivisionError("a bug")
        return honest(self, frames)

    monkeypatch.setattr(Otsu, "alpha", alpha)
    done = bgdl("image", photos, "-m", "otsu")
    assert done.status == 1 and "a.jpg: a bug" in done.err and "2 of 3 done, 1 failed" in done.err


def test_a_picture_that_cannot_be_written_costs_one_picture(
    bgdl: Bgdl, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = files.write

    def write(picture: Tensor, *args: Any, **options: Any) -> None:
        if picture.shape[0] == 40:
            raise ZeroDivisionError("a bug")
        honest(picture, *args, **options)

    monkeypatch.setattr(files, "write", write)
    done = bgdl("image", photos, "-m", "otsu")
    assert done.status == 1 and "a.jpg: a bug" in done.err and "2 of 3 done, 1 failed" in done.err


def test_help_names_every_option(bgdl: Bgdl) -> None:
    done = bgdl("image", "--help")
    assert done.status == 0
    for option in ("--model", "--background", "--edge", "--only-matte", "--keep", "--crop", "--json", "--overwrite"):
        assert option in done.out


@pytest.mark.shared
def test_odd_names_and_real_photographs(bgdl: Bgdl, shared: Path, tmp_path: Path) -> None:
    photo = shared / "data" / "photos" / "images (1).jpeg"
    assert bgdl("image", photo, "-m", shared / "weights" / "u2netp.pth", "-o", tmp_path / "o.png").status == 0
    alpha = np.asarray(Image.open(tmp_path / "o.png"))[..., 3]
    assert alpha[90, 170] > 240  # her face
    assert alpha[10, 10] < 10  # the wall
