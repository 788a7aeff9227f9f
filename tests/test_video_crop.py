"""`--crop` works in two passes, which must not show: in what is refused, in what Ctrl-C says, in the colours."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import bgdl
from bgdl.errors import InputError
from bgdl.media import encoder
from bgdl.pipeline.video_crop import BoxFinder
from tests.video_clips import BrightSubject, Interrupted, convert, decoded, write_clip


@pytest.mark.parametrize("sidecar", [False, True])
def test_what_exists_is_refused_before_the_first_pass(tmp_path: Path, sidecar: bool) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=4)
    taken = tmp_path / ("out_alpha.mp4" if sidecar else "out.mp4")
    taken.write_text("mine")
    matter = BrightSubject()
    with pytest.raises(InputError, match=rf"{taken.name} exists; use overwrite"):
        convert(source, tmp_path / "out.mp4", model=matter, crop="5%", alpha_sidecar=sidecar)
    assert matter.seen == 0
    assert taken.read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"preset": "sideways"}, "preset 'sideways' is unknown to libx264"),
        ({"background": "gone.mp4"}, r"gone\.mp4: cannot be opened as a video \(No such file or directory\)"),
        ({"background": "words.mp4"}, r"words\.mp4: cannot be opened as a video \(Invalid data"),
    ],
)
def test_what_cannot_be_done_is_refused_before_the_first_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, str], said: str
) -> None:
    monkeypatch.setattr(encoder, "why_not", lambda *_: "no NVIDIA encoder")
    monkeypatch.chdir(tmp_path)
    Path("words.mp4").write_text("no clip")
    matter = BrightSubject()
    with pytest.raises(InputError, match=said):
        convert(write_clip(tmp_path / "in.mp4", frames=4), tmp_path / "out.mp4", model=matter, crop="5%", **options)
    assert matter.seen == 0


class Slow(BrightSubject):
    """Each batch takes 0.4 s."""

    def alpha(self, frames: Tensor) -> Tensor:
        time.sleep(0.4)
        return super().alpha(frames)


def test_seconds_and_rate_are_of_both_passes(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=4)
    report = convert(source, tmp_path / "out.mp4", model=Slow(), batch=4, crop="5%")
    assert report.seconds.wall > report.seconds.matte > 0.39
    assert report.seconds.slowest == "matte"
    assert report.fps < 4 / 0.39


def test_ctrl_c_in_the_first_pass_names_no_file(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=400)
    with pytest.raises(KeyboardInterrupt, match=r"^stopped while looking for the crop; nothing was written$"):
        convert(source, tmp_path / "out.mp4", model=Interrupted(), batch=2, crop="5%")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize(
    ("rows", "even"),
    [((4, 9), (4, 10)), ((4, 8), (4, 8)), ((36, 41), (35, 41)), ((0, 41), (0, 41)), ((0, 5), (0, 6))],
)
def test_sides_are_made_even_inside_the_frame(rows: tuple[int, int], even: tuple[int, int]) -> None:
    finder, alpha = BoxFinder("0"), torch.zeros(2, 41, 30, 1)
    alpha[0, rows[0], 10:20], alpha[1, rows[1] - 1, 10:20] = 1, 1
    finder(alpha)
    assert finder.box(even=False) == (rows[0], 10, rows[1], 20)
    assert finder.box(even=True) == (even[0], 10, even[1], 20)


def screen(index: int, size_hw: tuple[int, int]) -> np.ndarray:
    """A skin-coloured square, soft at its edges and with green light on it, before a green screen."""
    rows, columns = np.mgrid[: size_hw[0], : size_hw[1]]
    distance = np.maximum(abs(rows - size_hw[0] / 2), abs(columns - size_hw[1] / 2 - index))
    share = np.clip((18 - distance) / 6, 0, 1)[..., None]
    return np.rint(share * (190, 200, 150) + (1 - share) * (0, 177, 64)).astype(np.uint8)


@pytest.mark.parametrize("edge", ["decontaminate", "none"])
def test_a_method_s_own_colours_are_those_without_the_crop(tmp_path: Path, edge: str) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=3, size_hw=(64, 96), codec="ffv1", pix_fmt="bgr0", picture=screen)
    key = bgdl.load("chroma_key", device="cpu")
    for name, crop in (("plain", None), ("cropped", "96")):
        convert(source, tmp_path / f"{name}.mkv", model=key, background="transparent", edge=edge, crop=crop)
    plain, cropped = (decoded(tmp_path / f"{name}.mkv", "rgba")[1] for name in ("plain", "cropped"))
    assert np.abs(np.stack(plain).astype(int) - np.stack(cropped)).max() <= 3
    despilled = plain[0][32, 48, :3].astype(int)
    assert (np.abs(despilled - (190, 200, 150)).max() > 10) == (edge == "decontaminate")
