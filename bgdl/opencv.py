"""OpenCV, imported in one place: `from bgdl.opencv import cv2` says what to do where it does not load."""

from __future__ import annotations

import os
import sys

from bgdl.errors import BgdlError

if sys.platform == "win32":  # read as OpenCV loads: with them a camera may take minutes to open (opencv#17687)
    os.environ.setdefault("OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0")

try:
    import cv2 as cv2
except ImportError as error:
    raise BgdlError(
        f"OpenCV does not load ({error}); install libgl1 and libglib2.0-0, or replace the package: "
        "pip uninstall opencv-python && pip install opencv-python-headless"
    ) from error
