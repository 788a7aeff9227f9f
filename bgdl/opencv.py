"""OpenCV, imported in one place: `from bgdl.opencv import cv2` says what to do where it does not load."""

from __future__ import annotations

from bgdl.errors import BgdlError

try:
    import cv2 as cv2
except ImportError as error:
    raise BgdlError(
        f"OpenCV does not load ({error}); install libgl1 and libglib2.0-0, or replace the package: "
        "pip uninstall opencv-python && pip install opencv-python-headless"
    ) from error
