"""ONNX of a liquid network, by hand: slices are the steps of a Scan, and only live synapses exist.

The neuron is that of ncps' LTCCell (the fused solver of Hasani et al., Liquid Time-constant
Networks, AAAI 2021, algorithm 1), several times a slice of duration 1:

    v <- (c v + g e + sum_j w_j s_j E_j) / (c + g + sum_j w_j s_j + epsilon)
    s_j = sigmoid(sigma_j (v_j - mu_j)), over the synapses j that reach it, from input and neurons

with c = unfolds * cm, leak conductance g towards e, and cm, g, w positive through a softplus.
Potentials are held as (neurons, batch): to read a source is then to copy a row.
"""

from typing import Any, cast

import numpy as np
from onnx import GraphProto, ModelProto, helper
from torch import nn

from harness.errors import HarnessError
from harness.models._onnx_graph import Array, Graph, tensor
from harness.models.liquid import Liquid

OPSET = 20
IR_VERSION = 9  # of opset 20's time, so that runtimes of that time read the file
POSITIVE = ("cm", "gleak", "w", "sensory_w")


def export(module: nn.Module, shape: tuple[int, ...]) -> ModelProto:
    """`image` float32 [batch, *shape] -> `logits` float32 [batch, outputs].

    Raises HarnessError if the module is not of `models.liquid`.
    """
    if not isinstance(module, Liquid):
        raise HarnessError(f"module must be built by models.liquid, got {type(module).__name__}")
    graph = Graph("liquid")
    sequence = _features(graph, module)
    cells: list[Any] = [layer.rnn_cell for layer in module.layers]
    for index, cell in enumerate(cells):
        drive = graph.add("Relu", sequence) if index else sequence
        sequence = _recurrence(graph, f"ltc{index}", cell, drive)
    mean = graph.add("ReduceMean", sequence, graph.integers(0), keepdims=0)
    logits, outputs = _readout(graph, module.readout, mean, cells[-1].motor_size)
    return helper.make_model(
        graph.finish([tensor("image", "batch", *shape)], [tensor(logits, "batch", outputs)]),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )


def _features(graph: Graph, module: Liquid) -> str:
    """(batch, C, D, H, W) -> (D, features, batch), through the trunk and the stages per slice."""
    trunk, first = module.trunk, cast(Any, module.layers[0])
    slices = graph.add("Transpose", "image", perm=[0, 2, 1, 3, 4])
    features = graph.add("Reshape", slices, graph.integers(-1, *trunk.slice_shape))
    for layer in (*trunk.layers, *module.stages):
        features = _layer(graph, layer, features)
    volumes = graph.add("Reshape", features, graph.integers(-1, trunk.depth, first.sensory_size))
    return graph.add("Transpose", volumes, perm=[1, 2, 0])


def _layer(graph: Graph, layer: nn.Module, features: str) -> str:
    match layer:
        case nn.Conv2d():
            kernels, biases = (graph.constant(_array(p)) for p in layer.parameters())
            return graph.add("Conv", features, kernels, biases)
        case nn.MaxPool2d(kernel_size=side):
            return graph.add("MaxPool", features, kernel_shape=[side] * 2, strides=[side] * 2)
        case nn.ReLU():
            return graph.add("Relu", features)
        case nn.Flatten():
            return graph.add("Flatten", features)
        case nn.Dropout():
            return features
        case nn.Linear():
            return _linear(graph, layer, features)
        case nn.BatchNorm1d():
            return _norm(graph, layer, features)
    raise NotImplementedError(f"a trunk's {type(layer).__name__} has no ONNX here yet")


def _linear(graph: Graph, layer: nn.Linear, rows: str, **more: Any) -> str:
    weight, bias = (graph.constant(_array(p)) for p in layer.parameters())
    return graph.add("Gemm", rows, weight, bias, transB=1, **more)


def _norm(graph: Graph, layer: nn.BatchNorm1d, rows: str) -> str:
    """With the running statistics, an affine map of each feature."""
    mean, variance = _array(layer.running_mean), _array(layer.running_var)
    scale = _array(layer.weight) / np.sqrt(variance + layer.eps)
    scaled = graph.add("Mul", rows, graph.constant(scale))
    return graph.add("Add", scaled, graph.constant(_array(layer.bias) - mean * scale))


def _readout(graph: Graph, readout: nn.Module, mean: str, motors: int) -> tuple[str, int]:
    """(motors, batch) -> `logits` (batch, outputs), and how many outputs."""
    if isinstance(readout, nn.Linear):
        return _linear(graph, readout, mean, transA=1, output="logits"), readout.out_features
    return graph.add("Transpose", mean, perm=[1, 0], output="logits"), motors


def _recurrence(graph: Graph, name: str, cell: Any, drive: str) -> str:
    """One LTC layer, from zero potentials: (D, inputs, batch) -> (D, motors, batch)."""
    parameters = {key: _array(value) for key, value in cell.named_parameters()}
    parameters |= {key: _array(cell.make_positive_fn(getattr(cell, key))) for key in POSITIVE}
    batch = graph.add("Shape", drive, start=2, end=3)
    size = graph.add("Concat", graph.integers(cell.state_size), batch, axis=0)
    rest = graph.add("ConstantOfShape", size)
    motors = f"{name}.motors"
    body = _step(Graph(name), cell, parameters)
    graph.nodes.append(
        helper.make_node(
            "Scan", [rest, drive], [f"{name}.last", motors], name, body=body, num_scan_inputs=1
        )
    )
    return _affine(graph, motors, parameters, "output")


def _step(body: Graph, cell: Any, parameters: dict[str, Array]) -> GraphProto:
    """One slice: potentials (units, batch), drive (inputs, batch) -> potentials, motors."""
    before, drive = f"{body.name}.before", f"{body.name}.drive"
    c = parameters["cm"] * cell._ode_unfolds
    g = parameters["gleak"]
    leak = np.stack([g * parameters["vleak"], c + g + cell._epsilon], axis=1)
    sensory = _Synapses(body, parameters, "sensory_")
    recurrent = _Synapses(body, parameters, "")
    steady = body.add(
        "Add",
        sensory.reach(body, _affine(body, drive, parameters, "input")),
        body.constant(leak[:, :, None]),
    )
    capacity, top, bottom = body.constant(c[:, None]), body.scalar(0), body.scalar(1)
    potential = before
    for _ in range(cell._ode_unfolds):
        total = body.add("Add", steady, recurrent.reach(body, potential))
        inertia = body.add("Mul", capacity, potential)
        numerator = body.add("Add", inertia, body.add("Gather", total, top, axis=1))
        potential = body.add("Div", numerator, body.add("Gather", total, bottom, axis=1))
    motors = body.add("Gather", potential, body.integers(*range(cell.motor_size)), axis=0)
    units, inputs = (cell.state_size, "batch"), (cell.sensory_size, "batch")
    return body.finish(
        [tensor(before, *units), tensor(drive, *inputs)],
        [tensor(potential, *units), tensor(motors, cell.motor_size, "batch")],
    )


class _Synapses:
    """The live ones, as tables: a row for each neuron that is reached; spare places weigh nothing.

    One neuron that nothing reaches, if there is any, is in the tables to stand for all of these.
    """

    def __init__(self, body: Graph, parameters: dict[str, Array], kind: str) -> None:
        mask = parameters[f"{kind}sparsity_mask"] > 0
        reached, silent = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(~mask.any(axis=0))
        rows = np.concatenate([reached, silent[:1]])
        row_of_neuron = np.full(mask.shape[1], len(reached))
        row_of_neuron[reached] = np.arange(len(reached))
        live_first = np.argsort(~mask, axis=0, kind="stable")[: max(1, mask.sum(axis=0).max())]
        synapses = (live_first[:, rows].T, rows[:, None])
        mu, sigma, w, erev = (
            parameters[kind + key][synapses] for key in ("mu", "sigma", "w", "erev")
        )
        w = w * mask[synapses]
        self.sources = body.constant(synapses[0].astype(np.int32))
        self.mu, self.sigma = body.constant(mu[:, :, None]), body.constant(sigma[:, :, None])
        self.weights = body.constant(np.stack([w * erev, w], axis=1))
        self.row_of_neuron = body.constant(row_of_neuron)

    def reach(self, body: Graph, potential: str) -> str:
        """(sources, batch) -> (neurons, 2, batch): sums over synapses of w s E, and of w s."""
        read = body.add("Gather", potential, self.sources, axis=0)
        distance = body.add("Sub", read, self.mu)
        opening = body.add("Sigmoid", body.add("Mul", distance, self.sigma))
        sums = body.add("MatMul", self.weights, opening)
        return body.add("Gather", sums, self.row_of_neuron, axis=0)


def _affine(graph: Graph, rows: str, parameters: dict[str, Array], side: str) -> str:
    scaled = graph.add("Mul", rows, graph.constant(parameters[f"{side}_w"][:, None]))
    return graph.add("Add", scaled, graph.constant(parameters[f"{side}_b"][:, None]))


def _array(value: Any) -> Array:
    array: Array = value.detach().cpu().double().numpy()
    return array
