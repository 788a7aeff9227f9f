"""The closed choices that the command line and Python both offer, without torch, which `bgdl --help` does not load."""

from __future__ import annotations

from typing import Literal

EngineName = Literal["auto", "torch", "openvino", "onnx"]
Precision = Literal["auto", "fp32", "bf16", "fp16", "int8"]
Fit = Literal["cover", "contain", "stretch"]
EdgeName = Literal["none", "guided", "decontaminate", "matting"]
SmoothName = Literal["off", "ema", "flow"]
BackgroundEnd = Literal["loop", "freeze", "stop"]
Sound = Literal["source", "background", "none"]
FormatName = Literal["auto", "h264", "h265", "vp9", "prores", "qtrle", "ffv1", "png", "webp", "gif", "apng"]
"""Of a clip; `bgdl.media.formats` has the table."""
Layout = Literal["clip", "frames"]
"""What `bgdl synth` writes: a clip and its matte, or two folders of pictures."""
