"""The digests of a Run's steps: what each was done with, and so which of them are stale."""

import dataclasses
import functools
import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness import builders, shelf
from harness.disk import file_digest
from harness.plan import Run, folds
from harness.record import as_json
from harness.suite import Input, Model, Suite


def digests(suite: Suite, run: Run, root: Path | None) -> dict[str, str]:
    """Of each step, chained: a step is stale where its digest is not the one it was done with.

    Raises HarnessError where the data or a named file is missing.
    """
    parts = folds(suite, run)
    if parts != [run]:
        each = [digests(suite, part, root) for part in parts]
        return {step: _digest([part[step] for part in each]) for step in each[0]}
    model = suite.models[run.model]
    declared = {"model": as_json(dataclasses.replace(model, train={}, input=None, prior=()))}
    declared["files"] = _files(model.weights, model.onnx, *_named_weights(model.args))
    if model.onnx is None:
        training = suite.training(run.dataset, run.model)
        declared["train"] = as_json(dataclasses.replace(training, seeds=()))
    data = _data(suite, run, root, run.dataset)
    trainer = _source(*builders.sources(model.build), "fit", "stopping", *TRAINERS[suite.task])
    declared |= builders.digest(model.build)
    if suite.task == "segment":
        declared["threshold"] = suite.policy.threshold
    versions = _versions("torch", "ncps", *MAKERS[suite.task])
    fit = _digest(data, declared, trainer, run.device, versions)
    exporter, built = f"models._{model.build}_onnx", _versions("onnx", "onnxscript")
    source = _source(exporter, "export", "size")
    export = _digest(fit, suite.policy.threshold, source, built, *_calibrating(suite, model))
    runtime = _versions("onnxruntime-gpu", "onnxruntime")
    asked, askers = _asked(suite, run)
    elsewhere = [_data(suite, run, root, name) for name in suite.datasets[run.dataset].test_on]
    answering = {**runtime, **_versions(*MAKERS[suite.task])}
    predict = _digest(export, asked, _source(*askers), answering, *elsewhere)
    score = scoring(suite, predict)
    backends = [f"backends.{name}" for name in suite.latency.backends]
    latency = dataclasses.asdict(suite.latency)
    time = _digest(export, latency, _source(*backends, "latency"), runtime)
    steps = {"fit": fit, "export": export, "predict": predict, "score": score, "time": time}
    return {"data": data, **steps}


def _calibrating(suite: Suite, model: Model) -> list[Any]:
    """What bears on the calibration of the file that ships; nothing where none is asked for."""
    policy = suite.policy
    if not policy.recalibrates:
        return []
    prior = model.prior if policy.prior == "natural" else ()
    source = _source(
        *("calibrate", "priors", "calibrated_onnx", "calibrated_torch", "tasks._calibrated")
    )
    made = _versions("onnxruntime-gpu", "onnxruntime", "scikit-learn", "scipy", "torch")
    return [policy.calibrate, policy.prior, prior, source, made]


TRAINERS = {
    "classify": ("feed", "validation"),
    "segment": (
        *("patches", "augmenting", "losses", "mask_validation", "inference", "tasks.segment"),
    ),
}
"""Modules that say how a network of a task is taught, beside those of every task."""
MAKERS: Mapping[str, tuple[str, ...]] = {"classify": (), "segment": ("monai", "scipy")}
"""Libraries that make numbers of a task, beside torch and the runtime; none that reads files."""
ALWAYS = {
    "classify": ("majority_rate", "balanced_accuracy", "mcc", "sensitivity", "specificity"),
    "segment": ("missed_cases", "false_alarm_cases"),
}
"""Metrics that no suite has to name."""


def _asked(suite: Suite, run: Run) -> tuple[Any, list[str]]:
    """What predictions depend on beside the file, and the modules that make them.

    Masks are not kept, so what is counted of them is, here, part of predicting.
    """
    if suite.task == "classify":
        return None, ["predict", "guards.batches"]
    metrics = [as_json(metric) for metric in suite.metrics]
    names = (*ALWAYS["segment"], *(metric.name for metric in suite.metrics))
    counted = [f"metrics.{name}" for name in names]
    sizes = suite.datasets[run.dataset].groups.get("size")
    how = [metrics, as_json(suite.policy.empty), sizes]
    return how, ["predict", "segment", "tasks.segment", "inference", "grids", *counted]


def prepared_digest(suite: Suite, run: Run, root: Path | None) -> str:
    """Of the cases as they are read, whatever part they are in; `prepare` adds the grid."""
    dataset = suite.datasets[run.dataset]
    contents = shelf.load("datasets", dataset.load).fingerprint(root, **dataset.args)
    source = _source(f"datasets.{dataset.load}", "grids", "prepared", "prepare")
    return _digest(contents, dataset.load, dataset.args, source)


def scoring(suite: Suite, predictions: str) -> str:
    """The digest of the score step, from that of the predictions that are scored."""
    named = (*ALWAYS[suite.task], *(metric.name for metric in suite.metrics))
    beside = [more for name in named for more in shelf.constant("metrics", name, "BESIDE") or ()]
    metrics = [f"metrics.{name}" for name in (*named, *beside)]
    asked = [dataclasses.asdict(metric) for metric in suite.metrics]
    compared = ("reliability", "fairness", "versus", "disparity", "cohorts", "sides", "seeds")
    source = _source(*metrics, "score", "question", "rows", *compared, "guards.every")
    return _digest(predictions, asked, suite.policy.measured, suite.task, source)


def _data(suite: Suite, run: Run, root: Path | None, name: str) -> str:
    """What a model of `run` is given of the dataset `name`."""
    dataset = suite.datasets[name]
    contents = shelf.load("datasets", dataset.load).fingerprint(root, **dataset.args)
    source = _source(f"datasets.{dataset.load}")
    asked = suite.input(run.dataset, run.model)
    other: dict[str, Any] = {} if asked == Input() else {"input": as_json(asked)}
    if dataset.train_subjects is not None:
        other |= {"train_subjects": dataset.train_subjects}
    if suite.task == "segment":
        other |= {"grids": _source("grids", "prepared", "prepare")}
    if dataset.split is not None:
        named = dataset.split.file
        other |= {"file": named and file_digest((root or Path()) / named)}
        other |= {"split": as_json(dataset.split), "fold": run.fold, "code": _source("splits")}
    return _digest(contents, dataset.load, dataset.args, dataset.groups, source, suite.smoke, other)


def _digest(*parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def _versions(*distributions: str) -> Mapping[str, str]:
    """Of those that are installed, found out once a process."""
    return {
        name: found.version
        for name in distributions
        for found in importlib.metadata.distributions(name=name)
    }


def _source(*modules: str) -> str:
    return shelf.source_digest(*modules)


def _named_weights(args: Mapping[str, Any]) -> list[str]:
    """The file that a builder starts from, where it has an argument for one."""
    return [args["weights"]] if args.get("weights") else []


def _files(*paths: str | None) -> list[str | None]:
    return [path and file_digest(Path(path)) for path in paths]
