"""The chroma key: what it keys, where it is soft, which colour it takes for the screen, and the spill."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

import bgdl
from bgdl.compose import Over
from bgdl.matters.chroma_key import border_colour
from bgdl.synth.figure import draw_looks, draw_person

GREEN = (0, 177, 64)


def plain(colour: tuple[int, int, int], size_hw: tuple[int, int] = (8, 8)) -> Tensor:
    return torch.tensor(colour, dtype=torch.uint8).expand(1, *size_hw, 3).contiguous()


@pytest.fixture(scope="module")
def keyed() -> tuple[Tensor, Tensor, Tensor]:
    """A drawn person before a lit green screen: frame, truth, and the person's own straight colours."""
    person = torch.from_numpy(draw_person(draw_looks(4), height_px=160))
    alpha = person[None, ..., 3:].float() / 255
    height, width = person.shape[:2]
    light = torch.linspace(0.75, 1.1, width)[None, None, :, None]
    screen = (torch.tensor(GREEN).float() * light).expand(1, height, width, 3)
    frame = torch.lerp(screen, person[None, ..., :3].float(), alpha).round().to(torch.uint8)
    return frame, alpha, person[None, ..., :3]


@pytest.mark.parametrize("colour", ["green", "blue", "magenta", "#ff8000"])
def test_the_screen_goes_and_greys_stay(colour: str) -> None:
    from bgdl.matters.chroma_key import parse_colour

    matter = bgdl.load("chroma_key", device="cpu", colour=colour)
    assert not matter.alpha(plain(parse_colour(colour))).any()
    for grey in (0, 90, 255):
        assert (matter.alpha(plain((grey, grey, grey))) == 1).all()


def test_a_shadow_on_the_screen_goes_with_it() -> None:
    dark = tuple(round(value * 0.7) for value in GREEN)
    assert not bgdl.load("chroma_key", device="cpu").alpha(plain(dark)).any()


def test_a_person_before_a_screen(keyed: tuple[Tensor, Tensor, Tensor]) -> None:
    frame, truth, _ = keyed
    alpha = bgdl.load("chroma_key", device="cpu").alpha(frame)
    assert float((alpha - truth).abs().mean()) < 0.01
    edge = (truth > 0.05) & (truth < 0.95)
    ramp = bgdl.load("chroma_key", device="cpu", edge_px=0).alpha(frame)
    assert float((alpha - truth).abs()[edge].mean()) < 0.5 * float((ramp - truth).abs()[edge].mean())


def test_auto_finds_the_screen_along_the_border(keyed: tuple[Tensor, Tensor, Tensor]) -> None:
    frame, truth, _ = keyed
    red, green, blue = border_colour(frame[0].numpy())
    assert green > 120
    assert max(red, blue) < 80
    alpha = bgdl.load("chroma_key", device="cpu", colour="auto").alpha(frame)
    assert float((alpha - truth).abs().mean()) < 0.01
    assert border_colour(np.full((9, 9, 3), 128, np.uint8)) == GREEN  # nothing saturated: the studio's green


def test_spill_is_taken_off_and_other_colours_stay() -> None:
    matter = bgdl.load("chroma_key", device="cpu")
    whole = torch.ones(1, 8, 8, 1)
    for colour in ((128, 128, 128), (200, 60, 50), (60, 60, 200), (230, 190, 160)):
        same = matter.foreground(plain(colour), whole)
        assert (same.int() - plain(colour).int()).abs().max() <= 1
    lit = matter.foreground(plain((120, 190, 130)), whole)[0, 0, 0].int()
    assert lit[1] - max(lit[0], lit[2]) < 12, "a grey in green light is still green"


def test_the_look_with_the_foreground_is_closer_to_the_truth(keyed: tuple[Tensor, Tensor, Tensor]) -> None:
    frame, truth, colours = keyed
    matter = bgdl.load("chroma_key", device="cpu")
    alpha = matter.alpha(frame)
    ideal = Over((240, 240, 240))(colours, truth).float()
    edge = ((truth > 0.05) & (truth < 0.95)).expand_as(ideal)
    error = {
        name: float((Over((240, 240, 240), foreground=foreground)(frame, alpha).float() - ideal).abs()[edge].mean())
        for name, foreground in (("raw", None), ("despilled", matter.foreground))
    }
    assert error["despilled"] < 0.7 * error["raw"]


def test_no_frames_have_no_foreground() -> None:
    empty = plain(GREEN)[:0]
    assert bgdl.load("chroma_key", device="cpu").foreground(empty, torch.ones(0, 8, 8, 1)).shape == (0, 8, 8, 3)
