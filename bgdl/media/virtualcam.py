"""A virtual camera that other programs see, through pyvirtualcam."""

from __future__ import annotations

import sys
from typing import Any

from torch import Tensor

from bgdl.errors import InputError, MissingExtra

_HELP = {
    "linux": "install v4l2loopback-dkms, then: sudo modprobe v4l2loopback exclusive_caps=1 card_label=bgdl",
    "darwin": "install OBS (30 or newer), start its virtual camera once and stop it again",
    "win32": "install OBS; its virtual camera comes with it",
}


class VirtualCamera:
    """Sends uint8 (H,W,3) RGB pictures of one size to a virtual camera.

    Raises MissingExtra without pyvirtualcam and InputError where the system has no virtual camera device.
    """

    def __init__(self, size_hw: tuple[int, int], *, fps: float) -> None:
        try:
            import pyvirtualcam
        except ImportError as error:
            raise MissingExtra("the virtual camera", "virtualcam") from error
        height, width = size_hw
        try:
            self._camera: Any = pyvirtualcam.Camera(width=width, height=height, fps=fps)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0]
            way_out = _HELP.get(sys.platform, "see the pyvirtualcam documentation")
            raise InputError(f"no virtual camera device ({reason}); {way_out}") from error
        self.name = str(self._camera.device)

    def send(self, picture: Tensor) -> None:
        self._camera.send(picture.numpy())

    def close(self) -> None:
        self._camera.close()
