"""Looks: what becomes of frames and their mattes. Straight alpha, rounded, on the frames' own device."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bgdl import convert
from bgdl.choices import Fit
from bgdl.opencv import cv2
from bgdl.resize import average, enlarge

Foreground = Callable[[Tensor, Tensor], Tensor]
"""Colour decontamination: uint8 (N,H,W,3), float32 (N,H,W,1) -> uint8 (N,H,W,3) of the subject alone."""

AUTO_SIGMA = 0.02
"""Blur without a given sigma: this share of the longer side."""
FLOOR = 1e-4
"""How much a pixel of the subject counts in the blurred background: only where there is nothing else."""
TINY = 1e-30
"""Less than any weight, but none."""


class Cutout:
    """The subject over nothing: RGBA with straight alpha; colours that nobody sees are scrubbed to black.

    foreground: takes the old background's colour out of half-covered pixels; None keeps the frames' colours.
    """

    channels = 4

    def __init__(self, foreground: Foreground | None = None) -> None:
        self.foreground = foreground

    def __call__(self, frames: Tensor, alpha: Tensor, own: Tensor | None = None) -> Tensor:
        """uint8 (N,H,W,3), float32 (N,H,W,1) -> uint8 (N,H,W,4)."""
        coverage = convert.to_bytes(_seen(alpha, own))
        colours = _subject(self.foreground, frames, alpha)
        return join(colours, coverage)


class Alpha:
    """The matte itself, as a grey picture."""

    channels = 1

    def __call__(self, frames: Tensor, alpha: Tensor, own: Tensor | None = None) -> Tensor:
        """uint8 (N,H,W,3), float32 (N,H,W,1) -> uint8 (N,H,W,1)."""
        return convert.to_bytes(_seen(alpha, own))


class Over:
    """The subject over a colour or over pictures.

    background: (r,g,b) or (r,g,b,a) of 0..255, or uint8 (H,W,3), (1,H,W,3), or (N,H,W,3), one for each frame.
    fit, pixel_aspect: how a picture fills the frame, see `fit_background`.
    A colour with alpha below 255 gives RGBA (`channels` 4), everything else RGB.
    """

    def __init__(
        self,
        background: Tensor | Sequence[int],
        *,
        fit: Fit = "cover",
        pixel_aspect: float = 1,
        foreground: Foreground | None = None,
    ) -> None:
        self.foreground = foreground
        self.fit: Fit = fit
        self.pixel_aspect = pixel_aspect
        self.opacity = 1.0
        if not isinstance(background, Tensor):
            self.opacity = background[3] / 255 if len(background) == 4 else 1.0
            background = torch.tensor(background[:3], dtype=torch.uint8).view(1, 1, 1, 3)
        self._source = background if background.ndim == 4 else background[None]
        self._fitted: Tensor | None = None
        self.channels = 3 if self.opacity == 1 else 4

    def __call__(self, frames: Tensor, alpha: Tensor, own: Tensor | None = None) -> Tensor:
        """uint8 (N,H,W,3), float32 (N,H,W,1) -> uint8 (N,H,W,3|4)."""
        background = self._background(frames)
        subject = _subject(self.foreground, frames, alpha)
        alpha = _seen(alpha, own)
        return blend(subject, background, alpha) if self.channels == 3 else self._over_glass(subject, alpha)

    def _background(self, frames: Tensor) -> Tensor:
        """The background at the frames' size and on their device, made once for each size."""
        height, width = frames.shape[1:3]
        fitted = self._fitted
        if fitted is None or fitted.shape[1:3] != (height, width) or fitted.device != frames.device:
            source = self._source.to(frames.device)
            if source.shape[1:3] == (1, 1):  # a colour
                fitted = source.expand(-1, height, width, -1).contiguous()
            else:
                fitted = fit_background(source, (height, width), self.fit, pixel_aspect=self.pixel_aspect)
        self._fitted = fitted
        return fitted

    def _over_glass(self, subject: Tensor, alpha: Tensor) -> Tensor:
        """Porter-Duff "over" onto a half-transparent colour, back to straight colours."""
        total = alpha + (1 - alpha) * self.opacity
        share = alpha / total.clamp_min(1e-6)
        coverage = convert.to_bytes(total)
        colours = blend(subject, self._source.to(subject.device), share)
        return join(colours, coverage)


class Blur:
    """The subject over its own scene out of focus, with no halo of the subject's colour.

    sigma_px: standard deviation of the Gaussian in px; None takes AUTO_SIGMA of the longer side.
    What is transparent in the frames themselves stays so: with `own` the result is RGBA.
    """

    channels = 3

    def __init__(self, sigma_px: float | None = None, *, foreground: Foreground | None = None) -> None:
        self.sigma_px = sigma_px
        self.foreground = foreground

    def __call__(self, frames: Tensor, alpha: Tensor, own: Tensor | None = None) -> Tensor:
        """uint8 (N,H,W,3), float32 (N,H,W,1) -> uint8 (N,H,W,3|4)."""
        sigma_px = self.sigma_px or AUTO_SIGMA * max(frames.shape[1:3])
        background = blur_background(frames, alpha, sigma_px, own)
        shown = blend(_subject(self.foreground, frames, alpha), background, alpha)
        return shown if own is None else join(shown, convert.to_bytes(own))


def blend(subject: Tensor, background: Tensor, alpha: Tensor) -> Tensor:
    """alpha·subject + (1-alpha)·background: uint8 or float 0..255 (...,3) twice, float32 (...,1) -> uint8, rounded.

    Whole frames of bytes on a CPU go through OpenCV, in half the time; one byte in thousands is then one level off.
    """
    bytes_only = subject.dtype == background.dtype == torch.uint8
    if bytes_only and subject.device.type == "cpu" and subject.shape[-3:] == background.shape[-3:] and alpha.ndim == 4:
        return _blend_bytes(subject, background.expand_as(subject), alpha)
    return convert.round_to_bytes(torch.lerp(background.to(torch.float32), subject.to(torch.float32), alpha))


def join(colours: Tensor, coverage: Tensor) -> Tensor:
    """uint8 (N,H,W,3), uint8 (N,H,W,1) -> uint8 (N,H,W,4), black where nothing is seen."""
    rgba = colours.new_empty((*colours.shape[:3], 4))
    if colours.device.type == "cpu":
        for source, share, target in zip(colours.numpy(), coverage.numpy(), rgba.numpy(), strict=True):
            cv2.cvtColor(source, cv2.COLOR_RGB2RGBA, dst=target)
            cv2.insertChannel(share, target, 3)
            pixels = target.view(np.uint32)
            np.multiply(pixels, share > 0, out=pixels)  # torch would make a copy of the mask as wide as the pixels
        return rgba
    rgba[..., :3] = colours
    rgba[..., 3:] = coverage
    rgba.view(torch.int32).mul_(coverage > 0)
    return rgba


def fit_background(picture: Tensor, size_hw: tuple[int, int], fit: Fit = "cover", *, pixel_aspect: float = 1) -> Tensor:
    """Make a picture fill a frame: uint8 (N,h,w,3) -> uint8 (N,H,W,3) on its device.

    fit: "cover" fills the frame and crops what hangs over, "contain" shows the whole picture between black
    bars, "stretch" ignores its proportions. Cropping and bars are centred.
    pixel_aspect: width over height of the frame's pixels, over that of the picture's: both are fitted as shown.
    """
    height, width = size_hw
    ratios = (height / picture.shape[1], width * pixel_aspect / picture.shape[2])
    scale = {"cover": max(ratios), "contain": min(ratios)}.get(fit)
    if fit == "cover":
        picture = _middle(picture, (height / max(ratios), width * pixel_aspect / max(ratios)))
    inner = size_hw if scale is None else _scaled(picture, scale, scale / pixel_aspect)
    if inner == size_hw == tuple(picture.shape[1:3]):
        return picture
    planes = convert.to_nchw(picture if picture.device.type == "cpu" else picture.float())  # bytes: a tenth of the time
    fitted = convert.to_nhwc(F.interpolate(planes, inner, mode="bicubic", antialias=True, align_corners=False))
    if fitted.is_floating_point():
        fitted = convert.round_to_bytes(fitted)
    return _centre(fitted, size_hw).contiguous()


def blur_background(frames: Tensor, alpha: Tensor, sigma_px: float, own: Tensor | None = None) -> Tensor:
    """The scene out of focus, from background pixels only: -> (N,H,W,3) of 0..255, uint8 on a CPU, else float32.

    Normalised convolution (Knutsson and Westin, 1993): each pixel counts as far as it is background, so the
    subject's colour never enters. Done at a lower resolution where sigma allows, then brought back.
    own: the frames' own alpha, by which each pixel counts too; where nothing is seen the scene is black.
    """
    height, width = frames.shape[1:3]
    on_cpu = frames.device.type == "cpu"
    step = max(1, min(int(sigma_px // 4), height, width))
    small_hw = (math.ceil(height / step), math.ceil(width / step))
    if on_cpu and step >= 4 and own is None:  # a third of the time; what an own alpha hides would enter the means
        frames, alpha = _halved(frames), _halved(alpha)
    weight = (1 - 4 * alpha).clamp_min(FLOOR)
    weights = [weight] if own is None else [weight * own, weight]
    parts = (convert.to_nchw(part) for part in (frames * weights[0], *weights))
    planes = torch.cat([average(part, small_hw) for part in parts], dim=1)
    planes = planes[:, :4] * _clear_of_subject(planes[:, -1:]).clamp_min(FLOOR)
    planes = _gaussian(planes, sigma_px / step)
    scene = enlarge(planes[:, :3] / planes[:, 3:].clamp_min(TINY), (height, width))
    return convert.round_to_bytes(scene) if on_cpu else scene  # after enlarging: small bytes make stairs of a sky


def _halved(pictures: Tensor) -> Tensor:
    """(N,H,W,C) on a CPU -> half as high and wide, rounded up, by means."""
    height, width = (math.ceil(side / 2) for side in pictures.shape[1:3])
    result = pictures.new_empty((len(pictures), height, width, pictures.shape[3]))
    for source, target in zip(pictures.numpy(), result.numpy(), strict=True):
        cv2.resize(source, (width, height), dst=target, interpolation=cv2.INTER_AREA)
    return result


def _blend_bytes(subject: Tensor, background: Tensor, alpha: Tensor) -> Tensor:
    """uint8 (N,H,W,3) twice, float32 (N,H,W,1), all on the CPU -> uint8 (N,H,W,3)."""
    result = torch.empty_like(subject, memory_format=torch.contiguous_format)
    for above, below, share, target in zip(subject, background, alpha[..., 0], result, strict=True):
        cv2.blendLinear(above.numpy(), below.numpy(), share.numpy(), (1 - share).numpy(), dst=target.numpy())
    return result


def _subject(foreground: Foreground | None, frames: Tensor, alpha: Tensor) -> Tensor:
    return foreground(frames, alpha) if foreground else frames


def _seen(alpha: Tensor, own: Tensor | None) -> Tensor:
    """The subject's coverage: what the frames' own alpha leaves of the matte, of which colours are estimated."""
    return alpha if own is None else alpha * own


def _clear_of_subject(weight: Tensor) -> Tensor:
    """The least of 3×3 neighbours, since mattes end a little inside their subject."""
    return -F.max_pool2d(-weight, 3, stride=1, padding=1)


def _gaussian(planes: Tensor, sigma: float) -> Tensor:
    """Separable Gaussian over (N,C,H,W); what lies outside counts as zero."""
    radius = max(1, math.ceil(3 * sigma))
    channels = planes.shape[1]
    offsets = torch.arange(-radius, radius + 1, device=planes.device, dtype=planes.dtype)
    taps = torch.exp(-0.5 * (offsets / sigma) ** 2)
    taps = (taps / taps.sum()).expand(channels, 1, -1)
    planes = planes.contiguous(memory_format=torch.channels_last)  # six times faster on a CPU
    planes = F.conv2d(planes, taps[:, :, None, :].contiguous(), padding=(0, radius), groups=channels)
    return F.conv2d(planes, taps[:, :, :, None].contiguous(), padding=(radius, 0), groups=channels)


def _middle(picture: Tensor, needed_hw: tuple[float, float]) -> Tensor:
    """The middle of uint8 (N,H,W,3), at least so many px: scaled whole, a thin picture would take terabytes."""
    sides = [(max(1, math.ceil(side - 1e-6)), whole) for side, whole in zip(needed_hw, picture.shape[1:3], strict=True)]
    rows, columns = (side + (whole - side) % 2 for side, whole in sides)  # what is left over halves evenly
    return _centre(picture, (rows, columns))


def _scaled(picture: Tensor, scale_y: float, scale_x: float) -> tuple[int, int]:
    return max(1, round(picture.shape[1] * scale_y)), max(1, round(picture.shape[2] * scale_x))


def _centre(picture: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Crop or pad with black, around the centre, to `size_hw`; F.pad crops where a pad is negative."""
    rest_y, rest_x = size_hw[0] - picture.shape[1], size_hw[1] - picture.shape[2]
    top, left = rest_y // 2, rest_x // 2
    if not (rest_y or rest_x):
        return picture
    return F.pad(picture, (0, 0, left, rest_x - left, top, rest_y - top))
