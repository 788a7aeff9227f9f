"""A clip as background: its frames by time, looped, frozen or ending the run, and the Look over them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TypeGuard

import av
import torch
from PIL import Image
from torch import Tensor

from bgdl.choices import BackgroundEnd, EdgeName, Fit
from bgdl.compose import Foreground, Over, fit_background
from bgdl.media.opening import CLIP_SUFFIXES
from bgdl.media.reader import VideoReader
from bgdl.media.square import SQUARE, sensible
from bgdl.pipeline.live_clip import Clip, LiveClip
from bgdl.pipeline.looks import Background, check_alone, foreground_of, make_look
from bgdl.types import Look, Matter


def is_clip(background: object) -> TypeGuard[str | Path]:
    """Whether a background names a clip, by its extension."""
    return isinstance(background, (str, Path)) and Path(background).suffix.lower() in (*CLIP_SUFFIXES, ".gif", ".apng")


class OverClip:
    """The subject over the frames of a clip: like a Look, but told when its frames are.

    end, pixel_aspect: see `VideoBackground`. foreground: see `bgdl.compose`. live: see `LiveClip`.
    """

    channels = 3

    def __init__(
        self,
        source: Path,
        *,
        end: BackgroundEnd = "loop",
        fit: Fit = "cover",
        pixel_aspect: Fraction = SQUARE,
        foreground: Foreground | None = None,
        live: bool = False,
    ) -> None:
        clip = VideoBackground(source, end=end, fit=fit, pixel_aspect=pixel_aspect)
        self._clip: Clip = LiveClip(clip) if live else clip
        self._foreground = foreground

    def show(self, frames: Tensor, alpha: Tensor, times_s: Sequence[Fraction]) -> Tensor:
        """uint8 (N,H,W,3), float32 (N,H,W,1), N seconds -> uint8 (K,H,W,3); K is less than N where the clip ends."""
        scenes = self._clip.at(times_s, (frames.shape[1], frames.shape[2])).to(frames.device)
        if not len(scenes):
            return scenes
        return Over(scenes, foreground=self._foreground)(frames[: len(scenes)], alpha[: len(scenes)])

    def close(self) -> None:
        self._clip.close()


MovingLook = Look | OverClip
Begun = tuple[av.VideoFrame, Fraction]  # a frame as it was decoded, and when it begins in seconds


def make_moving_look(
    background: Background,
    *,
    end: BackgroundEnd = "loop",
    fit: Fit = "cover",
    pixel_aspect: Fraction = SQUARE,
    only_matte: bool = False,
    edge: EdgeName = "none",
    matter: Matter | None = None,
    live: bool = False,
) -> MovingLook:
    """What `bgdl.pipeline.looks.make_look` makes, and over a clip an OverClip, which is to be closed.

    Warns of an animation that cannot be played.
    """
    if not is_clip(background):
        aspect = float(pixel_aspect)
        look = make_look(background, fit=fit, pixel_aspect=aspect, only_matte=only_matte, edge=edge, matter=matter)
        if _is_animated_webp(background):
            text = f"{background} moves, but only its first picture is used; give a .gif or a clip instead"
            warnings.warn(text, stacklevel=2)
        return look
    if only_matte:
        check_alone(background)
    foreground = foreground_of(edge, matter)
    return OverClip(Path(background), end=end, fit=fit, pixel_aspect=pixel_aspect, foreground=foreground, live=live)


def channels_under(background: Background, *, only_matte: bool = False) -> int:
    """Of the pictures over a background: 1, 3, or 4 where one sees through; refuses what is none.

    A clip is not opened for that, and a picture's file decoded only once, however often it is asked.
    """
    if only_matte:
        return 1
    if is_clip(background):
        return 3
    if isinstance(background, (str, Path)) and os.path.isfile(background):
        state = os.stat(background)
        return _channels_under_file(background, state.st_mtime_ns, state.st_size)
    return make_look(background).channels


@lru_cache(maxsize=64)
def _channels_under_file(background: str | Path, changed_ns: int, size_bytes: int) -> int:
    """Of a file as it was when it was changed last; what is refused is not kept."""
    return make_look(background).channels


def _is_animated_webp(background: Background) -> TypeGuard[str | Path]:
    """Whether a background is a WebP file that moves, of which FFmpeg decodes nothing."""
    if not isinstance(background, (str, Path)) or Path(background).suffix.lower() != ".webp":
        return False
    with Image.open(background) as picture:
        return bool(getattr(picture, "is_animated", False))


def show(look: MovingLook, frames: Tensor, alpha: Tensor, times_s: Sequence[Fraction]) -> Tensor:
    """uint8 (N,H,W,3), float32 (N,H,W,1), seconds since the first frame -> uint8 (K,H,W,C), see `OverClip.show`."""
    return look.show(frames, alpha, times_s) if isinstance(look, OverClip) else look(frames, alpha)


def close(look: MovingLook) -> None:
    if isinstance(look, OverClip):
        look.close()


class VideoBackground:
    """Frames of a clip by time: at each moment the newest one that has begun, whatever either clip's rate is.

    end: what comes after the clip's last frame: the clip again, that frame for good, or nothing.
    pixel_aspect: of the frames that it goes behind, width over height of a pixel; the clip's own is known.
    """

    def __init__(
        self, source: Path, *, end: BackgroundEnd = "loop", fit: Fit = "cover", pixel_aspect: Fraction = SQUARE
    ) -> None:
        self.source, self.end, self.fit = source, end, fit
        self._base_s = self._end_s = self._round_s = Fraction(0)
        self._open()
        self._pixel_aspect = float(pixel_aspect / sensible(self._reader.info.pixel_aspect))
        self._made: tuple[av.VideoFrame, Tensor] | None = None
        self._shown = self._next_frame()
        self._coming = self._next_frame()

    def at(self, times_s: Sequence[Fraction], size_hw: tuple[int, int]) -> Tensor:
        """Seconds that grow, from 0 -> uint8 (K,H,W,3); K is less than asked where "stop" ends the clip."""
        frames = []
        for time_s in times_s:
            frame = self._at(time_s)
            if frame is None:
                break
            frames.append(self._fitted(frame, size_hw))
        return torch.cat(frames) if frames else torch.empty((0, *size_hw, 3), dtype=torch.uint8)

    def close(self) -> None:
        self._reader.close()

    def _fitted(self, frame: av.VideoFrame, size_hw: tuple[int, int]) -> Tensor:
        """uint8 (1,H,W,3): the picture of a frame that is shown; those that are passed over need none."""
        if self._made is None or self._made[0] is not frame or self._made[1].shape[1:3] != size_hw:
            picture = self._reader.picture(frame)
            self._made = frame, fit_background(picture, size_hw, self.fit, pixel_aspect=self._pixel_aspect)
        return self._made[1]

    def _at(self, time_s: Fraction) -> av.VideoFrame | None:
        while self._coming is not None and self._coming[1] <= time_s:
            self._shown = self._after_rounds(self._coming, time_s)
            self._coming = self._next_frame()
        assert self._shown is not None
        if self.end == "stop" and self._coming is None and time_s >= self._shown[1] + self._step_s:
            return None
        return self._shown[0]

    def _after_rounds(self, coming: Begun, time_s: Fraction) -> Begun:
        """The coming frame as many whole rounds later as fit before `time_s`: they need not be decoded."""
        if not self._round_s:
            return coming
        left_out_s = (time_s - coming[1]) // self._round_s * self._round_s
        self._base_s += left_out_s
        self._end_s += left_out_s
        return coming[0], coming[1] + left_out_s

    def _next_frame(self) -> Begun | None:
        coming = next(self._frames, None)
        if coming is None and self.end == "loop":
            self._round_s, self._base_s = self._end_s - self._base_s, self._end_s
            self.close()
            self._open()
            coming = next(self._frames, None)
        if coming is None:
            return None
        frame, stamp = coming
        begins_s = self._base_s + stamp * self._reader.info.time_base - self._reader.first_s
        self._end_s = begins_s + self._step_s
        return frame, begins_s

    def _open(self) -> None:
        self._reader = VideoReader(self.source)
        self._frames = self._reader.frames()
        self._step_s = 1 / Fraction(self._reader.info.rate or 25)
