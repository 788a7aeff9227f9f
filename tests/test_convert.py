"""Conversions at the core's edge."""

from __future__ import annotations

import numpy as np
import pytest

from bgdl import convert


@pytest.mark.parametrize("view", ["whole", "columns", "upside down"])
def test_red_and_blue_change_places(view: str) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (33, 47, 3), dtype=np.uint8)
    frame = {"whole": frame, "columns": frame[:, 3:9], "upside down": frame[::-1]}[view]
    swapped = convert.swap_red_blue(frame)
    assert (swapped == frame[..., ::-1]).all()
    assert swapped.dtype == np.uint8 and swapped.flags["C_CONTIGUOUS"]
