"""What a parsed suite must obey beyond its types: known names and arguments, and ranges."""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from harness import builders, ranges, shelf, strict
from harness.errors import HarnessError
from harness.ranges import demand, once
from harness.record import DIRECTIONS
from harness.suite import Dataset, Gate, Input, Model, Suite

LATENCY_METRICS = (
    *("latency_p50", "latency_p90", "latency_p95", "latency_p99"),
    *("latency_cold", "latency_load", "throughput"),
)
SIZE_METRICS = (
    *("parameters_trainable", "parameters_total", "parameters_effective", "size_bytes"),
    *("parity_max_abs", "parity_flips", "majority_rate", "missed_cases", "false_alarm_cases"),
)
HINTS: Mapping[str, Any] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "Sequence[int]": tuple[int, ...],
    "Sequence[str]": tuple[str, ...],
    "Sequence[float]": tuple[float, ...],
    "Sequence[Sequence[int]]": tuple[tuple[int, ...], ...],
    "Mapping[str, Sequence[str]]": Mapping[str, tuple[str, ...]],
}
"""Annotations of shelf functions whose values are checked before anything is imported."""


def check(suite: Suite, place: str) -> None:
    """Raise HarnessError for the first rule that `suite` breaks; `place` names its file."""
    title = suite.title
    demand(len(title.strip().splitlines()) == 1, f"{place}: title", "be a line of text", title)
    ranges.train(suite.train, f"{place}: train", suite.task)
    for kind, entries in (("datasets", suite.datasets), ("models", suite.models)):
        demand(len(entries) > 0, f"{place}: {kind}", "name at least one", "none")
        for name, entry in entries.items():
            check_name(name, f"{place}: {kind}")
            ranges.train(entry.train, f"{place}: {kind}.{name}.train", suite.task)
    for name, dataset in suite.datasets.items():
        _dataset(dataset, f"{place}: datasets.{name}", suite.task)
        others = [other for other in suite.datasets if other != name]
        for other in dataset.test_on:
            known = f"name another dataset, one of {', '.join(others) or 'none'}"
            demand(other in others, f"{place}: datasets.{name}.test_on", known, other)
    for name, model in suite.models.items():
        _model(model, f"{place}: models.{name}", suite.task)
    for dataset in suite.datasets.values() if suite.task == "segment" else ():
        alone = [name for name, model in suite.models.items() if model.input is None]
        sized = dataset.input.size is not None or not alone
        demand(sized, f"{place}: input.size", f"be given of a dataset or of {alone}", "none")
    _metrics(suite, place)
    ranges.latency(suite.latency, f"{place}: latency")
    ranges.policy(suite.policy, f"{place}: policy")
    _calibration(suite, f"{place}: policy")
    once([gate.name for gate in suite.gates], f"{place}: gates")
    for index, gate in enumerate(suite.gates):
        _gate(gate, suite, f"{place}: gates[{index}]")


def _calibration(suite: Suite, place: str) -> None:
    """Masks are not calibrated."""
    for key, usual in (("calibrate", "none"), ("prior", "as-trained")):
        fits, got = suite.task != "segment", getattr(suite.policy, key)
        must = f"be {usual} with task segment, as voxels are not calibrated yet"
        demand(fits or got == usual, f"{place}.{key}", must, got)


def check_name(name: str, place: str) -> None:
    """Raise HarnessError unless `name` can be a folder everywhere, and no `+` sets it apart."""
    holds = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) is not None
    must = "be ASCII letters, digits, '.', '_' and '-', a letter or digit first"
    demand(holds, f"{place}: a name", must, name)


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


def _dataset(dataset: Dataset, place: str, task: str) -> None:
    shelf.require("datasets", dataset.load, f"{place}.load")
    _arguments("datasets", dataset.load, "load", dataset.args, f"{place}.args")
    for column, edges in dataset.groups.items():
        rising = len(edges) >= 1 and all(a < b for a, b in pairwise(edges))
        demand(rising, f"{place}.groups.{column}", "be one or more rising band edges", edges)
    once(dataset.test_on, f"{place}.test_on")
    if dataset.input != Input():
        ranges.given(dataset.input, f"{place}.input", task)
    few = dataset.train_subjects is None or dataset.train_subjects >= 1
    demand(few, f"{place}.train_subjects", "be 1 or more", dataset.train_subjects)
    if dataset.split is not None:
        one = dataset.split.folds is None or not dataset.test_on
        demand(one, f"{place}.test_on", "go with one network, not with folds", dataset.test_on)
        divisible = "all" in (shelf.constant("datasets", dataset.load, "SPLITS") or ())
        demand(divisible, f"{place}.split", "go with data that has no split", dataset.load)
        ranges.split(dataset.split, f"{place}.split")


def _model(model: Model, place: str, task: str) -> None:
    one = (model.build is None) != (model.onnx is None)
    demand(one, place, "have either build or onnx", {"build": model.build, "onnx": model.onnx})
    files = {"onnx": model.onnx, "weights": model.weights}
    for key, file in {**files, "args.weights": model.args.get("weights")}.items():
        named = file is None or (isinstance(file, str) and file != "")
        demand(named, f"{place}.{key}", "name a file", file)
    if model.input is not None:
        ranges.given(model.input, f"{place}.input", task)
    shares = all(0 < share < 1 for share in model.prior)
    demand(shares, f"{place}.prior", "be shares between 0 and 1", model.prior)
    if model.build is not None:
        demand(model.link is None, f"{place}.link", "go with onnx, not with build", model.link)
        taken = builders.arguments(model.build, f"{place}.build")
        if taken is not None:
            _fitting(taken, model.args, f"{place}.args")
        if model.build in shelf.names("models"):
            tasks = shelf.constant("models", model.build, "TASKS") or ("classify",)
            demand(task in tasks, f"{place}.build", f"be of task {', '.join(tasks)}", task)
        return
    for key in ("weights", "args", "train"):
        value = getattr(model, key)
        demand(not value, f"{place}.{key}", "go with build, not with onnx", value)


def has_direction(metric: str) -> bool:
    """Whether more of it is better or worse throughout: not so of a slope, whose best is 1."""
    return shelf.constant("metrics", metric, "BETTER") in DIRECTIONS


def _metrics(suite: Suite, place: str) -> None:
    names = [metric.name for metric in suite.metrics]
    demand(len(names) > 0, f"{place}: metrics", "name at least one", names)
    once(names, f"{place}: metrics")
    for metric in suite.metrics:
        shelf.require("metrics", metric.name, f"{place}: metrics")
        where = f"{place}: metrics.{metric.name}"
        _arguments("metrics", metric.name, "measure", metric.args, where)
        tasks = shelf.constant("metrics", metric.name, "TASKS")
        demand(suite.task in tasks, where, f"be of task {', '.join(tasks)}", suite.task)
        bins = metric.args.get("bins", 1)
        demand(1 <= bins <= 100, f"{where}.bins", "be 1 to 100", bins)
    must = "begin with one that is better higher or lower, as it ranks"
    demand(has_direction(names[0]), f"{place}: metrics", must, names[0])


def _gate(gate: Gate, suite: Suite, place: str) -> None:
    quality = [metric.name for metric in suite.metrics]
    known = [*quality, *LATENCY_METRICS, *SIZE_METRICS]
    if gate.metric not in known:
        raise HarnessError(f"{place}: unknown metric {gate.metric!r}; known: {', '.join(known)}")
    one = (gate.margin is None) != (gate.ratio is None)
    demand(one, place, "have either margin or ratio", {"margin": gate.margin, "ratio": gate.ratio})
    if gate.metric in quality:
        demand(gate.margin is not None, place, "have a margin", f"ratio of {gate.metric}")
        directed = has_direction(gate.metric)
        demand(directed, place, "be of a metric that is better higher or lower", gate.metric)
        for key in gate.where:
            cohort = key == "class" or key.startswith("group.")
            demand(cohort, f"{place}.where", "name class or group.NAME", key)
    if gate.metric in LATENCY_METRICS:
        demand(gate.ratio is not None, place, "have a ratio", f"margin of {gate.metric}")
    for key, value, least in (("margin", gate.margin, 0), ("ratio", gate.ratio, 1)):
        demand(value is None or value >= least, f"{place}.{key}", f"be {least} or more", value)
