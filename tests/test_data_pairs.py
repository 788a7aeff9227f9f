"""Which picture belongs to which mask."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bgdl.data.check import check_files, check_folder
from bgdl.data.dataset import TrainingPictures, WholePictures
from bgdl.data.pairs import find_pairs, read_pair
from bgdl.data.split import split_pairs
from bgdl.errors import InputError, MissingExtra
from bgdl.media.image import READ_SUFFIXES
from tests.synthetic_people import draw_person, write_people


def test_folders_are_matched_by_path_without_suffix(tmp_path: Path) -> None:
    write_people(tmp_path, 2)
    (tmp_path / "images" / "sub").mkdir()
    (tmp_path / "masks" / "sub").mkdir()
    rgb, mask = draw_person(7)
    Image.fromarray(rgb).save(tmp_path / "images" / "sub" / "person-000.jpg")
    Image.fromarray(mask).save(tmp_path / "masks" / "sub" / "person-000.png")
    assert [pair.name for pair in find_pairs(tmp_path)] == ["person-000", "person-001", "sub/person-000"]
    assert np.array_equal(read_pair(find_pairs(tmp_path)[2])[1], mask)


def test_a_picture_without_mask_is_named(tmp_path: Path) -> None:
    write_people(tmp_path, 2)
    (tmp_path / "masks" / "person-001.png").unlink()
    with pytest.raises(InputError, match=r"pictures without a mask in .*: 1, such as person-001"):
        find_pairs(tmp_path)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    write_people(tmp_path, 1)
    Image.fromarray(draw_person(0)[0]).save(tmp_path / "images" / "person-000.jpg")
    with pytest.raises(InputError, match=r"person-000.jpg and person-000.png .* share the name person-000"):
        find_pairs(tmp_path)


def test_alpha_channel_is_the_mask(tmp_path: Path) -> None:
    rgb, mask = draw_person(3)
    Image.fromarray(np.dstack([rgb, mask])).save(tmp_path / "one.png")
    read_rgb, read_mask = read_pair(find_pairs(tmp_path)[0])
    assert np.array_equal(read_rgb, rgb) and np.array_equal(read_mask, mask)


def test_manifest_gives_paths_and_split(tmp_path: Path) -> None:
    write_people(tmp_path / "set", 3)
    rows = [f"set/images/person-00{n}.png,set/masks/person-00{n}.png,{'val' if n == 1 else 'train'}" for n in range(3)]
    manifest = tmp_path / "list.csv"
    manifest.write_text("image,mask,split\n" + "\n".join(rows), "utf-8-sig")  # as spreadsheets write it
    training, validation = split_pairs(find_pairs(manifest), "column")
    assert [p.name for p in validation] == ["set/images/person-001"] and len(training) == 2
    assert np.array_equal(read_pair(validation[0])[0], draw_person(1)[0])


def test_numbers_are_in_order_without_zeros_before_them(tmp_path: Path) -> None:
    people = write_people(tmp_path / "set", 3)
    names = {"person-000": "frame10", "person-001": "frame2", "person-002": "frame1"}
    for old, new in names.items():
        for folder in ("images", "masks"):
            (people / folder / f"{old}.png").rename(people / folder / f"{new}.png")
    assert [pair.name for pair in find_pairs(people)] == ["frame1", "frame2", "frame10"]
    rows = [f"images/frame{number}.png,masks/frame{number}.png" for number in (2, 10, 1)]
    (people / "list.csv").write_text("image,mask\n" + "\n".join(rows))
    assert [pair.image.stem for pair in find_pairs(people / "list.csv")] == ["frame2", "frame10", "frame1"]


def test_manifest_without_mask_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("picture,mask\na.png,b.png\n")
    with pytest.raises(InputError, match="it needs image and mask"):
        find_pairs(tmp_path / "list.csv")


def test_masks_of_zeros_and_ones_become_full(tmp_path: Path) -> None:
    write_people(tmp_path, 1)
    Image.fromarray(draw_person(0)[1] // 255).save(tmp_path / "masks" / "person-000.png")
    assert np.array_equal(read_pair(find_pairs(tmp_path)[0])[1], draw_person(0)[1])


def test_sizes_that_disagree_are_an_error(tmp_path: Path) -> None:
    write_people(tmp_path, 1)
    Image.new("L", (10, 20)).save(tmp_path / "masks" / "person-000.png")
    with pytest.raises(InputError, match="person-000: picture and mask are 40x48 and 10x20 px"):
        read_pair(find_pairs(tmp_path)[0])


def test_neither_a_mask_nor_transparency_is_an_error(tmp_path: Path) -> None:
    Image.fromarray(draw_person(0)[0]).save(tmp_path / "one.jpg")
    with pytest.raises(InputError, match="one: no mask, and no transparency to use as one; give images/ and masks/"):
        read_pair(find_pairs(tmp_path)[0])


def save(pixels: np.ndarray, file: Path) -> None:
    """As the ending says, as finely as the format can; HEIC through an opener that is gone when it is read."""
    if file.suffix in (".heic", ".heif"):
        pillow_heif = pytest.importorskip("pillow_heif")
        pillow_heif.from_pillow(Image.fromarray(pixels)).save(file, quality=-1)
    else:
        Image.fromarray(pixels).save(file, quality=100)


@pytest.fixture
def no_heif_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow as it is before the first HEIC picture."""
    Image.init()
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name != "HEIF"])


@pytest.mark.usefixtures("no_heif_yet")
@pytest.mark.parametrize("suffix", sorted(READ_SUFFIXES))
def test_whatever_bgdl_reads_can_be_a_picture_and_a_mask(tmp_path: Path, suffix: str) -> None:
    rgb, mask = draw_person(0, (96, 80))
    for folder, pixels in (("images", rgb), ("masks", mask)):
        (tmp_path / folder).mkdir()
        save(pixels, tmp_path / folder / f"one{suffix}")
    (pair,) = find_pairs(tmp_path)
    check_files([pair], tmp_path)
    assert check_folder(tmp_path) == ([pair], [])
    for sample in (WholePictures([pair])[0], TrainingPictures([pair], None, seed=0)[(0, 0, (96, 80))]):
        assert np.abs(sample["frames"][0].numpy().astype(int) - rgb).mean() < 20  # of a palette of 256, in GIF
        assert (sample["masks"][0, 0].numpy().round() == mask / 255).all()


@pytest.mark.parametrize("suffix", [".heic", ".avif"])
@pytest.mark.usefixtures("no_heif_yet")
def test_headers_of_new_formats_tell_sizes_that_disagree(tmp_path: Path, suffix: str) -> None:
    people = write_people(tmp_path, 2)
    (people / "images" / "person-001.png").unlink()
    save(np.zeros((30, 20, 3), np.uint8), people / "images" / f"person-001{suffix}")
    with pytest.raises(InputError, match="person-001: picture and mask are 20x30 and 40x48 px; they must agree"):
        check_files(find_pairs(people), people)


@pytest.mark.usefixtures("no_heif_yet")
def test_pictures_in_heic_need_their_package_before_training_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = write_people(tmp_path, 1)
    (people / "images" / "person-000.png").unlink()
    save(draw_person(0)[0], people / "images" / "person-000.heic")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(MissingExtra, match=r"HEIC needs an optional package"):
        check_files(find_pairs(people), people)


@pytest.mark.usefixtures("no_heif_yet")
@pytest.mark.parametrize("suffix", [".png", ".webp", ".avif", ".heic"])
def test_transparency_is_a_mask_in_every_format_that_holds_it(tmp_path: Path, suffix: str) -> None:
    rgb, mask = draw_person(0)
    save(np.dstack([rgb, mask]), tmp_path / f"clear{suffix}")
    save(rgb, tmp_path / f"opaque{suffix}")
    clear, opaque = find_pairs(tmp_path)
    assert ((read_pair(clear)[1] >= 128) == (mask == 255)).all()
    with pytest.raises(InputError, match="no mask, and no transparency"):
        read_pair(opaque)


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none yet")
    with pytest.raises(InputError, match=r"holds no pictures \(\.avif, \.bmp, .*\.webp\)"):
        find_pairs(tmp_path)


def test_a_manifest_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no data at .*none.csv; give a folder with images/ and masks/"):
        find_pairs(tmp_path / "none.csv")


def test_sixteen_bit_pictures_keep_their_levels(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    levels = np.linspace(0, 65535, 100).astype(np.uint16).reshape(10, 10)
    Image.fromarray(levels).save(tmp_path / "images" / "a.png")
    Image.fromarray(levels).save(tmp_path / "masks" / "a.png")
    rgb, mask = read_pair(find_pairs(tmp_path)[0])
    assert np.abs(rgb[..., 0] - levels / 257.0).max() <= 0.51 and np.array_equal(mask, rgb[..., 0])


def test_manifests_as_tables_write_them(tmp_path: Path) -> None:
    people = write_people(tmp_path, 2)
    rows = "image,mask\nimages/person-000.png,masks/person-000.png\n,\nimages/person-001.png,masks/person-001.png\n"
    (people / "LIST.CSV").write_text(rows)
    assert len(find_pairs(people / "LIST.CSV")) == 2
    (people / "folder.csv").write_text("image,mask\n.,masks/person-000.png\n")
    with pytest.raises(InputError, match=r"folder\.csv lists the image '\.', which does not exist"):
        find_pairs(people / "folder.csv")
    (people / "latin.csv").write_bytes("image,mask\nimages/Jürgen.png,masks/Jürgen.png\n".encode("cp1252"))
    with pytest.raises(InputError, match=r"latin\.csv is not UTF-8; save it as CSV UTF-8"):
        find_pairs(people / "latin.csv")


@pytest.mark.parametrize(("rows", "said"), [(4000, "field larger than field limit"), (2, "unexpected end of data")])
def test_a_quotation_mark_left_open_is_named_by_its_line(tmp_path: Path, rows: int, said: str) -> None:
    table = 'image,mask\nimages/a.png,masks/a.png\nimages/b.png,"masks/b.png\n'
    (tmp_path / "list.csv").write_text(table + "images/c.png,masks/c.png,which is long\n" * rows)
    with pytest.raises(InputError, match=rf"^list\.csv is no CSV from line 3 on: {said}.*; close each quotation mark$"):
        find_pairs(tmp_path / "list.csv")


def test_names_that_macos_wrote_otherwise_are_the_same(tmp_path):
    apart, whole = "Ju\u0308rgen", "J\u00fcrgen"
    for folder, name in (("images", apart), ("masks", whole)):
        (tmp_path / folder).mkdir()
        Image.new("L", (4, 4)).save(tmp_path / folder / f"{name}.png")
    (pair,) = find_pairs(tmp_path)
    assert pair.name == whole and pair.image.is_file() and pair.mask.is_file()
    (tmp_path / "list.csv").write_text(f"image,mask\nimages/{apart}.png,masks/{whole}.png\n", "utf-8")
    (listed,) = find_pairs(tmp_path / "list.csv")
    assert listed.name == f"images/{whole}" and listed.image.is_file()
