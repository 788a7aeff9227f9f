"""Drawn pictures with exact masks, for tests of data and training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def draw_person(number: int, size_hw: tuple[int, int] = (48, 40)) -> tuple[np.ndarray, np.ndarray]:
    """A red figure (head and body) before a blue-green ground: uint8 (H,W,3) and (H,W)."""
    height, width = size_hw
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:height, :width].astype(float)
    centre, top = width * (0.35 + 0.3 * rng.random()), height * (0.15 + 0.1 * rng.random())
    head = (x - centre) ** 2 + (y - top - height * 0.1) ** 2 < (height * 0.13) ** 2
    body = (abs(x - centre) < width * 0.25) & (y > top + height * 0.2)
    mask = (head | body).astype(np.uint8) * 255
    ground = np.stack(
        [rng.integers(0, 60, size_hw), rng.integers(80, 160, size_hw), rng.integers(100, 255, size_hw)], -1
    )
    person = np.array([220, 40, 30]) + rng.integers(-20, 20, (height, width, 1))
    return np.where(mask[..., None] > 0, person, ground).clip(0, 255).astype(np.uint8), mask


def write_people(root: Path, count: int, size_hw: tuple[int, int] = (48, 40)) -> Path:
    """`count` pairs person-000, ... under images/ and masks/."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        rgb, mask = draw_person(number, size_hw)
        Image.fromarray(rgb).save(root / "images" / f"person-{number:03}.png")
        Image.fromarray(mask).save(root / "masks" / f"person-{number:03}.png")
    return root
