"""What a parsed suite must obey beyond its types: known names and arguments, and ranges."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from harness import builders, shelf, strict
from harness.errors import HarnessError
from harness.suite import Dataset, Gate, Latency, Model, Policy, Suite, Train

LARGEST_SEED = 2**32 - 1
MONITORS = ("val_loss", "val_accuracy", "val_roc_auc")
LATENCY_METRICS = (
    *("latency_p50", "latency_p90", "latency_p95", "latency_p99"),
    *("latency_cold", "latency_load", "throughput"),
)
SIZE_METRICS = (
    *("parameters_trainable", "parameters_total", "parameters_effective", "size_bytes"),
    *("parity_max_abs", "parity_flips", "majority_rate"),
)
HINTS: Mapping[str, Any] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "Sequence[int]": tuple[int, ...],
    "Sequence[float]": tuple[float, ...],
    "Sequence[Sequence[int]]": tuple[tuple[int, ...], ...],
}
"""Annotations of shelf functions whose values are checked before anything is imported."""


def check(suite: Suite, place: str) -> None:
    """Raise HarnessError for the first rule that `suite` breaks; `place` names its file."""
    title = suite.title
    _demand(len(title.strip().splitlines()) == 1, f"{place}: title", "be a line of text", title)
    _train(suite.train, f"{place}: train")
    for kind, entries in (("datasets", suite.datasets), ("models", suite.models)):
        _demand(len(entries) > 0, f"{place}: {kind}", "name at least one", "none")
        for name, entry in entries.items():
            check_name(name, f"{place}: {kind}")
            _train(entry.train, f"{place}: {kind}.{name}.train")
    for name, dataset in suite.datasets.items():
        _dataset(dataset, f"{place}: datasets.{name}")
    for name, model in suite.models.items():
        _model(model, f"{place}: models.{name}")
    _metrics(suite, place)
    _latency(suite.latency, f"{place}: latency")
    _policy(suite.policy, f"{place}: policy")
    _once([gate.name for gate in suite.gates], f"{place}: gates")
    for index, gate in enumerate(suite.gates):
        _gate(gate, suite, f"{place}: gates[{index}]")


def check_name(name: str, place: str) -> None:
    """Raise HarnessError unless `name` can be a folder everywhere, and no `+` sets it apart."""
    holds = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) is not None
    must = "be ASCII letters, digits, '.', '_' and '-', a letter or digit first"
    _demand(holds, f"{place}: a name", must, name)


def _demand(holds: bool, what: str, must: str, got: Any) -> None:
    if not holds:
        shown = list(got) if isinstance(got, tuple) else got
        raise HarnessError(f"{what} must {must}, got {shown!r}")


def _once(listed: Sequence[Any], what: str) -> None:
    _demand(len(set(listed)) == len(listed), what, "be each named once", listed)


def _arguments(kind: str, name: str, function: str, args: Mapping[str, Any], place: str) -> None:
    _fitting(shelf.arguments(kind, name, function), args, place)


def _fitting(known: Mapping[str, shelf.Argument], args: Mapping[str, Any], place: str) -> None:
    """Known, of the type that the function's annotation names, and none of the required missing."""
    for argument, value in args.items():
        if argument not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise HarnessError(f"{place}: unknown argument {argument!r}; known: {listed}")
        hint = HINTS.get(known[argument].hint)
        if hint is not None:
            strict.convert(hint, value, f"{place}.{argument}")
    for argument, described in known.items():
        if described.required and argument not in args:
            raise HarnessError(f"{place} must have {argument!r}, got {sorted(args)}")


def _dataset(dataset: Dataset, place: str) -> None:
    shelf.require("datasets", dataset.load, f"{place}.load")
    _arguments("datasets", dataset.load, "load", dataset.args, f"{place}.args")
    for column, edges in dataset.groups.items():
        rising = len(edges) >= 2 and all(a < b for a, b in pairwise(edges))
        _demand(rising, f"{place}.groups.{column}", "be two or more rising band edges", edges)


def _model(model: Model, place: str) -> None:
    one = (model.build is None) != (model.onnx is None)
    _demand(one, place, "have either build or onnx", {"build": model.build, "onnx": model.onnx})
    files = {"onnx": model.onnx, "weights": model.weights}
    for key, file in {**files, "args.weights": model.args.get("weights")}.items():
        named = file is None or (isinstance(file, str) and file != "")
        _demand(named, f"{place}.{key}", "name a file", file)
    if model.build is not None:
        _demand(model.link is None, f"{place}.link", "go with onnx, not with build", model.link)
        taken = builders.arguments(model.build, f"{place}.build")
        if taken is not None:
            _fitting(taken, model.args, f"{place}.args")
        return
    for key in ("weights", "args", "train"):
        value = getattr(model, key)
        _demand(not value, f"{place}.{key}", "go with build, not with onnx", value)


def _metrics(suite: Suite, place: str) -> None:
    names = [metric.name for metric in suite.metrics]
    _demand(len(names) > 0, f"{place}: metrics", "name at least one", names)
    _once(names, f"{place}: metrics")
    for metric in suite.metrics:
        shelf.require("metrics", metric.name, f"{place}: metrics")
        where = f"{place}: metrics.{metric.name}"
        _arguments("metrics", metric.name, "measure", metric.args, where)
        tasks = shelf.constant("metrics", metric.name, "TASKS")
        _demand(suite.task in tasks, where, f"be of task {', '.join(tasks)}", suite.task)


def _latency(latency: Latency, place: str) -> None:
    _once(latency.backends, f"{place}.backends")
    for name in latency.backends:
        shelf.require("backends", name, f"{place}.backends")
        _demand(name != "fake", f"{place}.backends", "be real", name)
    for key, values in (("batch_sizes", latency.batch_sizes), ("threads", latency.threads)):
        _once(values, f"{place}.{key}")
        _demand(min(values, default=0) >= 1, f"{place}.{key}", "be 1 or more", values)
    _demand(latency.seconds >= 0, f"{place}.seconds", "be 0 or more", latency.seconds)
    _demand(latency.samples >= 11, f"{place}.samples", "be 11 or more", latency.samples)


def _train(table: Mapping[str, Any], place: str) -> None:
    """Each table on its own: what is sound in all of them is so in their shallow merge."""
    train = strict.build(Train, table, place)
    bounds: dict[str, Callable[[Any], bool]] = {
        "lr": lambda value: value > 0,
        "weight_decay": lambda value: value >= 0,
        "batch_size": lambda value: value >= 1,
        "epochs": lambda value: value >= 1,
        "seeds": lambda value: len(value) == len(set(value)) > 0 and _all_seeds(value),
    }
    seeds = f"different numbers from 0 to {LARGEST_SEED}"
    words = {"lr": "above 0", "weight_decay": "0 or more", "seeds": seeds}
    for key, holds in bounds.items():
        value = getattr(train, key)
        _demand(holds(value), f"{place}.{key}", f"be {words.get(key, '1 or more')}", value)
    stop = train.stop
    known = f"be one of {', '.join(MONITORS)}"
    _demand(stop.monitor in MONITORS, f"{place}.stop.monitor", known, stop.monitor)
    patient = stop.patience is None or stop.patience >= 1
    _demand(patient, f"{place}.stop.patience", "be 1 or more", stop.patience)
    _demand(stop.min_delta >= 0, f"{place}.stop.min_delta", "be 0 or more", stop.min_delta)


def _all_seeds(values: Sequence[int]) -> bool:
    return all(0 <= value <= LARGEST_SEED for value in values)


def _policy(policy: Policy, place: str) -> None:
    inside = 0 < policy.threshold < 1
    _demand(inside, f"{place}.threshold", "be between 0 and 1", policy.threshold)
    level = policy.interval.level
    _demand(0.5 <= level < 1, f"{place}.interval.level", "be in [0.5, 1)", level)
    fewest = policy.groups_min_n
    _demand(fewest >= 1, f"{place}.groups_min_n", "be 1 or more", fewest)


def _gate(gate: Gate, suite: Suite, place: str) -> None:
    quality = [metric.name for metric in suite.metrics]
    known = [*quality, *LATENCY_METRICS, *SIZE_METRICS]
    if gate.metric not in known:
        raise HarnessError(f"{place}: unknown metric {gate.metric!r}; known: {', '.join(known)}")
    one = (gate.margin is None) != (gate.ratio is None)
    _demand(one, place, "have either margin or ratio", {"margin": gate.margin, "ratio": gate.ratio})
    if gate.metric in quality:
        _demand(gate.margin is not None, place, "have a margin", f"ratio of {gate.metric}")
        for key in gate.where:
            cohort = key == "class" or key.startswith("group.")
            _demand(cohort, f"{place}.where", "name class or group.NAME", key)
    for key, value, least in (("margin", gate.margin, 0), ("ratio", gate.ratio, 1)):
        _demand(value is None or value >= least, f"{place}.{key}", f"be {least} or more", value)
