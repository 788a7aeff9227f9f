"""What cameras and codecs do to a picture: colour, low light, blur, noise, JPEG. The mask is not touched."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torchvision.transforms import v2

from bgdl import checks, convert
from bgdl.data.chance import between
from bgdl.opencv import cv2


class LowLight(v2.Transform):  # type: ignore[misc]
    """A dark exposure: gamma and gain, then the noise that a sensor adds. uint8 in and out."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"gamma": between(1.0, 1.8), "gain": between(0.35, 0.9), "noise": between(0.0, 9.0)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        light = inpt.float().div(255).pow(params["gamma"]).mul(255 * params["gain"])
        return light.add(torch.randn_like(light), alpha=params["noise"]).clamp(0, 255).to(torch.uint8)


class Jpeg(v2.Transform):  # type: ignore[misc]
    """The blocks and rings of JPEG at a quality of 25 to 90. uint8 (3,H,W) in and out."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"quality": int(between(25, 90))}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        bgr = convert.swap_red_blue(inpt.permute(1, 2, 0).cpu().numpy())
        _, packed = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, params["quality"]])
        unpacked = convert.swap_red_blue(np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8))
        return torch.from_numpy(unpacked).permute(2, 0, 1).to(inpt.device)


def colour_transform(strength: float = 1.0) -> v2.Transform:
    """Random colour changes for uint8 (3,H,W) pictures; `strength` scales how often each is applied, 0 for never.

    Raises InputError for a strength outside 0 to 1.25, where the most frequent comes always.
    """
    strength = checks.within("colour strength", strength, 0, 1.25)
    return v2.Compose(
        [
            v2.RandomApply([v2.ColorJitter(0.35, 0.35, 0.35, 0.06)], p=0.8 * strength),
            v2.RandomGrayscale(0.06 * strength),
            v2.RandomApply([LowLight()], p=0.12 * strength),
            v2.RandomApply([v2.GaussianBlur(7, (0.3, 2.0))], p=0.12 * strength),
            v2.RandomApply([Jpeg()], p=0.3 * strength),
        ]
    )
