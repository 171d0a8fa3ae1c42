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
from harness.models import _onnx_layers as layers
from harness.models._onnx_graph import Array, Graph, tensor
from harness.models.liquid import Liquid

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
    return layers.model(graph, shape, logits, outputs)


def _features(graph: Graph, module: Liquid) -> str:
    """(batch, C, D, H, W) -> (D, features, batch), through the trunk and the stages per slice."""
    first = cast(Any, module.layers[0])
    rows = layers.features(graph, module.trunk, module.stages)
    size = graph.integers(-1, module.trunk.depth, first.sensory_size)
    return graph.add("Transpose", graph.add("Reshape", rows, size), perm=[1, 2, 0])


def _readout(graph: Graph, readout: nn.Module, mean: str, motors: int) -> tuple[str, int]:
    """(motors, batch) -> `logits` (batch, outputs), and how many outputs."""
    if isinstance(readout, nn.Linear):
        logits = layers.linear(graph, readout, mean, transA=1, output="logits")
        return logits, readout.out_features
    return graph.add("Transpose", mean, perm=[1, 0], output="logits"), motors


def _recurrence(graph: Graph, name: str, cell: Any, drive: str) -> str:
    """One LTC layer, from zero potentials: (D, inputs, batch) -> (D, motors, batch)."""
    parameters = {key: layers.array(value) for key, value in cell.named_parameters()}
    parameters |= {key: layers.array(cell.make_positive_fn(getattr(cell, key))) for key in POSITIVE}
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
