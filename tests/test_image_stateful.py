"""A single picture and the methods that compare frames with those before."""

from __future__ import annotations

import pytest
import torch

import bgdl
from bgdl.errors import InputError
from tests.small_pictures import PHOTO


@pytest.mark.parametrize(
    ("model", "way_out"),
    [
        ("mog2", "give prime, the empty scene, or another model"),
        ("roi_average", "give prime, the empty scene, or another model"),
        ("frame_difference", "use another model"),
    ],
)
def test_what_compares_with_frames_before_is_refused_for_a_picture(model: str, way_out: str) -> None:
    with pytest.raises(InputError, match=f"^{model} needs the frames before, and a picture has none; {way_out}$"):
        bgdl.remove(PHOTO, model=model)
    learner = bgdl.load(model)
    learner.alpha(torch.from_numpy(PHOTO)[None])
    assert bgdl.matte(PHOTO, learner).shape == PHOTO.shape[:2], "which was shown them"
