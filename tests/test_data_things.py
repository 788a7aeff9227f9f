"""What is drawn for training pictures: things that are nobody, and plain backgrounds."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bgdl.data.things import draw_thing, plain_background


@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_a_thing_has_the_size_of_its_texture(height: int, width: int, seed: int) -> None:
    torch.manual_seed(seed)
    thing = draw_thing(torch.full((3, height, width), 100, dtype=torch.uint8))
    assert thing.shape == (4, height, width) and thing.dtype == torch.uint8
    assert min(height, width) < 8 or (thing[3] > 127).any()


def test_plain_backgrounds_fill_the_square() -> None:
    torch.manual_seed(0)
    scenes = [plain_background(32) for _ in range(12)]
    assert all(s.shape == (3, 32, 32) and s.dtype == torch.uint8 for s in scenes)
    assert len({int(s.float().std()) for s in scenes}) > 3


def test_some_plain_backgrounds_are_black_and_white() -> None:
    torch.manual_seed(0)
    means = [float(plain_background(16).float().mean()) for _ in range(200)]
    assert min(means) < 3 and max(means) > 252
