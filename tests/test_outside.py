"""A finished ONNX file from elsewhere: whole, and in agreement with the suite and the data."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.errors import HarnessError
from harness.export import outside

DESCRIBED = {"range": [0, 1], "classes": ["no", "yes"], "threshold": 0.5}


def linear(**metadata: Any) -> onnx.ModelProto:
    """One logit of four pixels."""
    weight = numpy_helper.from_array(np.ones((4, 1), np.float32), "weight")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["image", "weight"], ["logit"])],
        "linear",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["batch", 1])],
        [weight],
    )
    model = helper.make_model(graph)
    for key, value in metadata.items():
        model.metadata_props.add(key=f"harness.{key}", value=json.dumps(value))
    return model


def test_weights_in_another_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(linear(), str(path), save_as_external_data=True, location="rest", size_threshold=0)
    with pytest.raises(HarnessError, match="must hold its weights itself, got external data"):
        outside(path, "sigmoid", DESCRIBED)


@pytest.mark.parametrize(
    ("metadata", "link", "sentence"),
    [
        ({"range": [0, 255]}, "sigmoid", r"must be of range \[0, 1\], got \[0, 255\]"),
        ({"threshold": 0.2}, "sigmoid", r"must be of threshold 0\.5, got 0\.2"),
        ({"classes": ["yes", "no"]}, "sigmoid", "must be of classes"),
        ({"link": "sigmoid"}, "softmax", "must be of link softmax, got sigmoid"),
        ({}, None, "must say its link"),
    ],
)
def test_what_the_file_says_is_not_written_over(
    tmp_path: Path, metadata: dict[str, Any], link: str | None, sentence: str
) -> None:
    onnx.save(linear(**metadata), str(tmp_path / "net.onnx"))
    with pytest.raises(HarnessError, match=sentence):
        outside(tmp_path / "net.onnx", link, DESCRIBED)


def test_a_file_that_agrees_is_taken(tmp_path: Path) -> None:
    onnx.save(linear(**DESCRIBED, link="sigmoid"), str(tmp_path / "net.onnx"))
    model, link = outside(tmp_path / "net.onnx", None, DESCRIBED)
    assert link == "sigmoid"
    assert [node.op_type for node in model.graph.node] == ["MatMul"]
    onnx.save(linear(), str(tmp_path / "net.onnx"))
    model, link = outside(tmp_path / "net.onnx", "sigmoid", DESCRIBED)
    assert [node.op_type for node in model.graph.node] == ["MatMul", "Sigmoid"]
