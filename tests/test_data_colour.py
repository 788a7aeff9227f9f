"""What cameras and codecs do to a picture."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from bgdl.data.colour import Jpeg, colour_transform
from bgdl.errors import InputError
from tests.synthetic_people import draw_person


def test_colour_changes_keep_type_and_size() -> None:
    torch.manual_seed(0)
    picture = torch.from_numpy(draw_person(0)[0]).permute(2, 0, 1)
    results = [colour_transform()(picture) for _ in range(40)]
    assert all(r.dtype == torch.uint8 and r.shape == picture.shape for r in results)
    assert len({r.float().mean().item() for r in results}) > 20
    assert torch.equal(colour_transform(0.0)(picture), picture)


def test_jpeg_coarsens_each_colour_as_jpeg_does() -> None:
    """Blue more than red, as eyes do: in BGR it would be the other way round."""
    torch.manual_seed(0)
    noise, jpeg = torch.randint(0, 256, (64, 64)).byte(), Jpeg()
    for channel in (0, 2):
        picture = torch.zeros(3, 64, 64, dtype=torch.uint8)
        picture[channel] = noise
        for quality in (25, 90):
            file = BytesIO()
            Image.fromarray(picture.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
            expected = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).float()
            found = jpeg.transform(picture, {"quality": quality})
            assert found.dtype == torch.uint8 and (found - expected).abs().mean() < 1


def test_a_strength_that_cannot_be_is_refused() -> None:
    colour_transform(1.25)
    for strength in (-0.1, 1.3):
        with pytest.raises(InputError, match=f"colour strength is {strength}; it must lie between 0 and 1.25"):
            colour_transform(strength)
