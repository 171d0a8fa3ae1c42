"""Calibration in an ONNX file: nodes in place of its link, and the file as it was without them."""

import numpy as np
import onnx
from onnx import TensorProto

from harness.calibrate import Array, Calibration, Link
from harness.errors import HarnessError
from harness.models._onnx_graph import Graph

LEAST = float(np.finfo(np.float32).tiny)
MOST = float(np.nextafter(np.float32(1), np.float32(0)))
"""Between these probabilities are clipped where only their logarithms tell of logits."""
OLDEST = 9
OPERATORS: dict[Link, str] = {"sigmoid": "Sigmoid", "softmax": "Softmax"}


def logits_of(model: onnx.ModelProto, link: Link) -> str | None:
    """The tensor of which the output is the sigmoid, or the softmax over classes; None if none."""
    made = {name: node for node in model.graph.node for name in node.output}
    node = made.get(model.graph.output[0].name)
    if node is None or node.op_type != OPERATORS[link]:
        return None
    axis = next((each.i for each in node.attribute if each.name == "axis"), -1)
    return node.input[0] if link == "sigmoid" or axis in (1, -1) else None


def telling(model: onnx.ModelProto, tensor: str) -> onnx.ModelProto:
    """A copy whose output is `tensor`, float32 of the output's shape."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    [*_, output] = shown.graph.output
    output.name = tensor
    del shown.graph.output[:-1]
    return shown


def before(model: onnx.ModelProto, known: Calibration) -> onnx.ModelProto:
    """A copy of a calibrated file that gives the probabilities it gave before."""
    if not known.changes or known.of == "probabilities":
        return telling(model, known.tensor) if known.changes else model
    plain = telling(model, known.tensor)
    graph = Graph(_unused(model, "uncalibrated"))
    name = _linked(graph, known.link, known.tensor)
    plain.graph.node.extend(graph.nodes)
    plain.graph.output[0].name = name
    return plain


def write(model: onnx.ModelProto, known: Calibration) -> None:
    """Put what `known` says behind its tensor, and make that the output of the file.

    A link that nothing else reads goes, so that the output keeps its name. Every operator is one
    of opset 9, or the same since. Raises HarnessError for a file of an earlier one.
    """
    if not known.changes:
        return
    if (opset := _opset(model)) < OLDEST:
        must = f"be of opset {OLDEST} or later to be calibrated"
        raise HarnessError(f"the ONNX file must {must}, got {opset}; convert it, or calibrate none")
    model.ir_version = max(model.ir_version, 4)  # before, each constant had to be an input
    output = model.graph.output[0]
    _drop_link(model, known)
    made = {name for node in model.graph.node for name in node.output}
    graph = Graph(_unused(model, "calibration"))
    z = known.tensor if known.of == "logits" else _logarithms(graph, known)
    if known.offset:
        z = graph.add("Add", z, graph.constant(np.array([known.offset])))
    outputs = output.type.tensor_type.shape.dim[1].dim_value
    name = f"{graph.name}.{output.name}" if output.name in made else output.name
    _finish(graph, known, z, outputs, name, opset)
    model.graph.node.extend(graph.nodes)
    model.graph.initializer.extend(graph.constants)
    output.name = name


def _finish(graph: Graph, known: Calibration, z: str, outputs: int, name: str, opset: int) -> None:
    """Logits to the calibrated probabilities, which are called `name`."""
    if known.method in ("none", "temperature"):
        if known.temperature is not None:
            z = graph.add("Div", z, graph.constant(np.array(known.temperature)))
        _linked(graph, known.link, z, name)
        return
    u = _columns(graph, known.link, z, outputs, opset)
    apart = known.link == "sigmoid"
    if known.method == "platt":
        u = graph.add("Mul", u, graph.constant(np.array([known.slope])))
        u = graph.add("Add", u, graph.constant(np.array([known.intercept])))
        if not apart and outputs == 2:
            both = graph.add("MatMul", u, graph.constant(np.array([[0.0, 1.0]])))
            _linked(graph, "softmax", both, name)
            return
        q = graph.add("Sigmoid", u, output=name if apart else "")
    else:
        q = _steps(graph, known, u, output=name if apart else "")
    if not apart:
        _shared(graph, q, outputs, name)


def _columns(graph: Graph, link: Link, z: str, outputs: int, opset: int) -> str:
    """As `calibrate.columns`."""
    if link == "sigmoid":
        return z
    if outputs == 2:
        return graph.add("MatMul", z, graph.constant(np.array([[-1.0], [1.0]])))
    row = graph.add("Reshape", z, graph.integers(-1, 1, outputs))
    others = graph.add("Add", row, graph.constant(np.eye(outputs)[None] * -1e30))
    if opset < 18:
        most = graph.add("ReduceMax", others, axes=[2], keepdims=1)
    else:
        most = graph.add("ReduceMax", others, graph.integers(2), keepdims=1)
    shares = graph.add("Exp", graph.add("Sub", others, most))
    total = graph.add("MatMul", shares, graph.constant(np.ones((outputs, 1))))
    rest = graph.add("Add", graph.add("Log", total), most)
    return graph.add("Sub", z, graph.add("Reshape", rest, graph.integers(-1, outputs)))


def _steps(graph: Graph, known: Calibration, u: str, output: str) -> str:
    """The piecewise linear function of each column: its knot is found, and the way from there."""
    x, y, slope = (each.astype(np.float32) for each in known.steps)
    columns, knots = x.shape
    u = graph.add("Max", u, graph.constant(x[:, 0][None]))
    u = graph.add("Min", u, graph.constant(x[:, -1][None]))
    cell = graph.add("Reshape", u, graph.integers(-1, columns, 1))
    below = graph.add("Cast", graph.add("Less", cell, graph.constant(x)), to=TensorProto.FLOAT)
    ahead = graph.add("MatMul", below, graph.constant(np.ones((knots, 1))))
    ahead = graph.add("Reshape", ahead, graph.integers(-1, columns))
    last = (np.arange(1.0, columns + 1) * knots - 1)[None]
    at = graph.add("Cast", graph.add("Sub", graph.constant(last), ahead), to=TensorProto.INT64)
    from_x, from_y, steep = (
        graph.add("Gather", graph.constant(each.reshape(-1)), at, axis=0) for each in (x, y, slope)
    )
    rise = graph.add("Mul", graph.add("Sub", u, from_x), steep)
    risen = graph.add("Max", graph.add("Add", from_y, rise), graph.constant(np.array(0.0)))
    return graph.add("Min", risen, graph.constant(np.array(1.0)), output=output)


def _shared(graph: Graph, q: str, outputs: int, name: str) -> None:
    """Probabilities of each class against the rest to those of one class: they sum to 1.

    Of two classes the second is known; of more each is divided by their sum, and all are alike
    where that is 0.
    """
    if outputs == 2:
        other = graph.add("Sub", graph.constant(np.array(1.0)), q)
        graph.add("Concat", other, q, output=name, axis=1)
        return
    total = graph.add("MatMul", q, graph.constant(np.ones((outputs, 1))))
    least = graph.constant(np.array(LEAST))
    share = graph.add("Div", q, graph.add("Max", total, least))
    alike = graph.constant(np.full((1, outputs), 1 / outputs))
    graph.add("Where", graph.add("Less", total, least), alike, share, output=name)


def _logarithms(graph: Graph, known: Calibration) -> str:
    """Probabilities to logits: log p of classes, log p - log(1 - p) of a sigmoid."""
    p = graph.add("Max", known.tensor, graph.constant(np.array(LEAST)))
    if known.link == "softmax":
        return graph.add("Log", p)
    p = graph.add("Min", p, graph.constant(np.array(MOST)))
    other = graph.add("Sub", graph.constant(np.array(1.0)), p)
    return graph.add("Sub", graph.add("Log", p), graph.add("Log", other))


def _drop_link(model: onnx.ModelProto, known: Calibration) -> None:
    """Remove the node that makes the output of the logits, unless another node reads it."""
    output = model.graph.output[0].name
    if known.of == "logits" and not any(output in node.input for node in model.graph.node):
        kept = [node for node in model.graph.node if output not in node.output]
        del model.graph.node[:]
        model.graph.node.extend(kept)


def _linked(graph: Graph, link: Link, logits: str, output: str = "") -> str:
    if link == "sigmoid":
        return graph.add("Sigmoid", logits, output=output)
    return graph.add("Softmax", logits, output=output, axis=1)


def _unused(model: onnx.ModelProto, name: str) -> str:
    """A name that no tensor of the file begins with."""
    known = [*(tensor.name for tensor in model.graph.initializer)]
    known += [each for node in model.graph.node for each in (*node.input, *node.output)]
    while any(each.startswith(f"{name}.") for each in known):
        name += "_"
    return name


def _opset(model: onnx.ModelProto) -> int:
    known = [each.version for each in model.opset_import if each.domain in ("", "ai.onnx")]
    return max(known, default=1)


def logits_from(probabilities: Array, link: Link) -> Array:
    """As the file takes the logarithms of what it gives, (n, outputs)."""
    p = np.maximum(probabilities, LEAST)
    if link == "sigmoid":
        p = np.minimum(p, MOST)
    logits: Array = np.log(p) - (np.log1p(-p) if link == "sigmoid" else 0.0)
    return logits
