"""Steady mattes: still places settle, moving ones do not lag, cuts start anew, look-ahead delays and keeps order."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bgdl.errors import InputError
from bgdl.matters.wrapped import Smoothed
from bgdl.refine.cuts import Cuts
from bgdl.refine.flow import carry, carry_full, motion, shrink, trust
from bgdl.refine.smooth import Smoother
from tests.video_clips import BrightSubject, disc

SIZE = (96, 128)


def clip(count: int = 20) -> tuple[Tensor, Tensor]:
    """Frames of a wandering disc and their true mattes."""
    frames = torch.from_numpy(np.stack([disc(index, SIZE) for index in range(count)]))
    return frames, (frames.float().mean(-1, keepdim=True) > 100).float()


def smooth(frames: Tensor, alpha: Tensor, mode: str, **options: object) -> Tensor:
    smoother = Smoother(mode, **options)  # type: ignore[arg-type]
    out = [ready for pair in zip(frames, alpha, strict=True) for ready in smoother.push(*pair)]
    return torch.stack([*out, *smoother.flush()])


@pytest.mark.parametrize(("mode", "look_ahead"), [("ema", 0), ("flow", 0), ("flow", 2)])
def test_flicker_of_a_still_scene_is_at_least_halved(mode: str, look_ahead: int) -> None:
    torch.manual_seed(0)
    frames = torch.from_numpy(disc(0, SIZE))[None].repeat(30, 1, 1, 1)
    alpha = (0.5 + 0.1 * torch.randn(30, 1, 1, 1)).expand(30, *SIZE, 1).contiguous()
    after = smooth(frames, alpha, mode, look_ahead=look_ahead)
    assert after.diff(dim=0).abs().mean() < 0.5 * alpha.diff(dim=0).abs().mean()
    assert abs(float(after.mean() - alpha.mean())) < 0.1


@pytest.mark.parametrize(("mode", "look_ahead"), [("ema", 0), ("flow", 0), ("flow", 2)])
def test_what_moves_does_not_lag(mode: str, look_ahead: int) -> None:
    frames, truth = clip()
    after = smooth(frames, truth, mode, look_ahead=look_ahead)
    errors = {
        lag: float((after[2:-2] - truth[2 - lag : len(truth) - 2 - lag]).abs().mean()) for lag in (-2, -1, 0, 1, 2)
    }
    assert min(errors, key=errors.__getitem__) == 0
    overlap = (after > 0.5) & (truth > 0.5)
    assert overlap.sum() / ((after > 0.5) | (truth > 0.5)).sum() > 0.97


def test_flow_averages_along_the_motion() -> None:
    """Mattes that flicker over a picture that slides by 3 px a frame: followed to its place, each pixel is steady."""
    texture = np.random.default_rng(0).integers(90, 165, (24, 32), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    grey = torch.from_numpy(np.stack([np.roll(texture, 3 * index, axis=1) for index in range(12)]))
    frames = grey[..., None].expand(-1, -1, -1, 3).contiguous()
    alpha = (0.5 + 0.1 * torch.randn(12, 1, 1, 1, generator=torch.manual_seed(0))).expand(12, *SIZE, 1).contiguous()

    def unrest(mode: str) -> float:
        after = smooth(frames, alpha, mode)
        followed = torch.stack([matte.roll(-3 * index, 1) for index, matte in enumerate(after)])
        return float(followed.diff(dim=0)[2:, 20:-20, 20:-50].abs().mean() / alpha.diff(dim=0).abs().mean())

    assert unrest("flow") < 0.15 and unrest("ema") > 0.5


def test_flow_leaves_still_places_beside_what_moves() -> None:
    frames, _ = clip(12)
    stripes = (torch.arange(SIZE[1]) // 2 % 2).float().view(1, 1, -1, 1).expand(12, *SIZE, 1).contiguous()
    reached = frames.float().std(0).mean(-1)[None, None]
    still = F.max_pool2d(reached, 13, stride=1, padding=6)[0, 0] == 0
    assert still.float().mean() > 0.5
    assert (smooth(frames, stripes, "flow") - stripes)[:, still].abs().max() < 1e-3


def test_a_cut_starts_anew() -> None:
    """Even where part of the picture looks as before."""
    frames = torch.cat((torch.full((3, *SIZE, 3), 20), torch.full((3, *SIZE, 3), 200))).to(torch.uint8)
    frames[:, :, : SIZE[1] // 4] = 100
    alpha = torch.cat((torch.zeros(3, *SIZE, 1), torch.ones(3, *SIZE, 1)))
    for mode in ("ema", "flow"):
        assert torch.equal(smooth(frames, alpha, mode, look_ahead=2), alpha)
    is_cut = Cuts()
    assert [is_cut(shrink(frame)) for frame in frames] == [True, False, False, True, False, False]


def test_another_shot_of_the_same_room_is_a_cut() -> None:
    """A quarter of the picture changes, at once: less than between two scenes, far more than from frame to frame."""
    frames = torch.full((8, *SIZE, 3), 150, dtype=torch.uint8)
    frames[:4, :, :32] = torch.tensor((220, 130, 30), dtype=torch.uint8)
    frames[4:, :, 40:72] = 25
    is_cut = Cuts()
    assert [is_cut(shrink(frame)) for frame in frames] == [True, False, False, False, True, False, False, False]


def test_a_camera_that_moves_or_is_lit_anew_makes_no_cuts() -> None:
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 255, (2, 8, 3), dtype=np.uint8).repeat(48, 0).repeat(32, 1)
    panned = [scene[:, 3 * index : 3 * index + SIZE[1]] for index in range(40)]
    lit = [np.uint8(np.minimum(255, panned[-1] * (1 + 0.05 * index))) for index in range(12)]
    is_cut = Cuts()
    found = [is_cut(shrink(torch.from_numpy(np.ascontiguousarray(frame)))) for frame in [*panned, *lit]]
    assert found == [True] + [False] * 51


@pytest.mark.parametrize("mode", ["ema", "flow"])
def test_what_differs_from_the_wall_in_colour_alone_leaves_no_ghost(mode: str) -> None:
    """A hand as bright as the wall goes through the picture: skin before grey."""
    columns = torch.arange(SIZE[1])
    truth = torch.stack([((columns - 6 * index).abs() < 12).float() for index in range(22)])
    truth = truth[:, None, :, None].expand(-1, *SIZE, 1)
    skin, wall = torch.tensor((190.0, 118.0, 110.0)), torch.full((3,), 139.0)
    after = smooth((truth * skin + (1 - truth) * wall).round().byte(), truth.contiguous(), mode)
    assert float(((after - truth).abs() > 0.25).float().mean()) < 0.002


@pytest.mark.parametrize("mode", ["ema", "flow"])
def test_what_fades_over_many_frames_leaves_no_ghost(mode: str) -> None:
    """From frame to frame its colour changes by three levels, no more than noise does."""
    share = torch.linspace(1, 0, 41)[:, None, None, None].expand(-1, *SIZE, 1)
    frames = (150 - 120 * share).round().byte().expand(-1, -1, -1, 3)
    after = smooth(frames, (share > 0.6).float(), mode)  # the last frame with a matte is the 16th
    assert float(after[32:].max()) < 0.1


@pytest.mark.parametrize("mode", ["ema", "flow"])
def test_what_is_nearly_the_wall_s_colour_leaves_no_ghost_and_what_stands_still_is_averaged(mode: str) -> None:
    """The network loses two patches at once: one has left, ten levels from the wall, the other is still there."""
    truth = torch.zeros(24, *SIZE, 1)
    truth[:12, 20:80, 10:60] = truth[:12, 20:80, 70:120] = 1
    frames = torch.full((24, *SIZE, 3), 150, dtype=torch.uint8)
    frames[:12, 20:80, 10:60] = 160
    frames[:, 20:80, 70:120] = 160
    after = smooth(frames, truth, mode)
    assert after[12:, 30:70, 20:50].max() < 0.05
    assert after[12, 30:70, 80:110].min() > 0.9


@pytest.mark.parametrize("mode", ["ema", "flow"])
def test_doubt_about_one_place_is_none_about_another(mode: str) -> None:
    """From frame to frame the light changes a little; on the left a patch comes and goes in one clip of the two."""
    frames = (150 + 6 * (torch.arange(8) % 2)).view(-1, 1, 1, 1).expand(-1, *SIZE, 3).byte()
    alone = (0.5 + 0.1 * torch.randn(8, 1, 1, 1, generator=torch.Generator().manual_seed(0))).repeat(1, *SIZE, 1)
    beside = alone.clone()
    beside[::2, :, :40], beside[1::2, :, :40] = 1, 0
    right = np.s_[:, :, 64:]
    assert torch.equal(smooth(frames, beside, mode)[right], smooth(frames, alone, mode)[right])


def test_look_ahead_delays_and_flushes_in_order() -> None:
    frames, truth = clip(6)
    smoother = Smoother("flow", look_ahead=2)
    counts = [len(smoother.push(frame, matte)) for frame, matte in zip(frames, truth, strict=True)]
    assert counts == [0, 0, 1, 1, 1, 1]
    assert len(smoother.flush()) == 2
    assert smoother.flush() == []


def test_strength_nought_changes_nothing() -> None:
    frames, truth = clip(5)
    assert torch.allclose(smooth(frames, truth, "ema", strength=0.0), truth, atol=1e-6)


def test_smoothed_is_a_matter_whose_batches_change_nothing() -> None:
    frames, _ = clip(9)
    at_once, one_by_one = Smoothed(BrightSubject(), "flow"), Smoothed(BrightSubject(), "flow")
    whole = at_once.alpha(frames)
    parts = torch.cat([one_by_one.alpha(frame[None]) for frame in frames])
    assert torch.equal(whole, parts)
    at_once.reset()
    assert torch.equal(at_once.alpha(frames), whole)
    assert (at_once.name, at_once.stateful, at_once.matter.seen) == ("bright", True, 9)


def test_motion_finds_where_things_were() -> None:
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 255, (24, 32, 1), dtype=np.uint8).repeat(4, 0).repeat(4, 1).repeat(3, 2)
    moved = np.roll(noise, 3, axis=1)
    flow = motion(moved, noise)
    assert abs(float(np.median(flow[..., 0])) + 3) < 0.3
    assert abs(float(np.median(flow[..., 1]))) < 0.3
    assert np.median(np.abs(carry(noise, flow) - moved)) < 12


@pytest.mark.parametrize("offset", [(2, 0), (0, 2), (-1, 3)])
def test_whole_mattes_are_carried_as_far_as_small_pictures_moved(offset: tuple[int, int]) -> None:
    flow = np.tile(np.array(offset, np.float32), (25, 60, 1))
    alpha = torch.zeros(100, 360, 1)
    alpha[40:60, 150:200] = 1
    x, y = 360 // 60 * offset[0], 100 // 25 * offset[1]
    assert torch.equal(carry_full(alpha, flow), alpha.roll((-y, -x), (0, 1)))


def test_brighter_and_darker_places_are_trusted_alike() -> None:
    one, other = np.full((9, 9, 3), 100, np.uint8), np.full((9, 9, 3), 105, np.uint8)
    brighter, darker = (trust(*pair, tolerance=6.0) for pair in ((one, other), (other, one)))
    assert np.array_equal(brighter, darker) and 0.5 < brighter.mean() < 1


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_change_in_a_single_channel_is_no_less_of_one(channel: int) -> None:
    one = np.full((9, 9, 3), 100, np.uint8)
    other = one.copy()
    other[..., channel] = 120
    assert trust(one, other, tolerance=6.0).max() < 0.01


def test_smooth_mattes_of_large_frames_stay_between_0_and_1() -> None:
    frames = torch.from_numpy(np.stack([disc(index, (192, 640)) for index in range(8)]))
    after = smooth(frames, (frames.float().mean(-1, keepdim=True) > 100).float(), "ema")
    assert after.min() == 0 and after.max() == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": 1.0}, "strength is 1; it must lie between 0 and 0.999"),
        ({"strength": "much"}, "strength is 'much'; it must be a number"),
        ({"mode": "off"}, "mode is 'off'; it must be one of ema, flow"),
    ],
)
def test_what_smoothing_does_not_take(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Smoother(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(60, 1920), (12, 320), (20, 100), (16, 640), (8, 8), (1, 1), (1, 1920), (1920, 1)])
def test_strips_in_which_motion_cannot_be_found_stand_still(size: tuple[int, int]) -> None:
    frames = torch.randint(0, 255, (2, *size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    now, then = map(shrink, frames)
    flow = motion(now, then)
    assert flow.shape == (*now.shape[:2], 2) and not flow.any()
