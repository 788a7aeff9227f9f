"""What happens to a live frame, and what the keys do; no window, camera or file is touched here."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import torch
from torch import Tensor

from bgdl import compose
from bgdl.choices import EdgeName, Fit
from bgdl.pipeline.backdrop import close, make_moving_look, show
from bgdl.pipeline.matte_shape import MatteShape
from bgdl.types import Matter, is_learning, is_primed, learns_a_patch

PLATE_FRAMES = 30
"""Frames of the empty scene that the key `d` takes."""


class LiveStage:
    """Frames in, pictures out; `press` takes the keys.

    q, esc, closed: quit. d: take the plate. r: forget it. b: the next of `backgrounds`. m: the matte. s: a snapshot is
    asked for. space: pause. A method that learns an empty scene is shown the first PLATE_FRAMES frames, or learns by
    itself; `countdown` says how many frames are still to come.
    """

    def __init__(
        self, matter: Matter, backgrounds: Sequence[str], *, fit: Fit = "cover", edge: EdgeName = "none"
    ) -> None:
        self.matter, self._shape = matter, MatteShape(edge)
        self.backgrounds = tuple(backgrounds)
        self._looks = [
            make_moving_look(text, fit=fit, edge=edge, matter=matter, live=True) for text in self.backgrounds
        ]
        self._shown = 0
        self._asked = self._wanted = 0
        self._plate: list[Tensor] = []
        self.quit = self.paused = self.matte_view = self.snapshot = False
        self._forget(take=True)

    @property
    def background(self) -> str:
        """The name of the background that is shown."""
        return "matte" if self.matte_view else self.backgrounds[self._shown]

    @property
    def channels(self) -> int:
        """Of the pictures under the background that is shown."""
        return self._looks[self._shown].channels

    @property
    def countdown(self) -> int:
        """Frames of the empty scene that are still wanted."""
        return self._wanted or (self.matter.frames_to_learn if is_learning(self.matter) else 0)

    def lines(self) -> list[str]:
        """What the user is told."""
        if self.countdown:
            return [f"hold still: {self.countdown}"]
        return ["press d for the plate, out of the picture"] if self._blind else []

    def box(self, size_hw: tuple[int, int]) -> tuple[int, int, int, int] | None:
        """The patch of wall that a method learns from, while it learns: left, top, right, bottom in px."""
        return self.matter.rectangle_px(size_hw) if self.countdown and learns_a_patch(self.matter) else None

    @torch.no_grad()
    def treat(self, frames: Tensor, time_s: Fraction) -> Tensor:
        """uint8 (1,H,W,3) -> the picture uint8 (H,W,1|3|4) on the CPU; `time_s` is for clips as background."""
        if self._wanted:
            self._collect(frames)
        if self._blind:
            return frames[0]
        frames = frames.to(self.matter.device)
        alpha = self._shape(frames, self.matter.alpha(frames))
        look = compose.Alpha() if self.matte_view else self._looks[self._shown]
        return show(look, frames, alpha, [time_s])[0].cpu()

    def press(self, key: str | None) -> None:
        if key in ("q", "esc", "closed"):
            self.quit = True
        elif key == " ":
            self.paused = not self.paused
        elif key == "b":
            self._shown = (self._shown + 1) % len(self._looks)
        elif key == "m":
            self.matte_view = not self.matte_view
        elif key == "s":
            self.snapshot = True
        elif key in ("d", "r") and is_primed(self.matter):
            self._forget(take=key == "d")

    def take_plate(self, frames: int) -> None:
        """Show the method the next `frames` frames as the empty scene, now and at each key `d`."""
        self._asked = frames
        self._forget(take=True)

    def learn(self, plate: Tensor) -> None:
        """Show the method an empty scene that was taken before: uint8 (K,H,W,3) of the frames' size."""
        assert is_primed(self.matter)
        self.matter.prime(plate)
        self._plate, self._wanted, self._blind = [], 0, False

    def close(self) -> None:
        for look in self._looks:
            close(look)

    @property
    def _takes_plate(self) -> bool:
        """Whether the method is shown a plate; those that count down by themselves are where it was asked for."""
        return is_primed(self.matter) and (self._asked > 0 or not is_learning(self.matter))

    def _forget(self, *, take: bool) -> None:
        self.matter.reset()
        self._blind = self._takes_plate
        self._plate = []
        self._wanted = (self._asked or PLATE_FRAMES) if take and self._takes_plate else 0

    def _collect(self, frames: Tensor) -> None:
        if self._plate and self._plate[0].shape != frames.shape:  # the camera took another size: from the beginning
            self._forget(take=True)
        self._plate.append(frames.cpu())
        self._wanted -= 1
        if not self._wanted:
            self.learn(torch.cat(self._plate))


class ShownTime:
    """Seconds that each background has been shown: a clip stands still while another is."""

    def __init__(self) -> None:
        self._last_s = 0.0
        self._shown_s: dict[str, Fraction] = {}

    def at(self, background: str, now_s: float) -> Fraction:
        """Called for each frame, with seconds that grow but for pauses."""
        step_s = Fraction(now_s - self._last_s)
        self._last_s = now_s
        self._shown_s[background] = self._shown_s.get(background, Fraction(0)) + step_s
        return self._shown_s[background]
