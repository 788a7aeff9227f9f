"""An ONNX graph at half precision whose input and output stay float32."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def to_half(model: onnx.ModelProto) -> None:
    """Turn the float32 weights of `model` into float16, in place, with a Cast after its input and before its output."""
    graph = model.graph
    for number, stored in enumerate(graph.initializer):
        if stored.data_type == TensorProto.FLOAT:
            half = numpy_helper.to_array(stored).astype(np.float16)
            graph.initializer[number].CopyFrom(numpy_helper.from_array(half, stored.name))
    image, alpha = graph.input[0].name, graph.output[0].name
    for node in graph.node:
        node.input[:] = [f"{image}.half" if name == image else name for name in node.input]
        node.output[:] = [f"{alpha}.half" if name == alpha else name for name in node.output]
    graph.node.insert(0, helper.make_node("Cast", [image], [f"{image}.half"], to=TensorProto.FLOAT16))
    graph.node.append(helper.make_node("Cast", [f"{alpha}.half"], [alpha], to=TensorProto.FLOAT))
