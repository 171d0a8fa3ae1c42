"""Writing an ONNX graph by hand, a line a node."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

Array = NDArray[Any]


@dataclass(slots=True)
class Graph:
    """Nodes and constants in the making; a method returns the name of the tensor that it adds.

    Names begin with the graph's own, so that the body of a loop never hides one of outside.
    """

    name: str
    constants: list[TensorProto] = field(default_factory=list)
    nodes: list[NodeProto] = field(default_factory=list)

    def constant(self, value: Array) -> str:
        """Floats become float32; integers stay what they are."""
        name = f"{self.name}.constant{len(self.constants)}"
        array = value.astype(np.float32) if value.dtype.kind == "f" else value
        self.constants.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def integers(self, *values: int) -> str:
        """A vector, as shapes, axes and bounds are given."""
        return self.constant(np.array(values, dtype=np.int64))

    def scalar(self, value: int) -> str:
        """An index that takes its axis away."""
        return self.constant(np.array(value, dtype=np.int64))

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """A node of one output, called `output` or by its place."""
        name = output or f"{self.name}.{operator}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def finish(self, inputs: list[ValueInfoProto], outputs: list[ValueInfoProto]) -> GraphProto:
        return helper.make_graph(self.nodes, self.name, inputs, outputs, self.constants)


def tensor(name: str, *shape: int | str) -> ValueInfoProto:
    """What goes in or out: float32, a size left open by giving it a name."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
