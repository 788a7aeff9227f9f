"""A window on the desktop through OpenCV, after making sure that there is a desktop."""

from __future__ import annotations

import os
import subprocess
import sys

from torch import Tensor

from bgdl import convert
from bgdl.errors import InputError
from bgdl.opencv import cv2

_PROBE = "from bgdl.opencv import cv2; cv2.namedWindow('bgdl'); cv2.waitKey(1); cv2.destroyAllWindows()"
_WAYS_OUT = "run without a window (no-window) and record or publish a virtual camera"


def why_no_display() -> str | None:
    """Why a window cannot be opened here, or None where it can.

    OpenCV's Qt ends the whole process where it finds no display, so it is tried in a process of its own.
    """
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return f"this machine has no display (neither DISPLAY nor WAYLAND_DISPLAY is set); {_WAYS_OUT}"
    if not sys.platform.startswith("linux"):
        return None
    try:
        probe = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return f"the display does not answer; {_WAYS_OUT}"
    if probe.returncode == 0:
        return None
    if "headless" in probe.stderr or "not implemented" in probe.stderr:
        return f"this OpenCV is built without windows: pip install opencv-python; or {_WAYS_OUT}"
    return f"no window can be opened on display {os.environ.get('DISPLAY') or 'wayland'}; {_WAYS_OUT}"


class Window:
    """Shows pictures and hands out keys; raises InputError where there is no display."""

    def __init__(self, title: str) -> None:
        reason = why_no_display()
        if reason:
            raise InputError(reason)
        os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")  # the wheel's Qt complains about its fonts
        self.title = title
        cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        self._sized = False

    def show(self, picture: Tensor) -> None:
        """uint8 (H,W,3) RGB on the CPU."""
        if not self._sized:
            cv2.resizeWindow(self.title, picture.shape[1], picture.shape[0])
            self._sized = True
        cv2.imshow(self.title, convert.swap_red_blue(picture.numpy()))

    def key(self) -> str | None:
        """The key pressed since the last call: a character, "esc", "closed" for the window's cross, or None."""
        code = cv2.waitKey(1)
        if self._sized and self._is_closed():
            return "closed"
        if code < 0:
            return None
        return "esc" if code & 0xFF == 27 else chr(code & 0xFF)

    def _is_closed(self) -> bool:
        """On macOS never: OpenCV's windows have no cross there, and one that is minimised counts as not visible."""
        return sys.platform != "darwin" and cv2.getWindowProperty(self.title, cv2.WND_PROP_VISIBLE) < 1

    def close(self) -> None:
        cv2.destroyAllWindows()
