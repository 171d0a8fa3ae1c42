"""Layers of torch in an ONNX graph written by hand: those of networks that read slice by slice."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from onnx import ModelProto, helper
from torch import nn

from harness.models._onnx_graph import Array, Graph, tensor
from harness.models._trunk import SliceTrunk

OPSET = 20
IR_VERSION = 9  # of opset 20's time, so that runtimes of that time read the file


def model(graph: Graph, shape: tuple[int, ...], logits: str, outputs: int) -> ModelProto:
    """The finished graph: `image` float32 [batch, *shape] -> `logits` float32 [batch, outputs]."""
    return helper.make_model(
        graph.finish([tensor("image", "batch", *shape)], [tensor(logits, "batch", outputs)]),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )


def features(graph: Graph, trunk: SliceTrunk, stages: Iterable[nn.Module] = ()) -> str:
    """(batch, C, D, H, W) -> (batch * D, features), through the trunk and the stages per slice."""
    slices = graph.add("Transpose", "image", perm=[0, 2, 1, 3, 4])
    rows = graph.add("Reshape", slices, graph.integers(-1, *trunk.slice_shape))
    for layer in (*trunk.layers, *stages):
        rows = _layer(graph, layer, rows)
    return rows


def linear(graph: Graph, layer: nn.Linear, rows: str, **more: Any) -> str:
    """(n, inputs) -> (n, outputs); `more` is of Gemm, and of the node."""
    weight, bias = (graph.constant(array(p)) for p in layer.parameters())
    return graph.add("Gemm", rows, weight, bias, transB=1, **more)


def array(value: Any) -> Array:
    """A tensor's numbers, in double precision."""
    numbers: Array = value.detach().cpu().double().numpy()
    return numbers


def _layer(graph: Graph, layer: nn.Module, rows: str) -> str:
    match layer:
        case nn.Conv2d():
            kernels, biases = (graph.constant(array(p)) for p in layer.parameters())
            return graph.add("Conv", rows, kernels, biases)
        case nn.MaxPool2d(kernel_size=side):
            return graph.add("MaxPool", rows, kernel_shape=[side] * 2, strides=[side] * 2)
        case nn.ReLU():
            return graph.add("Relu", rows)
        case nn.Flatten():
            return graph.add("Flatten", rows)
        case nn.Dropout():
            return rows
        case nn.Linear():
            return linear(graph, layer, rows)
        case nn.BatchNorm1d():
            return _norm(graph, layer, rows)
    raise NotImplementedError(f"a trunk's {type(layer).__name__} has no ONNX here yet")


def _norm(graph: Graph, layer: nn.BatchNorm1d, rows: str) -> str:
    """With the running statistics, an affine map of each feature."""
    mean, variance = array(layer.running_mean), array(layer.running_var)
    scale = array(layer.weight) / np.sqrt(variance + layer.eps)
    scaled = graph.add("Mul", rows, graph.constant(scale))
    return graph.add("Add", scaled, graph.constant(array(layer.bias) - mean * scale))
