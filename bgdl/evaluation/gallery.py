"""The worst pictures for looking at: input, truth, each method's matte and its difference, as data URIs."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from bgdl import convert
from bgdl.errors import BgdlError
from bgdl.evaluation.prime import leading_frames
from bgdl.evaluation.protocol import Rules
from bgdl.evaluation.records import Record
from bgdl.evaluation.runner import matte_path
from bgdl.evaluation.sources import Frame, Source, shrink, shrink_picture
from bgdl.media import image

WORST = 20
"""Pictures that are shown of each source."""
SIDE_PX = 420
QUALITY = 75

_TOO_MUCH = torch.tensor([230.0, 60.0, 40.0])
_MISSING = torch.tensor([50.0, 110.0, 240.0])


@dataclass(frozen=True)
class Sight:
    """One picture of the gallery. mattes: by method, the IoU, and data URIs of the matte and its difference."""

    clip: str
    name: str
    picture: str
    truth: str
    mattes: dict[str, tuple[float, str, str]] = field(default_factory=dict)


def worst(records: Sequence[Record], method: str) -> list[Record]:
    """The records of `method` with the lowest IoU, the worst first."""
    return sorted((r for r in records if r.method == method and r.scores), key=lambda r: r.scores["iou"])[:WORST]


def gather(
    source: Source, chosen: Sequence[Record], records: Sequence[Record], rules: Rules, mattes: Path
) -> list[Sight]:
    """The chosen pictures, read once more, with the mattes that the run kept."""
    frames = _read(source, {record.key[1:3] for record in chosen}, rules)
    ious = {record.key: record.scores["iou"] for record in records if record.scores}
    sights = []
    for record in chosen:
        frame = frames.get(record.key[1:3])
        if frame is not None and frame.picture is not None and frame.truth is not None:
            mine = {key[3]: iou for key, iou in ious.items() if key[:3] == record.key[:3]}
            sights.append(_sight(record, frame.picture, frame.truth, mine, mattes))
    return sights


def difference(alpha: Tensor, truth: Tensor) -> Tensor:
    """float (H,W) twice -> uint8 (H,W,3): the truth in grey, red where alpha is too high, blue where too low."""
    error = (alpha - truth)[..., None]
    grey = truth[..., None] * 200 + 20
    colour = torch.where(error > 0, _TOO_MUCH, _MISSING)
    return torch.lerp(grey.expand(-1, -1, 3), colour, error.abs()).round().to(torch.uint8)


def _data_uri(picture: Tensor) -> str:
    """uint8 (H,W,1|3), shrunk to `SIDE_PX`, as a WebP in a data URI."""
    three = picture.expand(-1, -1, 3)[None].contiguous()
    file = BytesIO()
    image.write(shrink_picture(three, SIDE_PX)[0], file, format="WEBP", quality=QUALITY)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _sight(record: Record, picture: Tensor, truth: Tensor, ious: Mapping[str, float], mattes: Path) -> Sight:
    shown = {}
    for label, iou in ious.items():
        try:
            matte = image.read(mattes / matte_path(record.data, record.clip, record.name, label)).frames
        except BgdlError:
            continue  # a folder of mattes that somebody emptied: the figures are still there
        alpha = convert.to_unit(matte[0, ..., 0])
        if alpha.shape == truth.shape:
            shown[label] = (iou, _data_uri(matte[0]), _data_uri(difference(alpha, truth)))
    return Sight(record.clip, record.name, _data_uri(picture[0]), _data_uri(convert.to_bytes(truth)[..., None]), shown)


def _read(source: Source, wanted: set[tuple[str, ...]], rules: Rules) -> dict[tuple[str, ...], Frame]:
    """The wanted frames by clip and name, shrunk as they were for scoring."""
    found: dict[tuple[str, ...], Frame] = {}
    for clip in source.clips:
        left = {key for key in wanted if key[0] == clip.name}
        frames = islice(clip.read(), leading_frames(rules.prime, clip), None) if left else iter(())
        for frame in frames:
            if (clip.name, frame.name) in left:
                found[clip.name, frame.name] = shrink(frame, rules.resize)
                left.discard((clip.name, frame.name))
            if not left:
                break
    return found
