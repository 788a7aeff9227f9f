"""Make result.jpg, the README's picture: `python docs/images/make.py`. The scene is drawn by bgdl itself."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import bgdl
from bgdl.synth.figure import draw_looks, draw_person
from bgdl.synth.room import draw_room

SIZE = (560, 420)


def scene(person: int = 1, room: int = 2) -> Image.Image:
    """A drawn person in a drawn room."""
    picture = Image.fromarray(draw_room((SIZE[1], SIZE[0]), seed=room))
    figure = Image.fromarray(draw_person(draw_looks(person), height_px=round(1.65 * SIZE[1])))
    picture.paste(figure, ((SIZE[0] - figure.width) // 2, round(0.06 * SIZE[1])), figure)
    return picture.convert("RGB")


def checkered(cutout: Image.Image, square_px: int = 14) -> Image.Image:
    """A cutout over the checkerboard that stands for transparency."""
    rows, columns = np.indices((cutout.height, cutout.width)) // square_px
    board = np.where((rows + columns) % 2, 205, 245).astype(np.uint8)
    ground = Image.fromarray(np.dstack([board] * 3)).convert("RGBA")
    return Image.alpha_composite(ground, cutout).convert("RGB")


def main(target: Path) -> None:
    picture = scene()
    parts = [
        picture,
        bgdl.remove(picture, only_matte=True).convert("RGB"),
        checkered(bgdl.remove(picture)),
        bgdl.remove(picture, background="blur:14"),
    ]
    strip = Image.new("RGB", (len(parts) * SIZE[0] + (len(parts) - 1) * 8, SIZE[1]), "white")
    for number, part in enumerate(parts):
        strip.paste(part, (number * (SIZE[0] + 8), 0))
    strip.save(target, quality=88, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("result.jpg"))
