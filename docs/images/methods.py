"""Make methods.jpg, what each method makes of one drawn clip: `python docs/images/methods.py`.

Two moments of a clip by bgdl synth (a room, empty for two seconds; then a person walks in and stands still), with
noise and a shadow; background models have learnt the empty room.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont

import bgdl
from bgdl.synth.clip import SynthOptions, make_frames
from bgdl.synth.scene import open_scene
from bgdl.synth.subject import draw_subject
from bgdl.types import is_primed

OPTIONS = SynthOptions(size_hw=(270, 480), rate=Fraction(12), duration_s=9.0, lead_in_s=2.0, seed=3)
MOMENTS = (46, 68)
METHODS = (
    "portrait", "mediapipe", "static_difference", "static_difference:shadows=drop:cleanup=tidy", "running_average",
    "roi_average", "frame_difference", "otsu", "canny", "mog2", "mog2:learning_rate=0:cleanup=tidy", "knn",
    "knn:learning_rate=0:cleanup=tidy", "grabcut",
)  # fmt: skip
COLUMNS, TILE_WH, LABEL_PX = 3, (208, 117), 18


def mattes(method: str, frames: torch.Tensor, lead_in: int) -> list[Image.Image]:
    """The method's mattes at the two moments."""
    from bgdl.registry import split_options

    name, options = split_options(method)
    matter = bgdl.load(name, device="cpu", **options)
    if is_primed(matter):
        matter.prime(frames[:lead_in])
    shown = range(lead_in, MOMENTS[-1] + 1) if matter.stateful else MOMENTS
    made = {number: matter.alpha(frames[number : number + 1])[0, ..., 0] for number in shown}
    return [Image.fromarray((made[number] * 255).round().byte().numpy()) for number in MOMENTS]


def tile(label: str, pictures: list[Image.Image]) -> Image.Image:
    width, height = TILE_WH
    made = Image.new("RGB", (2 * width + 4, height + LABEL_PX), "white")
    ImageDraw.Draw(made).text((1, 2), label, fill="black", font=ImageFont.load_default(size=12))
    for number, picture in enumerate(pictures):
        made.paste(picture.convert("RGB").resize(TILE_WH, Image.Resampling.BOX), (number * (width + 4), LABEL_PX))
    return made


def main(target: Path) -> None:
    room = open_scene(None, size_hw=OPTIONS.size_hw, seed=OPTIONS.seed)
    person = draw_subject(round(0.9 * OPTIONS.size_hw[0]), seed=OPTIONS.seed)
    clip = torch.stack([torch.from_numpy(frame) for frame, _ in make_frames(room, [person], OPTIONS)])
    lead_in = int(OPTIONS.lead_in_s * OPTIONS.rate)
    tiles = [tile("the clip", [Image.fromarray(clip[number].numpy()) for number in MOMENTS])]
    tiles += [tile(method, mattes(method, clip, lead_in)) for method in METHODS]
    width, height = tiles[0].width + 12, tiles[0].height + 8
    sheet = Image.new("RGB", (COLUMNS * width - 12, -(-len(tiles) // COLUMNS) * height - 8), "white")
    for number, made in enumerate(tiles):
        sheet.paste(made, (number % COLUMNS * width, number // COLUMNS * height))
    sheet.save(target, quality=85, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("methods.jpg"))
