"""How big a model is: parameters of a torch module, numbers stored in an ONNX file."""

import math
from typing import Any

import onnx
from onnx import TensorProto

from harness.record import Measurement


def parameters(module: Any) -> list[Measurement]:
    """Counts of a torch module: trainable, all, and those that are not behind a mask."""
    total = sum(parameter.numel() for parameter in module.parameters())
    trainable = sum(p.numel() for p in module.parameters() if p.requires_grad)
    masked = getattr(module, "parameters_effective", None)
    counts = {
        "parameters_trainable": trainable,
        "parameters_total": total,
        "parameters_effective": masked() if masked else trainable,
    }
    return [
        Measurement(metric=name, value=float(count), unit="parameters", better="lower")
        for name, count in counts.items()
    ]


def initializers(model: onnx.ModelProto) -> list[Measurement]:
    """What is known of the size of an outside file: the numbers stored in it."""
    floating = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)
    tensors = [tensor for tensor in model.graph.initializer if tensor.data_type in floating]
    count = sum(math.prod(tensor.dims) for tensor in tensors)
    name = "parameters_total"
    return [Measurement(metric=name, value=float(count), unit="parameters", better="lower")]
