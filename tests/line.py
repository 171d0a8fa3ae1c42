"""Suites that run in a second, and finished ONNX files, for the tests of the whole line."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.backends import _stopwatch
from harness.record import Record, as_json, read_record
from harness.verbs._scope import ALL, Answer, Scope, open_scope
from harness.verbs.run import run

SHAPE = (1, 12, 12, 12)
DATA: dict[str, Any] = {"dim": 3, "size": 12, "subjects": 60, "difficulty": 0.2}
LTC_ARGS: dict[str, Any] = {"wiring": "autoncp", "layers": [[6, 1]]}
CNN = '[models.cnn]\nbuild = "slice_cnn"\nargs = { hidden = [8] }'
LTC = '[models.ltc]\nbuild = "liquid"\nargs = { wiring = "autoncp", layers = [[6, 1]] }'
SUITE = """
title   = "Small lesions in small volumes"
task    = "classify"
metrics = {metrics}

[datasets.phantom]
load = "phantom"
args = {{ dim = 3, size = 12, subjects = 60, difficulty = 0.2, seed = {seed} }}

{models}

[train]
loss       = "bce"
lr         = {lr}
epochs     = {epochs}
batch_size = 16

[latency]
backends    = {backends}
batch_sizes = {batch_sizes}
seconds     = 0
samples     = 11

[policy]
threshold    = {threshold}
inconclusive = "{inconclusive}"
{gates}
"""
DEFAULTS: dict[str, Any] = {
    "metrics": ["roc_auc", "accuracy", "sensitivity"],
    "seed": 0,
    "models": LTC,
    "lr": 0.01,
    "epochs": 2,
    "backends": ["onnxruntime"],
    "batch_sizes": [1],
    "threshold": 0.5,
    "inconclusive": "pass",
    "gates": '[[gates]]\nmetric = "roc_auc"\nmargin = 0.05',
}


def suite(folder: Path, name: str = "line", **changes: Any) -> str:
    """Write the suite, with `changes` to DEFAULTS, and return its path."""
    assert changes.keys() <= DEFAULTS.keys()
    path = folder / f"{name}.toml"
    path.write_text(SUITE.format(**{**DEFAULTS, **changes}), encoding="utf-8")
    return str(path)


def finished(name: str, file: Path, link: str | None = "sigmoid") -> str:
    """The table of a model that is an ONNX file."""
    said = f'\nlink = "{link}"' if link else ""
    return f'[models.{name}]\nonnx = "{file.as_posix()}"{said}\n'


def scope(path: str, runs: Path, **changes: Any) -> Scope:
    """All Runs of a suite."""
    return open_scope(path, ALL, None, runs, **changes)


def measure(path: str, runs: Path, fresh: bool = False, **changes: Any) -> tuple[Scope, Answer]:
    """Run a suite as the command does."""
    opened = scope(path, runs, **changes)
    return opened, run(opened, fresh=fresh, quiet=True, debug=False)


def record(opened: Scope, index: int = 0) -> Record:
    """Of one Run, from its file."""
    return read_record(opened.folder(opened.runs[index]) / "record.json")


def untimed(record: Record) -> dict[str, Any]:
    """A record but for what the clock says, what depends on it, and commits made meanwhile."""
    found = as_json(record)
    found["environment"] = {**found["environment"], "commit": None, "dirty": None}
    rows = found["measurements"]
    found["measurements"] = [row for row in rows if "backend" not in row["where"]]
    found["warnings"] = [w for w in found["warnings"] if "latency" not in w["code"]]
    found["artifacts"].pop("history", None)
    del found["seconds"]
    return found


def onnx_file(
    path: Path,
    *,
    scale: float = 20.0,
    shift: float = -8.2,
    columns: int = 1,
    shape: tuple[int, ...] = SHAPE,
    outputs: int = 1,
    kind: int = TensorProto.FLOAT,
    domain: str = "",
) -> Path:
    """Logits from the brightest voxel: the column's number, from 1, times scale * it; + shift.

    Additions are of `domain`: of any but the standard one they are beyond everybody.
    """
    constants = {
        "shape": np.array([-1, 1], np.int64),
        "scale": np.float32(scale) * np.arange(1, columns + 1, dtype=np.float32)[None],
        "shift": np.full((1, columns), shift, np.float32),
    }
    everything = list(range(1, len(shape) + 1))
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["float"], ["brightest"], axes=everything, keepdims=0),
        helper.make_node("Reshape", ["brightest", "shape"], ["column"]),
        helper.make_node("Mul", ["column", "scale"], ["scaled"]),
        *(
            helper.make_node("Add", ["scaled", "shift"], [f"logits{k}"], domain=domain)
            for k in range(outputs)
        ),
    ]
    graph = helper.make_graph(
        nodes,
        "brightest",
        [helper.make_tensor_value_info("image", kind, ["n", *shape])],
        [
            helper.make_tensor_value_info(f"logits{k}", TensorProto.FLOAT, ["n", columns])
            for k in range(outputs)
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid(name, 17) for name in {"", domain}]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), str(path))
    return path


@contextlib.contextmanager
def no_warm_up() -> Iterator[None]:
    """What is timed in it is timed at once: there, but not right."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_stopwatch, "WARM_UP_SECONDS", 0.0)
        yield
