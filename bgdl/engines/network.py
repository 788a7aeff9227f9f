"""What an engine runs: a U²-Net's weights, or a foreign graph in a file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from bgdl.engines.engine import TRACING
from bgdl.errors import ForeignGraph, WeightsError
from bgdl.nets import checkpoint
from bgdl.nets.card import card_of, read_card
from bgdl.nets.checkpoint import Checkpoint
from bgdl.nets.narrow import Channels, narrow
from bgdl.preprocess import IMAGENET_MEAN, InputSpec
from bgdl.weights import Calibration, calibration

ISNET = InputSpec(size=1024, scale="max", mean=(0.5, 0.5, 0.5), std=(1.0, 1.0, 1.0), stretch="minmax")
ANIME = replace(ISNET, mean=IMAGENET_MEAN)
"""How rembg feeds isnet-general-use and isnet-anime."""


@dataclass(frozen=True)
class Network:
    """Weights that the torch engine can hold (`weights`), or a graph that only its own file describes.

    spec: how its input is prepared. cost: mIoU lost against fp32, by precision, where it was measured.
    calibration: what int8 needs.
    """

    path: Path
    weights: Checkpoint | None
    spec: InputSpec | None
    cost: Mapping[str, float] = field(default_factory=dict)
    calibration: Calibration | None = None

    @cached_property
    def key(self) -> str:
        """sha256 over the values of the weights (or the bytes of the file): names it in caches."""
        digest = hashlib.sha256()
        if self.weights is None:
            for file in files_of(self.path):
                digest.update(file.read_bytes())
        else:
            for name, value in sorted(self.weights.state.items()):
                digest.update(name.encode() + value.numpy().tobytes())
        return digest.hexdigest()[:24]

    def graph(self, size_hw: tuple[int, int], *, exact: bool = True, kept: Channels | None = None) -> bytes | Path:
        """ONNX bytes for an input of that size, or the path of a file whose graph is used as it is.

        exact: it will run in float32; otherwise its channels are centred, which half precision needs. kept: channels
        of the last block, without the others.
        """
        if self.weights is None:
            return self.path
        from bgdl.nets.centre import centre_channels
        from bgdl.nets.onnx_writer import to_onnx

        net = self.weights.net()
        if kept:
            narrow(net, kept)
        with TRACING:
            return bytes(to_onnx(net if exact else centre_channels(net), size_hw).SerializeToString())


def files_of(path: Path) -> list[Path]:
    """The files that hold a network: OpenVINO's .xml has its weights in a .bin, an .onnx may name others."""
    if path.suffix == ".xml":
        return [path, path.with_suffix(".bin")]
    if path.suffix != ".onnx" or not os.path.isfile(path):  # which a name that is too long is not
        return [path]
    now = path.stat()
    beside = [path.parent / name for name in _data_names(path, now.st_mtime_ns, now.st_size)]
    return [path, *(file for file in beside if file.is_file())]


@lru_cache(maxsize=16)
def _data_names(path: Path, *stamp: int) -> list[str]:
    """stamp: time and size, so that a file that was replaced is read again."""
    from bgdl.nets import onnx_layout  # onnx takes a while to import

    return onnx_layout.data_names(path)


def read(path: str | Path) -> Network:
    """A network from any weights file, an ONNX file in rembg's layout (isnet, silueta, ...) or OpenVINO's .xml.

    Raises WeightsError with one sentence for a missing, damaged or unfit file.
    """
    path = Path(path)
    if path.suffix == ".xml":
        return _read_ir(path)
    try:
        weights = checkpoint.read(path)
    except ForeignGraph:
        return _read_foreign(path)
    card = weights.metadata
    last = [float(v) for part in ("weight", "bias") for v in weights.state[f"outconv.{part}"].flatten()]
    measured = _calibration(path, card["int8"]) if "int8" in card else calibration(path.stem, last)
    return Network(path, weights, weights.spec, _cost_in(card), measured)


def _calibration(path: Path, card: Any) -> Calibration:
    try:
        return Calibration(card["ranges"], card.get("kept", {}))
    except (KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path.name} has unreadable int8 metadata; export it again with --int8") from error


def check_output(network: Network, shape: tuple[int, ...], size_hw: tuple[int, int]) -> None:
    """Raises WeightsError where what a graph gives for one picture is not a matte (1,1,H,W) of its size."""
    if shape != (1, 1, *size_hw):
        raise WeightsError(f"{network.path.name} gives {shape} for a picture; a matte {(1, 1, *size_hw)} is needed")


def refuse_size(network: Network, size_hw: tuple[int, int]) -> WeightsError:
    """The sentence for a graph of fixed size."""
    return WeightsError(
        f"{network.path.name} does not take pictures of {size_hw[1]}×{size_hw[0]} px: leave size, shape and tta out"
    )


def _read_ir(path: Path) -> Network:
    from xml.etree import ElementTree

    if not path.is_file() or not path.with_suffix(".bin").is_file():
        raise WeightsError(f"no OpenVINO model at {path}; both the .xml and the .bin of that name are needed")
    try:
        ElementTree.parse(path)
    except ElementTree.ParseError as error:
        raise WeightsError(f"{path.name} is damaged or not OpenVINO's ({error}); export it again") from error
    return _from_card(path, read_card(path))


def _read_foreign(path: Path) -> Network:
    """A graph that is not a U²-Net: one picture in, its first output the matte."""
    import onnx

    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf's errors change their type with its version
        raise WeightsError(f"{path.name} is damaged or not ONNX; download it again") from error
    sides = [axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim] if model.graph.input else []
    if len(sides) != 4 or sides[1] not in (0, 3):
        raise WeightsError(f"{path.name} takes {sides}; a graph that takes pictures (1,3,H,W) is needed")
    if card := card_of(model):
        return _from_card(path, card)
    isnet = ANIME if "anime" in path.stem else ISNET
    base = isnet if "isnet" in path.stem else InputSpec(scale="max", stretch="minmax")
    size = sides[2] or base.size
    return Network(path, None, InputSpec(**{**base.to_dict(), "size": size}))


def _from_card(path: Path, card: dict[str, Any]) -> Network:
    """card: the JSON that `bgdl export` writes into what it exports."""
    spec = card.get("input_spec")
    return Network(path, None, InputSpec.from_dict(spec) if isinstance(spec, dict) else None, _cost_in(card))


def _cost_in(card: dict[str, Any]) -> dict[str, float]:
    cost = card.get("precision_cost")
    return cost if isinstance(cost, dict) else {}
