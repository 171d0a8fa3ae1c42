"""What a parsed suite must obey beyond its types: known names and arguments, and ranges."""

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from harness import shelf
from harness.errors import HarnessError
from harness.suite import Dataset, Gate, Model, Suite, Train

MONITORS = ("val_loss", "val_accuracy", "val_roc_auc")
LATENCY_METRICS = (
    *("latency_p50", "latency_p90", "latency_p95", "latency_p99"),
    *("latency_cold", "latency_load", "throughput"),
)
SIZE_METRICS = (
    *("parameters_trainable", "parameters_total", "parameters_effective", "size_bytes"),
    *("parity_max_abs", "parity_flips", "majority_rate"),
)


def check(suite: Suite, place: str) -> None:
    """Raise HarnessError for the first rule that `suite` breaks; `place` names its file."""
    _demand(len(suite.datasets) > 0, f"{place}: datasets", "name at least one", "none")
    _demand(len(suite.models) > 0, f"{place}: models", "name at least one", "none")
    for name, dataset in suite.datasets.items():
        _dataset(dataset, f"{place}: datasets.{_name(name, place)}")
    for name, model in suite.models.items():
        _model(model, f"{place}: models.{_name(name, place)}")
    _metrics(suite, place)
    _backends(suite, place)
    for dataset_name in suite.datasets:
        for model_name, model in suite.models.items():
            if model.onnx is None:
                _train(suite.training(dataset_name, model_name), f"{place}: train")
    _policy(suite, place)
    for index, gate in enumerate(suite.gates):
        _gate(gate, suite, f"{place}: gates[{index}]")


def _demand(holds: bool, what: str, must: str, got: Any) -> None:
    if not holds:
        raise HarnessError(f"{what} must {must}, got {got!r}")


def _name(name: str, place: str) -> str:
    holds = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) is not None
    _demand(holds, f"{place}: a name", "be letters, digits, '.', '_' and '-'", name)
    return name


def _arguments(kind: str, name: str, function: str, args: Mapping[str, Any], place: str) -> None:
    known = shelf.arguments(kind, name, function)
    for argument in args:
        if argument not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise HarnessError(f"{place}: unknown argument {argument!r}; known: {listed}")


def _dataset(dataset: Dataset, place: str) -> None:
    shelf.require("datasets", dataset.load, f"{place}.load")
    _arguments("datasets", dataset.load, "load", dataset.args, f"{place}.args")
    for column, edges in dataset.groups.items():
        rising = len(edges) >= 2 and all(a < b for a, b in pairwise(edges))
        _demand(rising, f"{place}.groups.{column}", "be two or more rising band edges", edges)


def _model(model: Model, place: str) -> None:
    one = (model.build is None) != (model.onnx is None)
    _demand(one, place, "have either build or onnx", {"build": model.build, "onnx": model.onnx})
    _demand(model.weights is None or model.build is not None, place, "have build", "weights alone")
    _demand(model.link is None or model.onnx is not None, place, "have onnx", "link alone")
    if model.build is not None:
        shelf.require("models", model.build, f"{place}.build")
        _arguments("models", model.build, "build", model.args, f"{place}.args")


def _metrics(suite: Suite, place: str) -> None:
    names = [metric.name for metric in suite.metrics]
    _demand(len(set(names)) == len(names), f"{place}: metrics", "name each once", names)
    for metric in suite.metrics:
        shelf.require("metrics", metric.name, f"{place}: metrics")
        where = f"{place}: metrics.{metric.name}"
        _arguments("metrics", metric.name, "measure", metric.args, where)
        tasks = shelf.constant("metrics", metric.name, "TASKS")
        _demand(suite.task in tasks, where, f"be of task {', '.join(tasks)}", suite.task)


def _backends(suite: Suite, place: str) -> None:
    latency = suite.latency
    for name in latency.backends:
        shelf.require("backends", name, f"{place}: latency.backends")
        _demand(name != "fake", f"{place}: latency.backends", "be real", name)
    for key, values in (("batch_sizes", latency.batch_sizes), ("threads", latency.threads)):
        _demand(min(values, default=0) >= 1, f"{place}: latency.{key}", "be 1 or more", values)
    _demand(latency.seconds >= 0, f"{place}: latency.seconds", "be 0 or more", latency.seconds)
    _demand(latency.samples >= 11, f"{place}: latency.samples", "be 11 or more", latency.samples)


def _train(train: Train, place: str) -> None:
    bounds: dict[str, Callable[[Any], bool]] = {
        "lr": lambda value: value > 0,
        "weight_decay": lambda value: value >= 0,
        "batch_size": lambda value: value >= 1,
        "epochs": lambda value: value >= 1,
        "seeds": lambda value: len(value) == len(set(value)) > 0 and min(value) >= 0,
    }
    words = {"lr": "above 0", "weight_decay": "0 or more", "seeds": "different numbers from 0 up"}
    for key, holds in bounds.items():
        value = getattr(train, key)
        _demand(holds(value), f"{place}.{key}", f"be {words.get(key, '1 or more')}", value)
    stop = train.stop
    known = f"be one of {', '.join(MONITORS)}"
    _demand(stop.monitor in MONITORS, f"{place}.stop.monitor", known, stop.monitor)
    patient = stop.patience is None or stop.patience >= 1
    _demand(patient, f"{place}.stop.patience", "be 1 or more", stop.patience)
    _demand(stop.min_delta >= 0, f"{place}.stop.min_delta", "be 0 or more", stop.min_delta)


def _policy(suite: Suite, place: str) -> None:
    policy = suite.policy
    inside = 0 < policy.threshold < 1
    _demand(inside, f"{place}: policy.threshold", "be between 0 and 1", policy.threshold)
    level = policy.interval.level
    _demand(0.5 <= level < 1, f"{place}: policy.interval.level", "be in [0.5, 1)", level)
    fewest = policy.groups_min_n
    _demand(fewest >= 1, f"{place}: policy.groups_min_n", "be 1 or more", fewest)


def _gate(gate: Gate, suite: Suite, place: str) -> None:
    quality = [metric.name for metric in suite.metrics]
    known = [*quality, *LATENCY_METRICS, *SIZE_METRICS]
    if gate.metric not in known:
        raise HarnessError(f"{place}: unknown metric {gate.metric!r}; known: {', '.join(known)}")
    one = (gate.margin is None) != (gate.ratio is None)
    _demand(one, place, "have either margin or ratio", {"margin": gate.margin, "ratio": gate.ratio})
    if gate.metric in quality:
        _demand(gate.margin is not None, place, "have a margin", f"ratio of {gate.metric}")
    _demand((gate.margin or 0) >= 0, f"{place}.margin", "be 0 or more", gate.margin)
    _demand((gate.ratio or 1) >= 1, f"{place}.ratio", "be 1 or more", gate.ratio)
