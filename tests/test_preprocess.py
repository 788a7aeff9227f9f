"""Frames to network input and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.models import ResNet18_Weights

import bgdl
from bgdl.errors import InputError
from bgdl.preprocess import STEP, InputSpec, normalise, prepare, restore
from tests.small_pictures import noise

RAW = InputSpec(size=64, mean=(0, 0, 0), std=(1, 1, 1))


@pytest.mark.parametrize("size_hw", [(64, 64), (200, 131), (1, 1), (40, 300)])
def test_antialiased_resize_is_pillows(size_hw):
    frames = noise(*size_hw)
    theirs = np.asarray(Image.fromarray(frames[0].numpy()).resize((64, 64), Image.Resampling.BILINEAR))
    ours = prepare(frames, RAW)[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(ours - theirs).max() <= 1.01  # one grey level


def test_without_antialias_values_are_not_rounded():
    frames = torch.tensor([[[[0] * 3, [255] * 3]]], dtype=torch.uint8)
    spec = InputSpec(size=32, mean=(0, 0, 0), std=(1, 1, 1), antialias=False)
    row = prepare(frames, spec)[0, 0, 0]
    assert row[0] == 0 and row[-1] == 1
    torch.testing.assert_close(row, ((torch.arange(32) + 0.5) / 16 - 0.5).clamp(0, 1))


def test_normalisation_by_255_or_by_the_frames_own_maximum():
    frames = torch.full((2, 8, 8, 3), 100, dtype=torch.uint8)
    frames[1] = 50
    assert prepare(frames, RAW).unique().tolist() == pytest.approx([50 / 255, 100 / 255])
    assert prepare(frames, InputSpec(size=64, scale="max", mean=(0, 0, 0), std=(1, 1, 1))).unique().tolist() == [1.0]
    spec = InputSpec(size=32, mean=(0.1, 0.2, 0.3), std=(1, 2, 4))
    pixel = prepare(frames[:1], spec)[0, :, 0, 0]
    torch.testing.assert_close(pixel, (100 / 255 - torch.tensor([0.1, 0.2, 0.3])) / torch.tensor([1.0, 2, 4]))


@pytest.mark.parametrize(
    ("frame_hw", "size", "expected"),
    [
        ((1080, 1920), 320, (192, 320)),
        ((1080, 1920), 352, (192, 352)),
        ((1920, 1080), 320, (320, 192)),
        ((480, 640), 320, (256, 320)),
        ((500, 500), 320, (320, 320)),
        ((1, 5000), 320, (32, 320)),
    ],
)
def test_a_rectangle_follows_the_frame(frame_hw, size, expected):
    assert InputSpec(size=size, shape="aspect").input_hw(frame_hw) == expected
    assert InputSpec(size=size).input_hw(frame_hw) == (size, size)


@pytest.mark.parametrize(
    ("frame_hw", "expected"),
    [
        ((1080, 1920), (256, 416)),
        ((1920, 1080), (416, 256)),
        ((480, 640), (288, 384)),
        ((500, 500), (320, 320)),
        ((1, 1), (320, 320)),
        ((600, 8000), (160, 640)),
        ((9000, 1), (640, 160)),
    ],
)
def test_an_area_has_the_frames_aspect_and_the_squares_pixels(frame_hw, expected):
    assert InputSpec(shape="area").input_hw(frame_hw) == expected


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 5000), st.integers(1, 5000))
def test_areas_cost_what_the_square_costs(height, width):
    sides = InputSpec(shape="area").input_hw((height, width))
    assert all(side % STEP == 0 for side in sides)
    assert 0.85 <= sides[0] * sides[1] / 320**2 <= 1.15


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 12))
def test_rectangles_are_multiples_no_longer_than_the_size(height, width, steps):
    sides = InputSpec(size=steps * STEP, shape="aspect").input_hw((height, width))
    assert all(side % STEP == 0 and STEP <= side <= steps * STEP for side in sides)
    assert max(sides) == steps * STEP


def test_a_network_runs_on_the_rectangle(tiny_weights):
    seen = []
    matter = bgdl.load(tiny_weights, device="cpu", engine="torch", shape="aspect", size=96)
    run = matter.engine.run
    matter.engine.run = lambda x: seen.append(tuple(x.shape)) or run(x)
    assert matter.alpha(noise(90, 160)).shape == (1, 90, 160, 1)
    assert seen == [(1, 3, 64, 96)]


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 3))
def test_shapes_and_ranges(height, width, count):
    x = prepare(noise(height, width, count), RAW)
    assert x.shape == (count, 3, 64, 64) and x.dtype == torch.float32
    assert x.is_contiguous(memory_format=torch.channels_last) and x.min() >= 0 and x.max() <= 1
    alpha = restore(torch.rand(count, 1, 64, 64), (height, width), RAW)
    assert alpha.shape == (count, height, width, 1) and alpha.dtype == torch.float32
    assert alpha.is_contiguous() and alpha.min() >= 0 and alpha.max() <= 1


@pytest.mark.parametrize("spec", [InputSpec(size=64), InputSpec(size=64, scale="max"), RAW])
def test_frames_of_the_networks_size_are_only_normalised(spec):
    frames = noise(64, 64, 2)
    assert torch.equal(normalise(frames, spec), prepare(frames, spec))
    assert normalise(noise(32, 96), spec).shape == (1, 3, 32, 96)


def test_restore_on_the_cpu_is_bilinear():
    probability = torch.rand(2, 1, 64, 64)
    expected = torch.nn.functional.interpolate(probability, (130, 201), mode="bilinear", align_corners=False)
    torch.testing.assert_close(restore(probability, (130, 201), RAW)[..., 0], expected[:, 0], atol=1e-4, rtol=0)


def test_levels_are_cut_at_full_size_and_leave_no_stairs():
    """A slanted border, soft over some of the network's pixels: every row finds it where the straight line has it."""
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    probability = ((32 + 0.3 * (rows - 32) - columns) / 2 + 0.5).clamp(0, 1)[None, None]
    alpha = restore(probability, (512, 512), InputSpec(size=64, levels=(0.1, 0.9)))[0, 64:-64, :, 0]
    found = alpha.sum(1) / 8
    expected = 32.5 + 0.3 * ((torch.arange(64, 448) + 0.5) / 8 - 0.5 - 32)
    assert (found - expected).abs().max() < 0.05


@pytest.mark.parametrize("size_hw", [(20, 90), (90, 20), (20, 20)])
def test_a_matte_that_shrinks_to_one_side_only_loses_no_detail(size_hw):
    probability = (torch.arange(64) % 2).float().repeat(64, 1)  # thin stripes, of which bilinear alone keeps some
    probability = probability if size_hw[1] == 20 else probability.T
    alpha = restore(probability[None, None].contiguous(), size_hw, RAW)
    assert (alpha[:, 4:-4, 4:-4] - 0.5).abs().max() < 0.1


def test_a_black_frame_has_no_maximum_to_divide_by():
    black = torch.zeros(1, 8, 8, 3, dtype=torch.uint8)
    assert prepare(black, InputSpec(size=32, scale="max", mean=(0, 0, 0), std=(1, 1, 1))).unique().tolist() == [0]


def test_minmax_is_of_each_frame_alone():
    probability = torch.stack([torch.linspace(0.2, 0.4, 64).repeat(64, 1), torch.linspace(0, 0.1, 64).repeat(64, 1)])
    alpha = restore(probability[:, None], (64, 64), InputSpec(size=64, stretch="minmax"))
    assert alpha.amin(dim=(1, 2, 3)).tolist() == [0, 0]
    assert alpha.amax(dim=(1, 2, 3)).tolist() == pytest.approx([1, 1])
    assert restore(probability[:, None], (64, 64), RAW).max() == pytest.approx(0.4)


def test_the_default_normalisation_is_imagenets():
    preset = ResNet18_Weights.DEFAULT.transforms()
    assert [*InputSpec().mean, *InputSpec().std] == [*preset.mean, *preset.std]


def test_spec_survives_its_dictionary():
    spec = InputSpec(size=288, shape="aspect", mean=(0.5, 0.5, 0.5))
    assert InputSpec.from_dict({**spec.to_dict(), "later": "field"}) == spec


def test_levels_empty_the_haze_and_fill_the_subject():
    probability = torch.tensor([0.0, 0.05, 0.1, 0.3, 0.5, 0.9, 0.97, 1.0])[None, None, None].expand(1, 1, 8, 8)
    levelled = restore(probability, (8, 8), InputSpec(levels=(0.1, 0.9)))[0, 0, :, 0]
    torch.testing.assert_close(levelled, torch.tensor([0.0, 0.0, 0.0, 0.25, 0.5, 1.0, 1.0, 1.0]))
    assert torch.equal(restore(probability, (8, 8), InputSpec())[0, 0, :, 0], probability[0, 0, 0])


def test_a_file_that_says_nothing_of_levels_has_none():
    told = InputSpec(levels=(0.1, 0.9)).to_dict()
    assert InputSpec.from_dict({**told, "levels": [0.1, 0.9]}).levels == (0.1, 0.9)
    assert InputSpec.from_dict({key: value for key, value in told.items() if key != "levels"}).levels == (0, 1)


@pytest.mark.parametrize("levels", [(0.9, 0.1), (0.5, 0.5), (-0.1, 1), (0, 1.1), (0.1,), "ab", (0, float("nan"))])
def test_levels_that_cannot_be(levels):
    with pytest.raises(InputError, match="levels is"):
        InputSpec(levels=levels)
