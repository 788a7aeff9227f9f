"""U²-Net as an ONNX graph, of fixed size or of any, with the layer names that `onnx_layout` reads back."""

from __future__ import annotations

import operator
from typing import Any

import onnx
import torch
import torch.fx
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from bgdl.nets.centre import Centred
from bgdl.nets.u2net import U2Net, fold_batchnorm

OPSET = 18  # the first whose Resize takes axes
IR_VERSION = 8  # what OPSET came with, so that older runtimes read it


def to_onnx(net: U2Net, size_hw: tuple[int, int] | None) -> onnx.ModelProto:
    """The graph of `net`, BatchNorm folded in place: "image" float32 (1,3,H,W) -> "alpha" float32 (1,1,H,W).

    It follows a symbolic trace of `forward`, so the table of the network is written down only once. Every size
    in it is a constant, which runtimes plan best, and the side mattes are made in the way that is fastest there.
    size_hw None: batch and size are free instead, and every layer is the network's own.
    """
    fold_batchnorm(net)
    writer = _Writer(net, size_hw)
    for node in _Tracer().trace(net).nodes:
        writer.add(node)
    return writer.model()


class _Tracer(torch.fx.Tracer):
    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return isinstance(module, Centred) or super().is_leaf_module(module, name)


class _Writer:
    """Collects ONNX nodes; `names` and `sizes` hold each traced value's ONNX name and (H,W)."""

    def __init__(self, net: U2Net, size_hw: tuple[int, int] | None) -> None:
        self.net = net
        self.free = size_hw is None
        self.size_hw = size_hw or (0, 0)
        self.nodes: list[onnx.NodeProto] = []
        self.stored: list[onnx.TensorProto] = []
        self.names: dict[torch.fx.Node, str] = {}
        self.sizes: dict[torch.fx.Node, tuple[int, int]] = {}

    def add(self, node: torch.fx.Node) -> None:
        if node.op == "placeholder":
            self.names[node], self.sizes[node] = "image", self.size_hw
        elif node.op == "call_module":
            self._module(node, self.net.get_submodule(str(node.target)))
        elif node.op == "get_attr":
            self.names[node] = str(node.target)
            self._store(self.names[node], self.net.get_buffer(str(node.target)))
        elif node.op == "call_function" and node.target not in (getattr, operator.getitem):  # shapes are known here
            self._function(node)

    def model(self) -> onnx.ModelProto:
        batch, height, width = ("batch", "height", "width") if self.free else (1, *self.size_hw)
        self.nodes[-1].output[0] = "alpha"
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, (batch, 3, height, width))
        alpha = helper.make_tensor_value_info("alpha", TensorProto.FLOAT, (batch, 1, height, width))
        graph = helper.make_graph(self.nodes, self.net.arch, [image], [alpha], self.stored)
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="bgdl")

    def _module(self, node: torch.fx.Node, module: nn.Module) -> None:
        source = _source(node)
        if isinstance(module, nn.Identity):
            self.names[node], self.sizes[node] = self.names[source], self.sizes[source]
            return
        convolution = module.conv if isinstance(module, Centred) else module
        assert isinstance(convolution, nn.Conv2d)
        if not self.free and self._is_matte(node):
            self._side(node, convolution)
            return
        inputs = [self.names[source], f"{node.target}.weight"]
        self._store(inputs[1], convolution.weight)
        if convolution.bias is not None:
            inputs.append(f"{node.target}.bias")
            self._store(inputs[2], convolution.bias)
        pads = [int(side) for side in convolution.padding] * 2
        self._emit(node, "Conv", inputs, pads=pads, dilations=list(convolution.dilation))
        if isinstance(module, Centred):
            self._add_map(node, module.map(self.sizes[node]).float())

    def _side(self, node: torch.fx.Node, convolution: nn.Conv2d) -> None:
        """3×3 to one channel, as nine 1×1 that are shifted and added: runtimes work on 16 channels at least."""
        assert convolution.bias is not None
        taps = f"{node.name}.taps"
        inputs = [taps, f"{taps}.shifts", f"{node.target}.bias"]
        self._store(f"{taps}.weight", convolution.weight[0].flatten(1).T[..., None, None].contiguous())
        self._store(inputs[1], torch.eye(9).view(1, 9, 3, 3))
        self._store(inputs[2], convolution.bias)
        self.nodes.append(helper.make_node("Conv", [self.names[_source(node)], f"{taps}.weight"], [taps], name=taps))
        self._emit(node, "Conv", inputs, pads=[1, 1, 1, 1])

    def _add_map(self, node: torch.fx.Node, values: torch.Tensor) -> None:
        self._store(f"{node.name}.map", values)
        total = f"{node.name}.centred"
        self.nodes.append(helper.make_node("Add", [self.names[node], f"{node.name}.map"], [total], name=total))
        self.names[node] = total

    def _function(self, node: torch.fx.Node) -> None:
        names = [self.names[value] for value in node.all_input_nodes if value in self.names]
        if node.target in (F.max_pool2d, torch.max_pool2d):
            self._emit(node, "MaxPool", names, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
            self.sizes[node] = tuple(-(-side // 2) for side in self.sizes[node])  # type: ignore[assignment]
        elif node.target is F.interpolate:
            self._resize(node)
        elif node.target is torch.cat:
            self._emit(node, "Concat", names, axis=1)
        else:
            kinds: dict[Any, str] = {
                F.relu: "Relu",
                operator.add: "Add",
                torch.sigmoid: "Sigmoid",
                torch.maximum: "Max",
            }
            self._emit(node, kinds[node.target], names)

    def _resize(self, node: torch.fx.Node) -> None:
        """To the size of the map whose `.shape[2:]` the trace shows."""
        slicing = node.kwargs["size"]
        assert isinstance(slicing, torch.fx.Node)
        like = _source(_source(slicing))
        target = self.sizes[like]
        if not self.free and self._is_matte(_source(node)):
            self._resize_matte(node, target)
            return
        if self.free:
            self.nodes.append(helper.make_node("Shape", [self.names[like]], [f"{node.name}.sizes"], start=2, end=4))
        else:
            self._store(f"{node.name}.sizes", torch.tensor(target))
        names = [self.names[_source(node)], "", "", f"{node.name}.sizes"]
        half_pixel = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        self._emit(node, "Resize", names, axes=[2, 3], **half_pixel)
        self.sizes[node] = target

    def _is_matte(self, node: torch.fx.Node) -> bool:
        """Whether a node makes one of the six side mattes."""
        module = self.net.get_submodule(str(node.target)) if node.op == "call_module" else None
        return isinstance(module, nn.Conv2d) and module.out_channels == 1 and module.kernel_size == (3, 3)

    def _resize_matte(self, node: torch.fx.Node, target: tuple[int, int]) -> None:
        """One channel, as two matrix products: runtimes take long to resize a single plane."""
        source, tall = _source(node), f"{node.name}.tall"
        rows, columns = (_bilinear(*sides) for sides in zip(self.sizes[source], target, strict=True))
        inputs = [tall, f"{node.name}.columns"]
        self._store(f"{node.name}.rows", rows)
        self._store(inputs[1], columns.T.contiguous())
        self.nodes.append(helper.make_node("MatMul", [f"{node.name}.rows", self.names[source]], [tall], name=tall))
        self._emit(node, "MatMul", inputs)
        self.sizes[node] = target

    def _emit(self, node: torch.fx.Node, kind: str, inputs: list[str], **attributes: Any) -> None:
        self.names[node] = node.name
        self.sizes[node] = self.sizes[next(value for value in node.all_input_nodes if value in self.sizes)]
        self.nodes.append(helper.make_node(kind, inputs, [node.name], name=node.name, **attributes))

    def _store(self, name: str, value: torch.Tensor) -> None:
        self.stored.append(numpy_helper.from_array(value.detach().cpu().numpy(), name))


def _source(node: torch.fx.Node) -> torch.fx.Node:
    return node.all_input_nodes[0]


def _bilinear(source: int, target: int) -> torch.Tensor:
    """float32 (target, source): what bilinear resizing of a line does, as a matrix."""
    lines = torch.eye(source)[:, None]
    return F.interpolate(lines, target, mode="linear", align_corners=False)[:, 0].T.contiguous()
