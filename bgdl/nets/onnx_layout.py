"""U²-Net weights out of ONNX files in the layout of the rembg releases (BatchNorm folded into the convolutions)."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from onnx.external_data_helper import uses_external_data
from torch import Tensor, nn

from bgdl.errors import ForeignGraph, WeightsError
from bgdl.nets.u2net import TABLE, Arch, ConvBnRelu, U2Net, outputs_of

Pair = tuple[Tensor, Tensor]


def read_state(path: Path) -> dict[str, Tensor]:
    """State dict with upstream's keys, without BatchNorm, which is folded in.

    The side outputs keep their names in such a file; the other convolutions lost theirs when BatchNorm was
    folded in, and form one chain, so they are mapped in execution order.
    Raises WeightsError where the file is damaged, ForeignGraph where its convolutions are not those of U²-Net.
    """
    named, chain = _convolutions(path)
    net = U2Net(_arch(path, chain)).eval()
    blocks = _execution_order(net)
    if len(chain) != len(blocks):
        raise ForeignGraph(f"{path.name} has {len(chain)} folded convolutions, but {net.arch} has {len(blocks)}")
    for block, pair in zip(blocks, chain, strict=True):
        _fill(path, block.conv_s1, pair)
    for name in [*(f"side{n}" for n in range(1, 7)), "outconv"]:
        if name not in named:
            raise ForeignGraph(f"{path.name} does not name {name}.weight, so it is not in rembg's layout")
        _fill(path, net.get_submodule(name), named[name])
    return {name: value for name, value in net.state_dict().items() if ".bn_s1." not in name}


def data_names(path: Path) -> list[str]:
    """The files beside an .onnx that it keeps values in, as it names them; none where it is damaged."""
    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except Exception:  # told by whoever loads it
        return []
    tensors = [*graph.initializer, *(attribute.t for node in graph.node for attribute in node.attribute)]
    entries = [entry for tensor in tensors if uses_external_data(tensor) for entry in tensor.external_data]
    return sorted({entry.value for entry in entries if entry.key == "location"})


def _convolutions(path: Path) -> tuple[dict[str, Pair], list[Pair]]:
    """Weight and bias of the convolutions: those with a name by it, the rest in execution order."""
    try:
        graph = onnx.load(str(path)).graph
    except Exception as error:  # protobuf's errors change their type with its version
        if missing := [name for name in data_names(path) if not (path.parent / name).is_file()]:
            raise WeightsError(f"{path.name} keeps its weights in {missing[0]}, which must lie beside it") from error
        raise WeightsError(f"{path.name} is damaged or not ONNX; download it again") from error
    stored = {item.name: item for item in graph.initializer}
    named: dict[str, Pair] = {}
    chain: list[Pair] = []
    for node in graph.node:
        if node.op_type != "Conv":
            continue
        if len(node.input) != 3 or not all(name in stored for name in node.input[1:]):
            raise ForeignGraph(f"{path.name}: a convolution's weights are not plain floats (is the file quantized?)")
        weight, bias = (torch.from_numpy(numpy_helper.to_array(stored[n]).copy()).float() for n in node.input[1:])
        key = node.input[1].removesuffix(".weight")
        if key.startswith(("side", "outconv")):
            named[key] = (weight, bias)
        else:
            chain.append((weight, bias))
    return named, chain


def _arch(path: Path, chain: list[Pair]) -> Arch:
    for arch, table in TABLE.items():
        if len(chain) > 1 and tuple(chain[1][0].shape[:2]) == table["stage1"].inner[1:]:
            return arch
    raise ForeignGraph(f"{path.name} is not U²-Net or U²-Net-p in rembg's layout ({len(chain)} convolutions)")


def _execution_order(net: U2Net) -> list[ConvBnRelu]:
    """The blocks of `net` in the order in which a forward pass runs them."""
    blocks = [module for module in net.modules() if isinstance(module, ConvBnRelu)]
    with torch.no_grad():
        done = outputs_of(blocks, net, torch.zeros(1, 3, 32, 32))
    return [module for module in done if isinstance(module, ConvBnRelu)]


def _fill(path: Path, convolution: nn.Module, pair: Pair) -> None:
    assert isinstance(convolution, nn.Conv2d) and convolution.bias is not None
    if convolution.weight.shape != pair[0].shape:
        got, need = tuple(pair[0].shape), tuple(convolution.weight.shape)
        raise ForeignGraph(f"{path.name}: a convolution has the shape {got}, but U²-Net has {need} there")
    convolution.weight.data, convolution.bias.data = pair
