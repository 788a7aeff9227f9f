"""Every layout of evaluation data becomes the same clips of frames; the rules are checked and kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bgdl.errors import InputError
from bgdl.evaluation import prime
from bgdl.evaluation.protocol import Rules
from bgdl.evaluation.sources import Source, open_sources, shrink
from tests.eval_data import make_pairs, save, scene, write_clip

NO_RULES = Rules()


def opened(path: Path, rules: Rules = NO_RULES) -> Source:
    return open_sources((str(path),), rules)[0]


def test_a_folder_of_pairs(tmp_path):
    source = opened(make_pairs(tmp_path / "set"))
    (clip,) = source.clips
    frames = list(clip.read())
    assert (source.name, clip.sequence, clip.count) == ("set", False, 6)
    assert [frame.name for frame in frames] == ["000", "001", "002", "003", "004", "005"]
    picture, mask = scene(2, (40, 50))
    assert torch.equal(frames[2].picture[0], torch.from_numpy(picture))
    assert torch.equal(frames[2].truth, torch.from_numpy(mask) / 255)


def test_pairs_are_pictures_unless_they_are_called_a_sequence(tmp_path):
    """Even with consecutive numbers and one size, as photographs from one camera have them."""
    for number in (10, 9, 11):
        picture, mask = scene(number)
        save(tmp_path / "set" / "images" / f"{number:04d}.png", picture)
        save(tmp_path / "set" / "masks" / f"{number:04d}.png", mask)
    source = opened(tmp_path / "set")
    assert not source.clips[0].sequence
    assert source.describe() == ("data set: 3 pictures, unrelated to each other (kind sequence: frames of one clip)")
    clip = opened(tmp_path / "set", Rules(kind="sequence"))
    assert clip.clips[0].sequence
    assert clip.describe() == "data set: one clip of 3 frames"
    for one in (source, clip):  # methods with a memory see both in the order of the names
        assert [frame.name for frame in one.clips[0].read()] == ["0009", "0010", "0011"]


def test_davis_objects_are_one_subject(tmp_path):
    for number in range(2):
        picture, mask = scene(number)
        save(tmp_path / "JPEGImages" / "480p" / "dance" / f"{number:05d}.jpg", picture)
        objects = Image.fromarray((mask > 0).astype(np.uint8) * 2, "P")
        objects.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
        (tmp_path / "Annotations" / "480p" / "dance").mkdir(parents=True, exist_ok=True)
        objects.save(tmp_path / "Annotations" / "480p" / "dance" / f"{number:05d}.png")
    (clip,) = opened(tmp_path).clips
    frames = list(clip.read())
    assert (clip.name, clip.sequence, len(frames)) == ("dance", True, 2)
    assert torch.equal(frames[1].truth, torch.from_numpy(scene(1)[1]) / 255)


def test_hidden_files_and_folders_are_no_data(tmp_path):
    """Such as what macOS writes beside each file, and notebooks beside each folder."""
    root = make_pairs(tmp_path / "set", 2)
    for folder in ("images", "masks"):
        save(root / folder / ".ipynb_checkpoints" / "000-checkpoint.png", scene(0)[0])
        (root / folder / "._000.png").write_bytes(b"no picture")
    assert opened(root).clips[0].count == 2
    for name in ("walk.mkv", "walk-matte.mkv"):
        (tmp_path / "clips").mkdir(exist_ok=True)
        write_clip(tmp_path / "clips" / name, [scene(0)[0]])
        (tmp_path / "clips" / f"._{name}").write_bytes(b"no clip")
    assert [clip.name for clip in opened(tmp_path / "clips").clips] == ["walk"]
    for folder, name in (("JPEGImages", "00000.jpg"), ("Annotations", "00000.png")):
        save(tmp_path / "davis" / folder / "480p" / "dance" / name, scene(0)[1])
        (tmp_path / "davis" / folder / "480p" / "dance" / f"._{name}").write_bytes(b"no picture")
        (tmp_path / "davis" / folder / "480p" / ".ipynb_checkpoints").mkdir()
    assert [(clip.name, clip.count) for clip in opened(tmp_path / "davis").clips] == [("dance", 1)]


@pytest.mark.parametrize(("clip", "matte"), [("clip.mkv", "matte.mkv"), ("walk.mkv", "walk-matte.mkv")])
def test_a_clip_and_its_matte_clip(tmp_path, clip, matte):
    pictures, masks = zip(*(scene(number) for number in range(3)), strict=True)
    write_clip(tmp_path / clip, list(pictures))
    write_clip(tmp_path / matte, list(masks))
    for source in (opened(tmp_path), opened(tmp_path / clip)):
        (found,) = source.clips
        frames = list(found.read())
        assert (found.sequence, found.rate, [frame.name for frame in frames]) == (True, 10, ["00000", "00001", "00002"])
        assert torch.equal(frames[2].picture[0], torch.from_numpy(pictures[2]))
        assert torch.equal(frames[2].truth, torch.from_numpy(masks[2]) / 255)


def test_a_clip_and_a_matte_of_other_length(tmp_path):
    write_clip(tmp_path / "clip.mkv", [scene(number)[0] for number in range(3)])
    write_clip(tmp_path / "matte.mkv", [scene(number)[1] for number in range(2)])
    *sound, last = opened(tmp_path).clips[0].read()
    assert [frame.error for frame in sound] == [None, None]
    assert (last.name, last.error) == ("00002", "clip.mkv and matte.mkv have different numbers of frames")


def test_a_folder_of_clips(tmp_path):
    for name in ("a.mkv", "a.avi", "a-matte.mkv", "b.mkv", "b_alpha.mkv", "b-matte.mkv", "c-matte.mkv"):
        write_clip(tmp_path / name, [scene(0)[0]])
    assert [clip.name for clip in opened(tmp_path).clips] == ["a.avi", "a.mkv", "b"]
    assert [clip.name for clip in opened(tmp_path / "a.avi").clips] == ["a"]
    write_clip(tmp_path / "d.mkv", [scene(0)[0]])
    with pytest.raises(InputError, match=r"1 clips of .* have no matte clip beside them, d.mkv among them"):
        opened(tmp_path)


def test_clips_that_cannot_be(tmp_path):
    with pytest.raises(InputError, match=r"no clip at .*typo\.mkv"):
        opened(tmp_path / "typo.mkv")
    write_clip(tmp_path / "clip.mkv", [scene(0)[0]])
    with pytest.raises(InputError, match=r"has no matte clip beside it; name it clip-matte\.mkv"):
        opened(tmp_path / "clip.mkv")
    write_clip(tmp_path / "matte.mkv", [scene(0)[1]])
    with pytest.raises(InputError, match="holds clips; split is for folders and manifests of pictures"):
        opened(tmp_path, Rules(split="number:10:3"))


def test_a_broken_picture_is_a_frame_with_a_reason(tmp_path):
    root = make_pairs(tmp_path, 3)
    (root / "images" / "001.png").write_bytes(b"no picture")
    frames = list(opened(root).clips[0].read())
    assert [frame.error is None for frame in frames] == [True, False, True]
    assert "is not a picture that bgdl reads" in frames[1].error


def test_masks_of_class_numbers_are_no_empty_truths(tmp_path):
    root = make_pairs(tmp_path / "set", 2)
    save(root / "masks" / "001.png", scene(1, (40, 49))[1] // 255 * 7)
    first, second = opened(root).clips[0].read()
    assert first.error is None
    assert second.error == (
        "the mask's brightest value is 7 of 255; white is the person (is this a map of class numbers?)"
    )
    assert not any(frame.error for frame in opened(root, Rules(kind="sequence")).clips[0].read())


def test_split_and_manifest(tmp_path):
    root = make_pairs(tmp_path / "set", 6)
    assert [frame.name for frame in opened(root, Rules(split="number:3:1")).clips[0].read()] == ["001", "004"]
    with pytest.raises(InputError, match="the split 'number:9:8' keeps none of the pictures"):
        opened(root, Rules(split="number:9:8"))
    (tmp_path / "some.csv").write_text("image,mask\nset/images/002.png,set/masks/002.png\n")
    source = opened(tmp_path / "some.csv")
    assert (source.name, [frame.name for frame in source.clips[0].read()]) == ("some", ["set/images/002"])


def test_sources_of_one_name_are_told_apart(tmp_path):
    paths = [str(make_pairs(tmp_path / parent / "set", 1)) for parent in ("a", "b")]
    assert [source.name for source in open_sources(tuple(paths), Rules())] == ["a/set", "b/set"]
    deeper = [str(make_pairs(tmp_path / parent / "test" / "set", 1)) for parent in ("a", "b")]
    assert [source.name for source in open_sources(tuple(deeper), Rules())] == ["a/test/set", "b/test/set"]
    with pytest.raises(InputError, match=r"the data .*b/../a/set is given twice; name each once"):
        open_sources((paths[0], str(tmp_path / "b" / ".." / "a" / "set")), Rules())


def test_a_folder_and_its_manifest_are_two(tmp_path):
    make_pairs(tmp_path / "data", 1)
    (tmp_path / "data.csv").write_text("image,mask\ndata/images/000.png,data/masks/000.png\n")
    sources = open_sources((str(tmp_path / "data"), str(tmp_path / "data.csv")), Rules())
    assert [source.name for source in sources] == ["data", "data.csv"]
    with pytest.raises(InputError, match=r"data\.csv is given twice"):
        open_sources((str(tmp_path / "data.csv"), str(tmp_path / "data" / ".." / "data.csv")), Rules())


def test_shrinking_keeps_the_shape_and_both_sizes(tmp_path):
    frame = next(iter(opened(make_pairs(tmp_path, 1)).clips[0].read()))
    small = shrink(frame, 24)
    assert small.picture.shape == (1, 20, 24, 3)
    assert small.truth.shape == (20, 24)
    assert small.truth.mean() == pytest.approx(frame.truth.mean().item(), abs=1e-3)
    assert shrink(frame, 100) is frame
    assert shrink(frame, None) is frame


def test_the_empty_scene(tmp_path):
    write_clip(tmp_path / "clip.mkv", [scene(number)[0] for number in range(5)])
    write_clip(tmp_path / "clip-matte.mkv", [scene(number)[1] for number in range(5)])
    (clip,) = opened(tmp_path / "clip.mkv").clips
    save(tmp_path / "plate.png", scene(0)[0])
    plate = str(tmp_path / "plate.png")
    assert [prime.leading_frames(text, clip) for text in (None, "3", "0.2s", plate)] == [0, 3, 2, 0]
    frames = list(clip.read())
    assert prime.empty_scene("2", frames[:2], None).shape == (2, 40, 48, 3)
    assert prime.empty_scene(None, [], None) is None
    assert prime.empty_scene(str(tmp_path / "clip.mkv"), [], 24).shape == (5, 20, 24, 3)
    assert torch.equal(prime.empty_scene(plate, [], None)[0], torch.from_numpy(scene(0)[0]))
    pairs = opened(make_pairs(tmp_path / "set", 2)).clips[0]
    with pytest.raises(InputError, match="has no frame rate, so prime cannot be 2s; give a number of frames or a file"):
        prime.leading_frames("2s", pairs)
    with pytest.raises(InputError, match="the first 2 frames are of 48x40, 49x40 px; let prime be a file"):
        prime.empty_scene("2", list(pairs.read()), None)
