"""Training pictures made of pairs: portrait crops of the picture itself, or people put before other backgrounds.

Every random number comes from torch's global generator, so a seed before the call fixes the picture. `natural` keeps
proportions, for networks that see frames in their own aspect; otherwise they vary, as for those that see all frames
squeezed into squares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log
from typing import cast

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as T

from bgdl.data.colour import plain_background
from bgdl.data.things import draw_thing

MOSAICS = ((1, 2), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4))
"""Rows and columns of a mosaic; people stand, so there are seldom more rows."""

Size = tuple[int, int]
"""Height and width in px."""
Box = tuple[int, int, int, int]
Layer = Callable[[], Tensor]  # draws another picture's part: a cutout (4,h,w) or a background (3,h,w)


@dataclass(frozen=True)
class Augment:
    """How training pictures are made; every probability is for one picture.

    replace: people before another background. plain: that background is plain, a gradient or a texture.
    portrait: of the pictures with their own background, those cropped to head and shoulders. whole: of the others,
    those not cropped. crowd: one more person is added, again and again. flip: left-right. rotate_deg: at most.
    occlude: something stands before. small: of people before another background, those smaller than the frame.
    empty: of other backgrounds, those with nobody before them. mosaic: of the pictures with their own background,
    those that are one of two to twelve side by side: small people and groups, each where it was photographed.
    wide: of the others, those that are small in the frame, with their own background going on around them.
    bystanders: smaller people stand far behind, whom the mask does not want. things: so do things that are nobody.
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

    def tiled(self, picture: Tensor, others: Layer, size_hw: Size, *, natural: bool = False) -> Tensor:
        """`picture` (4,H,W) somewhere among whole pictures from `others`, in rows and columns -> (4,*size_hw)."""
        rows, columns = MOSAICS[int(torch.randint(len(MOSAICS), ()))]
        tiles = torch.arange(rows * columns).reshape(rows, columns)
        own = int(torch.randint(rows * columns, ()))
        canvas = torch.empty(4, *size_hw, dtype=torch.uint8)
        for strip, numbers in zip(canvas.tensor_split(rows, 1), tiles, strict=True):
            for tile, number in zip(strip.tensor_split(columns, 2), numbers, strict=True):
                source = picture if number == own else others()
                box = _zoom_box(source[3], self.whole, _aspect(tile) if natural else None)
                shrunk = T.resized_crop(tv_tensors.Image(source), *box, list(tile.shape[1:]), antialias=True)
                tile.copy_(self._flipped(shrunk))
        return canvas

    def widened(self, picture: Tensor, scene: Tensor, size_hw: Size, *, natural: bool = False) -> Tensor:
        """A whole `picture` (4,H,W) small in the frame, mirrored around it `scene` (3,H,W): uint8 (4,*size_hw).

        scene: the same picture without its person, so that no seam shows where the picture ends.
        """
        rows, columns = size_hw
        height = rows * _log_between(0.25, 0.9)
        width = height * (_aspect(picture) if natural else columns / rows * _log_between(0.4, 1.0))
        fitting = min(1.0, columns / width)
        small_hw = [max(8, int(height * fitting)), max(8, int(width * fitting))]
        top, left = int((rows - small_hw[0]) * _between(0, 1)), int((columns - small_hw[1]) * _between(0, 1))
        around = T.resize(tv_tensors.Image(scene), small_hw, antialias=True).as_subclass(Tensor)
        around = around[:, _mirrored(rows, top, small_hw[0])][:, :, _mirrored(columns, left, small_hw[1])]
        canvas = torch.cat([around, torch.zeros(1, *size_hw, dtype=torch.uint8)])
        small = T.resize(tv_tensors.Image(picture), small_hw, antialias=True)
        canvas[:, top : top + small_hw[0], left : left + small_hw[1]] = small
        return self._flipped(canvas)

    def own(self, picture: Tensor, size_hw: Size, *, natural: bool = False) -> Tensor:
        """A crop of a whole RGBA picture (4,H,W) with its own background -> uint8 (4,*size_hw)."""
        aspect = size_hw[1] / size_hw[0] if natural else None
        close = _chance(self.portrait)
        box = _portrait_box(picture[3], aspect) if close else _zoom_box(picture[3], self.whole, aspect)
        cropped = T.resized_crop(tv_tensors.Image(picture), *box, list(size_hw), antialias=True)
        return self._flipped(cropped)

    def before(self, scene: Tensor, cutout: Layer, size_hw: Size, *, natural: bool = False) -> Tensor:
        """People from `cutout` before the picture `scene` (3,H,W) -> uint8 (4,*size_hw)."""
        view = _random_view(scene, size_hw, natural=natural)
        canvas = torch.cat([view, torch.zeros(1, *size_hw, dtype=torch.uint8)])
        if _chance(self.empty):
            return canvas
        height = size_hw[0] * (_log_between(0.15, 1.0) if _chance(self.small) else _between(0.8, 2.6))
        squeeze = _squeeze(natural)
        canvas = self._paste(canvas, cutout(), height, squeeze)
        while _chance(self.crowd):
            canvas = self._paste(canvas, cutout(), height * _log_between(0.6, 1.3), squeeze)
        return canvas

    def joined(self, canvas: Tensor, cutout: Layer, *, natural: bool = False) -> Tensor:
        """One more person beside those in `canvas`, in the way that `crowd` says."""
        if _chance(self.crowd / 2):
            canvas = self._paste(canvas, cutout(), canvas.shape[1] * _log_between(0.3, 1.6), _squeeze(natural))
        return canvas

    def passed(self, canvas: Tensor, cutout: Layer, *, natural: bool = False) -> Tensor:
        """Perhaps up to six smaller people, often dim and out of focus, behind those of `canvas`; not in the mask."""
        rows = (canvas[3] > 127).any(1).nonzero().flatten()
        if not len(rows) or not _chance(self.bystanders):
            return canvas
        tall = int(rows[-1] - rows[0]) + 1
        height, squeeze = tall * _log_between(0.3, 0.85), _squeeze(natural)
        foot = int(rows[-1]) - (tall - height) * _between(0.2, 0.9)
        light, soft = _between(0.6, 1.0), _chance(0.5)
        behind = canvas
        for _ in range(1 + int(torch.randint(6, ()))):
            person = cutout()
            size_hw = [max(6, int(height * _between(0.85, 1.15))), 0]
            size_hw[1] = max(3, int(size_hw[0] * _aspect(person) / squeeze))
            person = self._flipped(T.resize(tv_tensors.Image(person), size_hw, antialias=True))
            person = torch.cat([(person[:3] * light).to(torch.uint8), person[3:]])
            person = T.gaussian_blur(person, [5, 5], [1.2, 1.2]) if soft else person
            left = int(canvas.shape[2] * _between(-0.1, 1.1) - size_hw[1] / 2)
            behind = lay_over(behind, person, int(foot - size_hw[0]), left)
        return _before(canvas, behind)

    def furnished(self, canvas: Tensor, scene: Layer) -> Tensor:
        """Perhaps one to three things behind the people of `canvas`, plain or cut from another background."""
        if not _chance(self.things):
            return canvas
        rows, columns = canvas.shape[1:]
        behind = canvas
        for _ in range(1 + int(torch.randint(3, ()))):
            height = max(8, int(rows * _log_between(0.08, 0.9)))
            width = max(8, min(columns, int(height * _log_between(0.2, 2.5))))
            texture = _random_view(scene() if _chance(0.45) else plain_background(64), (height, width))
            top, left = int((rows - height) * _between(-0.1, 1.1)), int(columns * _between(-0.2, 1.0))
            behind = lay_over(behind, draw_thing(texture), top, left)
        return _before(canvas, behind)

    def occluded(self, canvas: Tensor, scene: Layer) -> Tensor:
        """Perhaps a patch of another background before everything."""
        if not _chance(self.occlude):
            return canvas
        rows, columns = canvas.shape[1:]
        height, width = (int(side * _between(0.08, 0.4)) for side in (rows, columns))
        longer = max(height, width)
        patch = _random_view(scene(), (longer, longer))[:, :height, :width]
        layer = torch.cat([patch, _ellipse(height, width)[None]])
        top, left = int((rows - height) * _between(0, 1)), int((columns - width) * _between(0, 1))
        covered = lay_over(canvas, layer, top, left)
        covered[3] = erase(canvas[3], layer[3], top, left)
        return covered

    def _paste(self, canvas: Tensor, person: Tensor, height: float, squeeze: float) -> Tensor:
        """Lay a cutout, `height` px tall and narrower by `squeeze`, somewhere into the canvas."""
        rows, columns = canvas.shape[1:]
        ratio = person.shape[2] / person.shape[1]
        height_px, width_px = max(8, int(height)), max(4, int(height * ratio / squeeze))
        kept = min(1.0, 1.15 * rows / height_px)  # what would fall off the lower edge need not be resized
        person = person[:, : max(1, int(person.shape[1] * kept))]
        person = T.resize(tv_tensors.Image(person), [max(1, int(height_px * kept)), width_px], antialias=True)
        person = self._flipped(person)
        if self.rotate_deg and _chance(0.3):
            angle = _between(-self.rotate_deg, self.rotate_deg)
            person = T.rotate(person, angle, interpolation=T.InterpolationMode.BILINEAR)
        top = int(rows * _between(-0.05, 0.35)) if height_px > 0.7 * rows else int((rows - height_px) * _between(0, 1))
        left = int(columns * _between(-0.1, 1.1) - width_px / 2)
        return lay_over(canvas, person, top, left)

    def _flipped(self, picture: Tensor) -> Tensor:
        return T.horizontal_flip(picture).as_subclass(Tensor) if _chance(self.flip) else picture.as_subclass(Tensor)


def _before(people: Tensor, behind: Tensor) -> Tensor:
    """The people of one canvas (4,H,W), and their mask, before the picture of another."""
    alpha = people[3:].float() / 255
    seen = people[:3] * alpha + behind[:3] * (1 - alpha) + 0.5
    return torch.cat([seen.to(torch.uint8), people[3:]])


def lay_over(canvas: Tensor, layer: Tensor, top: int, left: int) -> Tensor:
    """uint8 RGBA `layer` (4,h,w) over RGBA `canvas` (4,H,W), cut at its edges; coverage becomes 1-(1-a)(1-b)."""
    inner, outer = _overlap(canvas, layer, top, left)
    result = canvas.clone()
    over, under = layer[inner].float(), canvas[outer].float()
    alpha = over[3:] / 255
    over[3] = 255
    result[outer] = (over * alpha + under * (1 - alpha) + 0.5).clamp(0, 255).to(torch.uint8)
    return result


def erase(coverage: Tensor, hole: Tensor, top: int, left: int) -> Tensor:
    """uint8 (H,W) coverage less what uint8 (h,w) `hole` covers at that place."""
    inner, outer = _overlap(coverage[None], hole[None], top, left)
    result = coverage.clone()
    result[outer[1:]] = (coverage[outer[1:]].float() * (1 - hole[inner[1:]].float() / 255)).to(torch.uint8)
    return result


def draw_scene(augment: Augment, backgrounds: Layer, size: int) -> Tensor:
    """Another picture's background, or a plain one: uint8 (3,h,w)."""
    return plain_background(size) if _chance(augment.plain) else backgrounds()


def _overlap(canvas: Tensor, layer: Tensor, top: int, left: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where the two meet, as slices of the layer and of the canvas."""
    rows, columns = _span(top, layer.shape[1], canvas.shape[1]), _span(left, layer.shape[2], canvas.shape[2])
    inner = (slice(None), slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
    return inner, (slice(None), rows, columns)


def _span(start: int, length: int, limit: int) -> slice:
    first = min(max(0, start), limit)
    return slice(first, max(first, min(limit, start + length)))


def _portrait_box(mask: Tensor, aspect: float | None) -> Box:
    """(top, left, height, width) around the upper part of the person, as a camera at a desk sees it."""
    height, width = mask.shape
    rows, columns = (mask.amax(1) > 127).nonzero().flatten(), (mask.amax(0) > 127).nonzero().flatten()
    if not len(rows):
        return _random_box(height, width, 0.5, aspect)
    top, tall = int(rows[0]), int(rows[-1] - rows[0]) + 1
    head = mask[top : top + max(1, tall // 6)].amax(0) > 127
    centre = float(head.nonzero().float().mean()) if head.any() else float(columns.float().mean())
    box_h = tall * _log_between(0.22, 0.7)
    box_w = box_h * (aspect or _log_between(0.6, 1.8))
    if aspect:
        fitting = min(1.0, height / box_h, width / box_w)
        box_h, box_w = box_h * fitting, box_w * fitting
    left = centre + _between(-0.25, 0.25) * box_w - box_w / 2
    return _inside(top - _between(-0.05, 0.35) * box_h, left, box_h, box_w, height, width)


def _zoom_box(mask: Tensor, whole: float, aspect: float | None) -> Box:
    """(top, left, height, width) of the whole picture or of a random part of it that holds some of the person.

    aspect: of the box; the whole picture then is as much of it as has this aspect.
    """
    height, width = mask.shape
    all_of_it = _chance(whole)
    if all_of_it and aspect is None:
        return 0, 0, height, width
    for _ in range(4):
        top, left, box_h, box_w = _random_box(height, width, 1.0 if all_of_it else _between(0.35, 1.0), aspect)
        if (mask[top : top + box_h, left : left + box_w] > 127).float().mean() > 0.03:
            break
    return top, left, box_h, box_w


def _random_box(height: int, width: int, scale: float, aspect: float | None) -> Box:
    if aspect is None:
        change = _log_between(0.75, 1.33)
        box_h, box_w = min(height, int(height * scale * change)), min(width, int(width * scale / change))
    else:
        tallest = min(height, width / aspect) * scale
        box_h, box_w = int(tallest), int(tallest * aspect)
    return _inside(_between(0, 1) * (height - box_h), _between(0, 1) * (width - box_w), box_h, box_w, height, width)


def _inside(top: float, left: float, box_h: float, box_w: float, height: int, width: int) -> Box:
    """The box moved, and if need be shrunk, into the picture, in whole pixels."""
    rows, columns = min(height, max(2, int(box_h))), min(width, max(2, int(box_w)))
    return min(max(0, int(top)), height - rows), min(max(0, int(left)), width - columns), rows, columns


def _random_view(scene: Tensor, size_hw: Size, *, natural: bool = False) -> Tensor:
    aspect = size_hw[1] / size_hw[0] if natural else None
    box = _random_box(scene.shape[1], scene.shape[2], _between(0.4, 1.0), aspect)
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
    return 1.0 if natural else _log_between(0.6, 1.8)


def _ellipse(height: int, width: int) -> Tensor:
    y, x = torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)[None]
    return (((1 - (x**2 + y**2)) * 20).clamp(0, 1) * 255).to(torch.uint8)


def _chance(probability: float) -> bool:
    return float(torch.rand(())) < probability


def _between(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))


def _log_between(low: float, high: float) -> float:
    return exp(_between(log(low), log(high)))
