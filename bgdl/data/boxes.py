"""Which part of a training picture is shown: head and shoulders, a random part that holds the person, any part."""

from __future__ import annotations

from torch import Tensor

from bgdl.data.chance import between, chance, log_between

Box = tuple[int, int, int, int]
"""Top, left, height and width in px."""


def portrait_box(mask: Tensor, aspect: float | None) -> Box:
    """(top, left, height, width) around the upper part of the person, as a camera at a desk sees it."""
    height, width = mask.shape
    rows, columns = (mask.amax(1) > 127).nonzero().flatten(), (mask.amax(0) > 127).nonzero().flatten()
    if not len(rows):
        return random_box(height, width, 0.5, aspect)
    top, tall = int(rows[0]), int(rows[-1] - rows[0]) + 1
    head = mask[top : top + max(1, tall // 6)].amax(0) > 127
    centre = float(head.nonzero().float().mean()) if head.any() else float(columns.float().mean())
    box_h = tall * log_between(0.22, 0.7)
    box_w = box_h * (aspect or log_between(0.6, 1.8))
    if aspect:
        fitting = min(1.0, height / box_h, width / box_w)
        box_h, box_w = box_h * fitting, box_w * fitting
    left = centre + between(-0.25, 0.25) * box_w - box_w / 2
    return _inside(top - between(-0.05, 0.35) * box_h, left, box_h, box_w, height, width)


def zoom_box(mask: Tensor, whole: float, aspect: float | None) -> Box:
    """(top, left, height, width) of the whole picture or of a random part of it that holds some of the person.

    aspect: of the box; the whole picture then is as much of it as has this aspect.
    """
    height, width = mask.shape
    all_of_it = chance(whole)
    if all_of_it and aspect is None:
        return 0, 0, height, width
    for _ in range(4):
        top, left, box_h, box_w = random_box(height, width, 1.0 if all_of_it else between(0.35, 1.0), aspect)
        if (mask[top : top + box_h, left : left + box_w] > 127).float().mean() > 0.03:
            break
    return top, left, box_h, box_w


def random_box(height: int, width: int, scale: float, aspect: float | None) -> Box:
    """A random part of a picture, `scale` of the largest that fits.

    aspect: width over height; None for about the picture's own.
    """
    if aspect is None:
        change = log_between(0.75, 1.33)
        box_h, box_w = min(height, int(height * scale * change)), min(width, int(width * scale / change))
    else:
        tallest = min(height, width / aspect) * scale
        box_h, box_w = int(tallest), int(tallest * aspect)
    return _inside(between(0, 1) * (height - box_h), between(0, 1) * (width - box_w), box_h, box_w, height, width)


def _inside(top: float, left: float, box_h: float, box_w: float, height: int, width: int) -> Box:
    """The box moved, and if need be shrunk, into the picture, in whole pixels."""
    rows, columns = min(height, max(2, int(box_h))), min(width, max(2, int(box_w)))
    return min(max(0, int(top)), height - rows), min(max(0, int(left)), width - columns), rows, columns
