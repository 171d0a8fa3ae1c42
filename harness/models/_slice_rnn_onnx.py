"""ONNX of an LSTM or RNN over slices, by hand: each layer is one node, whatever the depth.

ONNX's gates come as input, output, forget and cell, torch's as input, forget, cell and output.
"""

from typing import Any, cast

import numpy as np
from onnx import ModelProto
from torch import nn

from harness.errors import HarnessError
from harness.models import _onnx_layers as layers
from harness.models._onnx_graph import Array, Graph
from harness.models.slice_rnn import SliceRNN

GATES = {"LSTM": [0, 3, 1, 2], "RNN_TANH": [0]}


def export(module: nn.Module, shape: tuple[int, ...]) -> ModelProto:
    """`image` float32 [batch, *shape] -> `logits` float32 [batch, outputs].

    The mean over slices is taken before the linear layer of a readout, which gives the same.
    Raises HarnessError if the module is not of `models.slice_rnn`.
    """
    if not isinstance(module, SliceRNN):
        raise HarnessError(f"module must be built by models.slice_rnn, got {type(module).__name__}")
    graph = Graph("slice_rnn")
    rows = layers.features(graph, module.trunk)
    size = graph.integers(-1, module.trunk.depth, module.trunk.features)
    sequence = graph.add("Transpose", graph.add("Reshape", rows, size), perm=[1, 0, 2])
    recurrent: list[Any] = list(module.recurrent)
    for cells in recurrent:
        for layer in range(cells.num_layers):
            sequence = _recurrence(graph, cells, layer, sequence)
    over = graph.integers(0)
    if not isinstance(module.readout, nn.Sequential):
        logits = graph.add("ReduceMean", sequence, over, keepdims=0, output="logits")
        return layers.model(graph, shape, logits, recurrent[-1].hidden_size)
    last = cast(nn.Linear, module.readout[-1])
    mean = graph.add("ReduceMean", graph.add("Relu", sequence), over, keepdims=0)
    logits = layers.linear(graph, last, mean, output="logits")
    return layers.model(graph, shape, logits, last.out_features)


def _recurrence(graph: Graph, cells: Any, layer: int, drive: str) -> str:
    """One layer, from a state of zeros: (D, batch, inputs) -> (D, batch, units)."""
    weights = [_gates(cells, f"{kind}_l{layer}") for kind in ("weight_ih", "weight_hh")]
    biases = [_gates(cells, f"{kind}_l{layer}") for kind in ("bias_ih", "bias_hh")]
    given = [graph.constant(each) for each in (*weights, np.concatenate(biases, axis=1))]
    operator = cells.mode.partition("_")[0]
    states = graph.add(operator, drive, *given, hidden_size=cells.hidden_size)
    return graph.add("Squeeze", states, graph.integers(1))


def _gates(cells: Any, name: str) -> Array:
    """One direction's rows of a parameter, (1, gates * units, ...), in ONNX's order of gates."""
    parts = np.split(layers.array(getattr(cells, name)), len(GATES[cells.mode]))
    rows: Array = np.concatenate([parts[gate] for gate in GATES[cells.mode]])
    return rows[None]
