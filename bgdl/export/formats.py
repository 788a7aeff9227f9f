"""The files that a network is exported to, written and run: .safetensors, .onnx and OpenVINO's .xml."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor

from bgdl import whole
from bgdl.engines.openvino_package import load_openvino
from bgdl.errors import MissingExtra
from bgdl.nets import checkpoint
from bgdl.nets.onnx_half import to_half
from bgdl.nets.onnx_writer import to_onnx
from bgdl.nets.u2net import U2Net
from bgdl.preprocess import InputSpec


def part_of(target: Path) -> AbstractContextManager[Path]:
    """Where to write meanwhile, and beside it, as `files_of` has it, an .xml's .bin."""
    return whole.part(target, *([".bin"] if target.suffix == ".xml" else []))


def _write_safetensors(path: Path, net: U2Net, card: dict[str, Any], half: bool) -> None:
    facts = {key: value for key, value in card.items() if key not in ("arch", "input_spec")}
    checkpoint.write(path, net, spec=InputSpec.from_dict(card["input_spec"]), half=half, **facts)


def _write_onnx(path: Path, net: U2Net, card: dict[str, Any], half: bool) -> None:
    model = to_onnx(net, None)
    if half:
        to_half(model)
    onnx.helper.set_model_props(model, {"bgdl": json.dumps(card)})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


def _write_openvino(path: Path, net: U2Net, card: dict[str, Any], half: bool) -> None:
    openvino = load_openvino("export to .xml")
    model = openvino.Core().read_model(to_onnx(net, None).SerializeToString())
    model.set_rt_info(json.dumps(card), "bgdl")
    with _openvino_told():
        openvino.save_model(model, str(path), compress_to_fp16=half)


@contextmanager
def _openvino_told() -> Iterator[None]:
    """Of a full disk OpenVINO tells in an error of its own; older ones only where what they wrote is read back."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).strip().rpartition("\n")[2] or "it gave no reason"
        raise OSError(f"OpenVINO failed ({reason}); is the disk full?") from error


WRITERS = {".safetensors": _write_safetensors, ".onnx": _write_onnx, ".xml": _write_openvino}


def run(path: Path, x: Tensor) -> Tensor:
    """The written file's probability, by the program that will run it."""
    if path.suffix == ".safetensors":
        return checkpoint.read(path).net()(x)  # type: ignore[no-any-return]
    if path.suffix == ".xml":
        core = load_openvino("checking an exported .xml").Core()
        with _openvino_told():
            compiled = core.compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return torch.from_numpy(np.array(compiled(x.numpy())[0]))
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra("checking an exported .onnx", "onnx") from error
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"image": x.numpy()})[0])
