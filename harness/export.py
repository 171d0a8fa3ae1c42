"""A trained module or a finished ONNX file as the one file that ships, link and metadata in it."""

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from harness.errors import HarnessError
from harness.record import Measurement
from harness.store import write

OPSET = 20
LINKS: dict[str, tuple[str, dict[str, Any]]] = {
    "sigmoid": ("Sigmoid", {}),
    "softmax": ("Softmax", {"axis": 1}),
}
PREFIX = "harness."


def export(
    model: onnx.ModelProto,
    *,
    shape: Sequence[int],
    outputs: int,
    link: str,
    metadata: Mapping[str, Any],
    path: Path,
) -> list[Measurement]:
    """Append the link to a file of logits, write metadata, check the whole, and write it to `path`.

    The written file maps `image` float32 (batch, *shape) to `probability` (batch, outputs).
    Returns its `size_bytes`. Raises HarnessError where inputs or outputs are not those asked for.
    """
    _append_link(model, link)
    _check_shape(model.graph.input, ["batch", *shape], "input", path)
    _check_shape(model.graph.output, ["batch", outputs], "output", path)
    for key, value in {**metadata, "link": link}.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = PREFIX + key, json.dumps(value)
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    write(path, data)
    return [Measurement(metric="size_bytes", value=float(len(data)), unit="bytes", better="lower")]


def from_torch(module: Any, builder: Any, shape: Sequence[int]) -> onnx.ModelProto:
    """A module in eval mode as ONNX logits: by its builder's `to_onnx`, else by torch's exporter.

    `builder` is the file of models/ it came from. The batch axis is dynamic, all others fixed.
    """
    module.eval().cpu()
    if hasattr(builder, "to_onnx"):
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
    return model


def outside(path: Path, link: str | None) -> tuple[onnx.ModelProto, str]:
    """A finished ONNX file and its link: the file's own, once it was written by `export`."""
    try:
        model = onnx.load(str(path), load_external_data=True)
    except Exception as error:  # protobuf raises its own undocumented types
        raise HarnessError(f"{path} must be an ONNX file, got: {error}") from None
    known = metadata(model)
    if "link" in known:
        del model.metadata_props[:]
        return model, "identity"
    if link is None:
        raise HarnessError(
            f"{path} must say its link in its metadata, got none; set link in the suite to "
            "sigmoid, softmax or identity (where the file gives probabilities)"
        )
    return model, link


def metadata(model: onnx.ModelProto) -> dict[str, Any]:
    """What `export` wrote into a file, without the prefix."""
    return {
        entry.key.removeprefix(PREFIX): json.loads(entry.value)
        for entry in model.metadata_props
        if entry.key.startswith(PREFIX)
    }


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
    count = sum(_product(tensor.dims) for tensor in tensors)
    name = "parameters_total"
    return [Measurement(metric=name, value=float(count), unit="parameters", better="lower")]


def outputs(model: onnx.ModelProto) -> int:
    """The columns of the first output of a file."""
    dims = model.graph.output[0].type.tensor_type.shape.dim
    return dims[-1].dim_value if dims else 0


def _product(sizes: Sequence[int]) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total


def _append_link(model: onnx.ModelProto, link: str) -> None:
    if link == "identity":
        return
    operator, attributes = LINKS[link]
    output = model.graph.output[0]
    node = helper.make_node(operator, [output.name], ["probability"], name="link", **attributes)
    model.graph.node.append(node)
    output.name = "probability"


def _check_shape(
    values: Sequence[onnx.ValueInfoProto], asked: Sequence[int | str], what: str, path: Path
) -> None:
    """One tensor, of the sizes asked for, the batch (a name) dynamic."""
    if len(values) != 1:
        raise HarnessError(f"{path} must have one {what}, got {len(values)}")
    dims = values[0].type.tensor_type.shape.dim
    got = [dim.dim_param or dim.dim_value for dim in dims]
    fits = len(got) == len(asked) and all(
        isinstance(have, str) if isinstance(want, str) else have == want
        for have, want in zip(got, asked, strict=True)
    )
    if not fits:
        raise HarnessError(f"the {what} of {path} must be {list(asked)}, got {got}")
