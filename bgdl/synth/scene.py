"""What is behind the subjects of a synthetic clip: the drawn room, a picture or a clip."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bgdl.compose import fit_background
from bgdl.media.empty_scene import read_scene
from bgdl.opencv import cv2
from bgdl.synth.room import draw_room


class Scene:
    """Pictures larger than the frame, which a moving camera sees a part of.

    pictures: uint8 (N,H,W,3); several are a moving scene, shown one after the other and back again.
    margin_px: how far the frame lies from the pictures' left and upper edges when the camera has not moved.
    """

    def __init__(self, pictures: Tensor, *, size_hw: tuple[int, int], margin_px: tuple[int, int]) -> None:
        self._pictures = pictures.numpy()
        self._size_wh = size_hw[::-1]
        self._margin = np.array(margin_px)

    def view(self, index: int, camera: NDArray[np.float64]) -> NDArray[np.float32]:
        """What the camera at (right, down) px sees at frame `index`: float32 (H,W,3) of 0..255."""
        turn = max(1, 2 * len(self._pictures) - 2)
        place = index % turn
        picture = self._pictures[min(place, turn - place)]
        x, y = (-(self._margin + camera)).tolist()
        move = np.array([[1, 0, x], [0, 1, y]])
        seen = cv2.warpAffine(picture.astype(np.float32), move, self._size_wh, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(seen, dtype=np.float32)


def open_scene(
    source: str | Path | None,
    *,
    size_hw: tuple[int, int],
    shake_px: float = 0.0,
    pan_px: float = 0.0,
    seed: int = 0,
) -> Scene:
    """The scene of a file (a picture, or a clip that moves), or the drawn room where `source` is None.

    Of a clip the first 300 frames are taken. shake_px: standard deviation of the camera's place. pan_px: how far it
    pans to the right in all; the scene is made that much larger. Raises InputError for a file that cannot be read.
    """
    margin = math.ceil(3 * shake_px)
    whole_hw = (size_hw[0] + 2 * margin, size_hw[1] + 2 * margin + math.ceil(abs(pan_px)))
    left = margin + (math.ceil(-pan_px) if pan_px < 0 else 0)
    if source is None:
        pictures = torch.from_numpy(draw_room(whole_hw, seed=seed))[None]
    else:
        pictures = read_scene(Path(source), partial(fit_background, size_hw=whole_hw, fit="cover"))
    return Scene(pictures, size_hw=size_hw, margin_px=(left, margin))
