"""`bgdl data check` names each fault of a folder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from bgdl.cli.main import app
from bgdl.data.check import check_files, check_folder, check_quickly, sample_grid, spread
from bgdl.data.pairs import find_pairs
from bgdl.errors import BgdlError, InputError
from tests.synthetic_people import draw_person, write_people
from tests.video_clips import room_for

links = pytest.mark.skipif(os.name == "nt", reason="Windows has no such links")


def check(*words: object) -> str:
    """What `bgdl data check` with these words says; raises what it raises."""
    return CliRunner().invoke(app, ["data", "check", *map(str, words)], catch_exceptions=False).output


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    write_people(tmp_path, 8)
    masks, images = tmp_path / "masks", tmp_path / "images"
    (masks / "person-000.png").unlink()
    (images / "person-001.png").unlink()
    Image.new("L", (10, 10)).save(masks / "person-002.png")
    Image.fromarray(draw_person(3)[1] // 255).save(masks / "person-003.png")
    Image.fromarray(255 - draw_person(4)[1]).save(masks / "person-004.png")
    Image.new("L", (40, 48)).save(masks / "person-005.png")
    (images / "person-007.png").write_bytes((images / "person-006.png").read_bytes())
    return tmp_path


def test_every_fault_is_found(faulty: Path) -> None:
    pairs, findings = check_folder(faulty)
    said = {finding.name: (finding.severity, finding.text) for finding in findings}
    assert len(pairs) == 6
    assert said["person-000"] == ("error", "has no mask")
    assert said["person-001"] == ("warning", "is a mask without a picture")
    assert said["person-002"][0] == "error" and said["person-002"][1].startswith(
        "picture and mask are 40x48 and 10x10 px"
    )
    assert said["person-003"] == ("warning", "the mask holds 0 and 1; it is read as 0 and 255")
    assert said["person-004"] == ("error", "the mask looks inverted: white is the person")
    assert said["person-005"] == ("warning", "the mask is empty")
    assert said["person-007"] == ("warning", "is the same picture as person-006")
    assert len(findings) == 7


def test_sound_data_gives_no_finding(tmp_path: Path) -> None:
    assert check_folder(write_people(tmp_path, 5))[1] == []


def test_quick_check_stops_training(tmp_path: Path) -> None:
    write_people(tmp_path, 3)
    (tmp_path / "images" / "person-001.png").write_bytes(b"no picture")
    with pytest.raises(BgdlError, match=r"person-001: .*bgdl data check"):
        check_quickly(find_pairs(tmp_path))


def test_spread_reaches_the_end_of_the_list() -> None:
    assert spread(range(15), 8) == [0, 1, 3, 5, 7, 9, 11, 13]
    assert spread(range(3), 8) == [0, 1, 2] and spread([], 8) == []


def test_command_lists_draws_and_fails(faulty: Path, tmp_path: Path) -> None:
    grid = tmp_path / "grid.png"
    result = CliRunner().invoke(app, ["data", "check", str(faulty), "--grid", str(grid)])
    assert isinstance(result.exception, InputError) and "3 unusable pictures" in str(result.exception)
    assert "error: person-000 has no mask" in result.stdout
    assert "grid.png: 4 samples, each" in result.output
    with Image.open(grid) as picture:
        assert picture.size == (4 * 2 * 192, 192)


def test_grid_shows_the_person_before_green() -> None:
    rgb, mask = draw_person(0)
    sheet = np.array(sample_grid([(rgb, mask)], side=48))
    shown = sheet[:48, 48 + 4 : 48 + 44]
    assert np.array_equal(shown[mask == 255], rgb[mask == 255])
    assert (shown[mask == 0] == (0, 160, 80)).all()


def test_numbers_of_classes_are_an_error(tmp_path: Path) -> None:
    write_people(tmp_path, 1)
    Image.fromarray(draw_person(0)[1] // 255 * 2).save(tmp_path / "masks" / "person-000.png")
    (finding,) = check_folder(tmp_path)[1]
    assert finding.severity == "error" and "brightest value is 2 of 255; white is the person" in finding.text


def test_void_among_classes_is_told(tmp_path: Path) -> None:
    write_people(tmp_path, 2)
    for number in range(2):
        classes = draw_person(number)[1] // 255 * 15
        classes[:, -3:] = 255
        mask = Image.fromarray(classes, "P" if number else "L")
        if number:
            mask.putpalette([0, 0, 0] + [192, 128, 128] * 254 + [224, 224, 192])
        mask.save(tmp_path / "masks" / f"person-00{number}.png")
    grey, palette = check_folder(tmp_path)[1]
    assert grey.severity == "error" and "below 255 is 15; white is the person (is this a map" in grey.text
    assert palette.severity == "warning" and "void class, 255; it is read as background" in palette.text


def test_a_picture_that_a_manifest_names_in_vain_is_listed(tmp_path: Path) -> None:
    write_people(tmp_path, 2)
    rows = [f"images/person-00{n}.png,masks/person-00{min(n, 1)}.png" for n in range(3)]
    (tmp_path / "list.csv").write_text("image,mask\n" + "\n".join(rows))
    (finding,) = check_folder(tmp_path / "list.csv")[1]
    assert (finding.severity, finding.name) == ("error", "images/person-002") and "cannot read" in finding.text


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ("no/grid.png", "there is no folder"),
        ("grid", "grid has no ending; pictures are written as .png"),
        ("grid.x", "grid.x ends in '.x'; pictures are written as .png"),
        ("people/images/sheet.png", "sheet.png would lie in .*images, where every picture is data; name a grid else"),
        ("people/masks/person-000.png", "person-000.png would lie in .*masks, where every picture is data"),
        pytest.param("link.png", "link.png would lie in .*images, where", marks=links),
    ],
)
def test_a_grid_that_cannot_be_written_is_told_before_the_work(tmp_path: Path, grid: str, said: str) -> None:
    people = write_people(tmp_path / "people", 1)
    if grid == "link.png":
        (tmp_path / grid).symlink_to(people / "images" / "person-000.png")
    before = (people / "images" / "person-000.png").read_bytes()
    with pytest.raises(InputError, match=said):
        check(people, "--grid", tmp_path / grid)
    assert (people / "images" / "person-000.png").read_bytes() == before


@pytest.mark.parametrize("kind", ["images", "masks"])
@pytest.mark.parametrize("layout", ["manifest", pytest.param("links", marks=links)])
def test_a_grid_replaces_no_picture_that_is_named_from_elsewhere(tmp_path: Path, layout: str, kind: str) -> None:
    people = write_people(tmp_path / "people", 1)
    picture, root = people / kind / "person-000.png", tmp_path / "list.csv"
    root.write_text("image,mask\npeople/images/person-000.png,people/masks/person-000.png\n")
    if layout == "links":
        root = tmp_path / "links"
        for folder in ("images", "masks"):
            (root / folder).mkdir(parents=True)
            (root / folder / "a.png").symlink_to(people / folder / "person-000.png")
    before = picture.read_bytes()
    with pytest.raises(InputError, match="is an input and would be replaced by the result; choose another output"):
        check(root, "--grid", picture)
    assert picture.read_bytes() == before


def test_the_sheet_lies_beside_the_data_and_is_none_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people = write_people(tmp_path / "people", 2)
    cut = tmp_path / "cut"
    cut.mkdir()
    for picture, mask in (draw_person(number) for number in range(2)):
        Image.fromarray(np.dstack([picture, mask])).save(cut / f"{picture.sum()}.png")
    (tmp_path / "list.csv").write_text("image,mask\npeople/images/person-000.png,people/masks/person-000.png\n")
    monkeypatch.chdir(cut)
    for root in (".", people, tmp_path / "list.csv") * 2:
        check(root)
    assert len(list(cut.iterdir())) == 2
    assert {file.name for file in tmp_path.glob("*.png")} == {"cut-check.png", "people-check.png", "list-check.png"}


def test_a_full_disk_leaves_the_former_sheet_whole(tmp_path: Path) -> None:
    people, sheet = write_people(tmp_path / "people", 2), tmp_path / "people-check.png"
    sheet.write_bytes(b"old")
    with room_for(100), pytest.raises(InputError, match=r"^cannot write .*people-check\.png: "):
        check(people, "--grid", sheet)
    with room_for(100):
        told = " ".join(check(people).split())  # nobody asked for a sheet
    assert "2 pairs, 0 with errors" in told and "people-check.png: File too large; --grid FILE draws" in told
    assert sheet.read_bytes() == b"old" and {file.name for file in tmp_path.iterdir()} == {"people", sheet.name}


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_headers_tell_sizes_that_disagree(tmp_path: Path, suffix: str) -> None:
    """Of all pairs, and with pictures turned by EXIF as they are seen."""
    write_people(tmp_path, 20)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = tmp_path / "images" / "person-003.png"
    turned = Image.open(file).rotate(90, expand=True)
    file.unlink()
    turned.save(file.with_suffix(suffix), exif=exif)
    check_files(find_pairs(tmp_path), tmp_path)
    for number in (7, 11):
        Image.new("L", (10, 12)).save(tmp_path / "masks" / f"person-{number:03}.png")
    with pytest.raises(InputError, match=r"person-007: picture and mask are 40x48 and 10x12 px; .* \(2 such in "):
        check_files(find_pairs(tmp_path), tmp_path)


def test_files_of_a_manifest_that_are_missing_are_counted(tmp_path: Path) -> None:
    write_people(tmp_path, 2)
    manifest = tmp_path / "m.csv"
    manifest.write_text("image,mask\nimages/person-000.png,masks/person-000.png\nimages/x.png,masks/y.png\n")
    with pytest.raises(InputError, match=r"2 of the files of .*m\.csv are missing, .*x\.png among them$"):
        check_files(find_pairs(manifest), manifest)


@pytest.mark.skipif(os.name == "nt", reason="where \\ parts folders")
def test_a_manifest_of_windows_is_told_to_use_slashes(tmp_path: Path) -> None:
    write_people(tmp_path, 1)
    manifest = tmp_path / "m.csv"
    manifest.write_text("image,mask\nimages\\person-000.png,masks\\person-000.png\n")
    with pytest.raises(InputError, match="use / in paths"):
        check_files(find_pairs(manifest), manifest)


def test_small_pictures_fill_their_tiles() -> None:
    white = np.full((12, 12, 3), 255, np.uint8)
    assert np.array(sample_grid([(white, white[..., 0])], side=48, columns=1)).min() == 255
