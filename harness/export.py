"""A trained module or a finished ONNX file as the one file that ships, link and metadata in it."""

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, external_data_helper, helper

from harness.disk import write
from harness.errors import HarnessError
from harness.record import Measurement

OPSET = 20
LINKS: dict[str, tuple[str, dict[str, Any]]] = {
    "sigmoid": ("Sigmoid", {}),
    "softmax": ("Softmax", {"axis": 1}),
}
PREFIX = "harness."
CALIBRATION = "calibration"
"""Under this, what the file says of its calibration."""


def export(
    model: onnx.ModelProto,
    *,
    shape: Sequence[int],
    answer: Sequence[int],
    metadata: Mapping[str, Any],
    path: Path,
) -> list[Measurement]:
    """Write a file of probabilities to `path`, with metadata, once it is checked.

    It maps float32 (batch, *shape) to (batch, *answer), and says nothing of the machine that made
    it. Returns its `size_bytes`. Raises HarnessError where its input or output is another.
    """
    check(model, shape, answer)
    for key, value in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = PREFIX + key, json.dumps(value)
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        first_line = str(error).strip().partition("\n")[0]
        raise HarnessError(f"the ONNX file must be valid, got: {first_line}") from None
    data = model.SerializeToString()
    write(path, data)
    return [Measurement(metric="size_bytes", value=float(len(data)), unit="bytes", better="lower")]


def check(model: onnx.ModelProto, shape: Sequence[int], answer: Sequence[int]) -> None:
    """Raises HarnessError unless it maps float32 (batch, *shape) to (batch, *answer)."""
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in stored]
    _check_tensor(inputs, ["batch", *shape], "input")
    _check_tensor(model.graph.output, ["batch", *answer], "output")


def from_torch(module: Any, builder: Any, shape: Sequence[int]) -> onnx.ModelProto:
    """A module in eval mode as ONNX logits: by its builder's `to_onnx`, else by torch's exporter.

    `builder` is the file of models/ it came from. The batch axis is dynamic, all others fixed.
    """
    module.eval().cpu()
    if getattr(builder, "to_onnx", None) is not None:
        model: onnx.ModelProto = builder.to_onnx(module, tuple(shape))
        return model
    return _by_torch(module, shape)


def _by_torch(module: Any, shape: Sequence[int]) -> onnx.ModelProto:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own internals, on every model
        program = torch.onnx.export(
            module,
            (torch.zeros(2, *shape),),
            input_names=["image"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise HarnessError("the module must export to ONNX, got nothing from torch's exporter")
    model: onnx.ModelProto = program.model_proto
    _forget_sources(model.graph)
    return model


def _forget_sources(graph: onnx.GraphProto) -> None:
    """Remove torch's notes, which name the Python files and lines that each node came from."""
    values = (*graph.value_info, *graph.input, *graph.output, *graph.initializer)
    for part in (graph, *graph.node, *values):
        del part.metadata_props[:]
        part.doc_string = ""


def linked(model: onnx.ModelProto, link: str) -> onnx.ModelProto:
    """A file of logits with its link appended; `identity` leaves it as it is."""
    if link == "identity":
        return model
    operator, attributes = LINKS[link]
    output = model.graph.output[0]
    taken = {name for node in model.graph.node for name in (*node.input, *node.output)}
    name = f"linked.{output.name}" if "probability" in taken else "probability"
    node = helper.make_node(operator, [output.name], [name], name="link", **attributes)
    model.graph.node.append(node)
    output.name = name
    return model


def outside(
    path: Path, link: str | None, described: Mapping[str, Any]
) -> tuple[onnx.ModelProto, str]:
    """A finished ONNX file as one of probabilities, and the link that makes them.

    A file that `export` wrote says so itself, and has it already; to any other, the suite's `link`
    is appended. Raises HarnessError where the file is not ONNX, has no output, says no link, or
    says of itself what `described`, or the suite's link, contradicts.
    """
    model = _read(path)
    known = metadata(model)
    own = [entry for entry in model.metadata_props if _stays(entry.key)]
    del model.metadata_props[:]
    model.metadata_props.extend(own)
    asked = {**described, "link": link} if link else described
    for key, wanted in asked.items():
        if known.get(key, wanted) != wanted:
            raise HarnessError(f"{path} must be of {key} {wanted}, got {known[key]}")
    if "link" in known:
        return model, str(known["link"])
    if link is None:
        raise HarnessError(
            f"{path} must say its link in its metadata, got none; set link in the suite to "
            "sigmoid, softmax or identity (where the file gives probabilities)"
        )
    if link == "softmax" and outputs(model) == 1:
        raise HarnessError(f"link of {path} must be sigmoid, as it has one output, got softmax")
    return linked(model, link), link


def _stays(key: str) -> bool:
    """Whether an entry of the metadata is not written anew: somebody's own, or of what nodes do."""
    return not key.startswith(PREFIX) or key == PREFIX + CALIBRATION


def _read(path: Path) -> onnx.ModelProto:
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf raises its own undocumented types
        raise HarnessError(f"{path} must be an ONNX file, got: {error}") from None
    if not model.graph.output:
        raise HarnessError(f"{path} must have one output, got none")
    if any(external_data_helper.uses_external_data(tensor) for tensor in model.graph.initializer):
        raise HarnessError(f"{path} must hold its weights itself, got external data; save one file")
    return model


def metadata(model: onnx.ModelProto) -> dict[str, Any]:
    """What `export` wrote into a file, without the prefix."""
    return {
        entry.key.removeprefix(PREFIX): json.loads(entry.value)
        for entry in model.metadata_props
        if entry.key.startswith(PREFIX)
    }


def outputs(model: onnx.ModelProto) -> int:
    """The columns, or channels, of the first output of a file."""
    dims = model.graph.output[0].type.tensor_type.shape.dim
    return dims[1].dim_value if len(dims) > 1 else 0


def _check_tensor(
    values: Sequence[onnx.ValueInfoProto], asked: Sequence[int | str], what: str
) -> None:
    """One tensor of numbers, of the sizes asked for, the batch (a name) dynamic."""
    if len(values) != 1:
        raise HarnessError(f"the ONNX file must have one {what}, got {len(values)}")
    tensor = values[0].type.tensor_type
    if tensor.elem_type != TensorProto.FLOAT:
        kind = TensorProto.DataType.Name(tensor.elem_type).lower()
        raise HarnessError(f"the {what} of the ONNX file must be float32, got {kind}")
    got = [dim.dim_value or dim.dim_param or "unknown" for dim in tensor.shape.dim]
    fits = len(got) == len(asked) and all(
        isinstance(have, str) if isinstance(want, str) else have == want
        for have, want in zip(got, asked, strict=True)
    )
    if not fits:
        raise HarnessError(f"the {what} of the ONNX file must be {list(asked)}, got {got}")
