"""Training pictures made of pairs: portrait crops of the picture itself, or people put before other backgrounds.

Every random number comes from torch's global generator, so a seed before the call fixes the picture. `natural` keeps
proportions, for networks that see frames in their own aspect; otherwise they vary, as for those that see all frames
squeezed into squares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as T

from bgdl.data.boxes import portrait_box, random_box, zoom_box
from bgdl.data.chance import between, chance, log_between
from bgdl.data.layers import erase, lay_over, put_before, tinted
from bgdl.data.things import draw_thing, plain_background

MOSAICS = ((1, 2), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4))
"""Rows and columns of a mosaic; people stand, so there are seldom more rows."""

MOST = 20
"""People that `crowd` adds at most."""

Size = tuple[int, int]
"""Height and width in px."""
Layer = Callable[[], Tensor]  # draws another picture's part: a cutout (4,h,w) or a background (3,h,w)


@dataclass(frozen=True)
class Augment:
    """How training pictures are made; every probability is for one picture.

    Args:
        replace: The person is put in front of another background.
        plain: That background is plain, a gradient or a texture.
        portrait: Of pictures with their own background: cropped to head and shoulders.
        whole: Of the others: not cropped.
        crowd: One more person is added, again and again.
        flip: Flipped left to right.
        rotate_deg: Largest rotation in degrees (not a probability).
        occlude: Something stands in front of the person.
        small: Of people in front of another background: smaller than the frame.
        empty: Nobody is there, only a background as in replace.
        mosaic: Of pictures with their own background: one of two to twelve side by side, so that people are small or
            in groups, each where it was photographed.
        wide: Of the others: small in the frame, with their own background continued around them.
        bystanders: Smaller people stand far behind, whom the mask leaves out.
        things: Drawn things that are not people stand behind.
        camouflage: People take on the colour of what is behind them.
    """

    replace: float = 0.3
    plain: float = 0.25
    portrait: float = 0.35
    whole: float = 0.7
    crowd: float = 0.3
    flip: float = 0.5
    rotate_deg: float = 12.0
    occlude: float = 0.1
    small: float = 0.4
    empty: float = 0.0
    mosaic: float = 0.0
    wide: float = 0.0
    bystanders: float = 0.0
    things: float = 0.0
    camouflage: float = 0.0

    def tiled(self, picture: Tensor, others: Layer, size_hw: Size, *, natural: bool = False) -> Tensor:
        """`picture` (4,H,W) somewhere among whole pictures from `others`, in rows and columns -> (4,*size_hw)."""
        rows, columns = MOSAICS[int(torch.randint(len(MOSAICS), ()))]
        tiles = torch.arange(rows * columns).reshape(rows, columns)
        own = int(torch.randint(rows * columns, ()))
        canvas = torch.empty(4, *size_hw, dtype=torch.uint8)
        for strip, numbers in zip(canvas.tensor_split(rows, 1), tiles, strict=True):
            for tile, number in zip(strip.tensor_split(columns, 2), numbers, strict=True):
                source = picture if number == own else others()
                box = zoom_box(source[3], self.whole, _aspect(tile) if natural else None)
                shrunk = T.resized_crop(tv_tensors.Image(source), *box, list(tile.shape[1:]), antialias=True)
                tile.copy_(self._flipped(shrunk))
        return canvas

    def widened(self, picture: Tensor, scene: Tensor, size_hw: Size, *, natural: bool = False) -> Tensor:
        """A whole `picture` (4,H,W) small in the frame, mirrored around it `scene` (3,H,W): uint8 (4,*size_hw).

        scene: the same picture without its person, so that no seam shows where the picture ends.
        """
        rows, columns = size_hw
        height = rows * log_between(0.25, 0.9)
        width = height * (_aspect(picture) if natural else columns / rows * log_between(0.4, 1.0))
        fitting = min(1.0, columns / width)
        small_hw = [max(8, int(height * fitting)), max(8, int(width * fitting))]
        top, left = int((rows - small_hw[0]) * between(0, 1)), int((columns - small_hw[1]) * between(0, 1))
        around = T.resize(tv_tensors.Image(scene), small_hw, antialias=True).as_subclass(Tensor)
        around = around[:, _mirrored(rows, top, small_hw[0])][:, :, _mirrored(columns, left, small_hw[1])]
        canvas = torch.cat([around, torch.zeros(1, *size_hw, dtype=torch.uint8)])
        small = T.resize(tv_tensors.Image(picture), small_hw, antialias=True)
        canvas[:, top : top + small_hw[0], left : left + small_hw[1]] = small
        return self._flipped(canvas)

    def own(self, picture: Tensor, size_hw: Size, *, natural: bool = False) -> Tensor:
        """A crop of a whole RGBA picture (4,H,W) with its own background -> uint8 (4,*size_hw)."""
        aspect = size_hw[1] / size_hw[0] if natural else None
        close = chance(self.portrait)
        box = portrait_box(picture[3], aspect) if close else zoom_box(picture[3], self.whole, aspect)
        cropped = T.resized_crop(tv_tensors.Image(picture), *box, list(size_hw), antialias=True)
        return self._flipped(cropped)

    def before(self, scene: Tensor, cutout: Layer, size_hw: Size, *, natural: bool = False) -> Tensor:
        """People from `cutout` before the picture `scene` (3,H,W) -> uint8 (4,*size_hw)."""
        canvas = nobody(scene, size_hw, natural=natural)
        height = size_hw[0] * (log_between(0.15, 1.0) if chance(self.small) else between(0.8, 2.6))
        squeeze = _squeeze(natural)
        canvas = self._paste(canvas, cutout(), height, squeeze)
        for _ in range(MOST):
            if not chance(self.crowd):
                break
            canvas = self._paste(canvas, cutout(), height * log_between(0.6, 1.3), squeeze)
        return canvas

    def joined(self, canvas: Tensor, cutout: Layer, *, natural: bool = False) -> Tensor:
        """One more person beside those in `canvas`, in the way that `crowd` says."""
        if chance(self.crowd / 2):
            canvas = self._paste(canvas, cutout(), canvas.shape[1] * log_between(0.3, 1.6), _squeeze(natural))
        return canvas

    def camouflaged(self, canvas: Tensor) -> Tensor:
        """Perhaps its people in colours like those behind them: white on white, dark on dark."""
        inside = canvas[3] > 127
        if not chance(self.camouflage) or not inside.any() or inside.all():
            return canvas
        return tinted(canvas, between(0.3, 1.0), between(0.5, 1.2))

    def passed(self, canvas: Tensor, cutout: Layer, *, natural: bool = False) -> Tensor:
        """Perhaps up to six smaller people, often dim and out of focus, behind those of `canvas`; not in the mask."""
        rows = (canvas[3] > 127).any(1).nonzero().flatten()
        if not len(rows) or not chance(self.bystanders):
            return canvas
        tall = int(rows[-1] - rows[0]) + 1
        height, squeeze = tall * log_between(0.3, 0.85), _squeeze(natural)
        foot = int(rows[-1]) - (tall - height) * between(0.2, 0.9)
        light, soft = between(0.6, 1.0), chance(0.5)
        behind = canvas
        for _ in range(1 + int(torch.randint(6, ()))):
            person = self._resized(cutout(), height * between(0.85, 1.15), squeeze)
            person = torch.cat([(person[:3] * light).to(torch.uint8), person[3:]])
            person = T.gaussian_blur(person, [5, 5], [1.2, 1.2]) if soft else person
            left = int(canvas.shape[2] * between(-0.1, 1.1) - person.shape[2] / 2)
            behind = lay_over(behind, person, int(foot - person.shape[1]), left)
        return put_before(canvas, behind)

    def furnished(self, canvas: Tensor, scene: Layer) -> Tensor:
        """Perhaps one to three things behind the people of `canvas`, plain or cut from another background."""
        if not chance(self.things):
            return canvas
        rows, columns = canvas.shape[1:]
        behind = canvas
        for _ in range(1 + int(torch.randint(3, ()))):
            height = max(8, int(rows * log_between(0.08, 0.9)))
            width = max(8, min(columns, int(height * log_between(0.2, 2.5))))
            texture = _random_view(scene() if chance(0.45) else plain_background(64), (height, width))
            top, left = int((rows - height) * between(-0.1, 1.1)), int(columns * between(-0.2, 1.0))
            behind = lay_over(behind, draw_thing(texture), top, left)
        return put_before(canvas, behind)

    def occluded(self, canvas: Tensor, scene: Layer) -> Tensor:
        """Perhaps a patch of another background before everything."""
        if not chance(self.occlude):
            return canvas
        rows, columns = canvas.shape[1:]
        height, width = (int(side * between(0.08, 0.4)) for side in (rows, columns))
        longer = max(height, width)
        patch = _random_view(scene(), (longer, longer))[:, :height, :width]
        layer = torch.cat([patch, _ellipse(height, width)[None]])
        top, left = int((rows - height) * between(0, 1)), int((columns - width) * between(0, 1))
        covered = lay_over(canvas, layer, top, left)
        covered[3] = erase(canvas[3], layer[3], top, left)
        return covered

    def _paste(self, canvas: Tensor, person: Tensor, height: float, squeeze: float) -> Tensor:
        """Lay a cutout, `height` px tall and narrower by `squeeze`, somewhere into the canvas."""
        rows, columns = canvas.shape[1:]
        kept = min(1.0, 1.15 * rows / height)  # what would fall off the lower edge need not be resized
        person = person[:, : max(1, int(person.shape[1] * kept))]
        person = self._resized(person, height * kept, squeeze)
        upright = person.shape[1]
        if self.rotate_deg and chance(0.3):
            angle = between(-self.rotate_deg, self.rotate_deg)
            person = T.rotate(person, angle, interpolation=T.InterpolationMode.BILINEAR, expand=True)
        top = int(rows * between(-0.05, 0.35)) if height > 0.7 * rows else int((rows - height) * between(0, 1))
        top -= (person.shape[1] - upright) // 2  # a rotated one stands where it would, nothing of it cut off
        left = int(columns * between(-0.1, 1.1) - person.shape[2] / 2)
        return lay_over(canvas, person, top, left)

    def _resized(self, person: Tensor, height: float, squeeze: float) -> Tensor:
        """A cutout (4,h,w) at `height` px, narrower by `squeeze`; flipped as others are."""
        size_hw = [max(6, int(height)), max(3, int(height * _aspect(person) / squeeze))]
        return self._flipped(T.resize(tv_tensors.Image(person), size_hw, antialias=True))

    def _flipped(self, picture: Tensor) -> Tensor:
        return T.horizontal_flip(picture).as_subclass(Tensor) if chance(self.flip) else picture.as_subclass(Tensor)


def nobody(scene: Tensor, size_hw: Size, *, natural: bool = False) -> Tensor:
    """A part of the picture `scene` (3,H,W), with nobody in the mask: uint8 (4,*size_hw)."""
    view = _random_view(scene, size_hw, natural=natural)
    return torch.cat([view, torch.zeros(1, *size_hw, dtype=torch.uint8)])


def _random_view(scene: Tensor, size_hw: Size, *, natural: bool = False) -> Tensor:
    aspect = size_hw[1] / size_hw[0] if natural else None
    box = random_box(scene.shape[1], scene.shape[2], between(0.4, 1.0), aspect)
    view = T.resized_crop(tv_tensors.Image(scene), *box, list(size_hw), antialias=True)
    return cast(Tensor, view.as_subclass(Tensor))


def _mirrored(length: int, start: int, period: int) -> Tensor:
    """For each of `length` places, the one of `period` that is seen there: from `start` on as they are."""
    place = (torch.arange(length) - start) % (2 * period)
    return torch.minimum(place, 2 * period - 1 - place)


def _aspect(picture: Tensor) -> float:
    return picture.shape[-1] / picture.shape[-2]


def _squeeze(natural: bool) -> float:
    """How much narrower things look: 1, or as in a frame of some aspect that is seen as a square."""
    return 1.0 if natural else log_between(0.6, 1.8)


def _ellipse(height: int, width: int) -> Tensor:
    y, x = torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)[None]
    return (((1 - (x**2 + y**2)) * 20).clamp(0, 1) * 255).to(torch.uint8)
