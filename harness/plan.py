"""The matrix of Runs that a suite asks for, and the digests that say which steps are stale."""

import dataclasses
import fnmatch
import functools
import hashlib
import importlib.metadata
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import builders, shelf
from harness.errors import HarnessError
from harness.record import as_json
from harness.suite import Input, Suite

EXTERNAL = "external"
"""The device of predictions made elsewhere."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One checkpoint measured in one place. `device` is "cpu", "cuda" or EXTERNAL."""

    suite: str
    dataset: str
    model: str
    device: str
    seed: int
    fold: int | None = None

    @property
    def checkpoint(self) -> str:
        """`s0`, or `s0f2` of a fold."""
        return f"s{self.seed}" if self.fold is None else f"s{self.seed}f{self.fold}"

    @property
    def id(self) -> str:
        """As people write it: `liquid3d/adrenal/ltc-30/cpu/s0`."""
        return f"{self.suite}/{self.dataset}/{self.model}/{self.device}/{self.checkpoint}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Globs of the command line; empty means all. Devices may be `auto`."""

    datasets: Sequence[str] = ()
    models: Sequence[str] = ()
    seeds: Sequence[str] = ()
    devices: Sequence[str] = ("auto",)


def expand(suite: Suite, selection: Selection, beside: Sequence[Run] = ()) -> list[Run]:
    """The selected Runs in the suite's order, then those of `beside`, which no suite declares.

    Raises HarnessError where a glob matches none.
    """
    datasets = _matching("dataset", [*suite.datasets], selection.datasets)
    names = dict.fromkeys([*suite.models, *(run.model for run in beside)])
    models = _matching("model", [*names], selection.models)
    others = [run for run in beside if run.dataset in datasets and run.model in models]
    trained = [model for model in models if model in suite.models]
    declared = {pair: seeds(suite, *pair) for pair in itertools.product(datasets, trained)}
    listed = [seed for each in declared.values() for seed in each]
    known = dict.fromkeys(str(seed) for seed in [*listed, *(run.seed for run in others)])
    chosen = _matching("seed", [*known], selection.seeds)
    return [
        Run(suite=suite.name, dataset=dataset, model=model, device=device, seed=seed)
        for (dataset, model), each in declared.items()
        for device in _devices(selection.devices)
        for seed in each
        if str(seed) in chosen
    ] + [run for run in others if str(run.seed) in chosen]


def seeds(suite: Suite, dataset: str, model: str) -> tuple[int, ...]:
    """Those declared; a finished ONNX file has one checkpoint, called seed 0."""
    return (0,) if suite.models[model].onnx else suite.training(dataset, model).seeds


def folds(suite: Suite, run: Run) -> list[Run]:
    """The Runs, one a fold, whose cases are joined to those of `run`; itself where nothing is."""
    split = suite.datasets[run.dataset].split
    if split is None or split.folds is None or run.fold is not None:
        return [run]
    return [dataclasses.replace(run, fold=fold) for fold in range(split.folds)]


def digests(suite: Suite, run: Run, root: Path | None) -> dict[str, str]:
    """Of each step, chained: a step is stale where its digest is not the one it was done with.

    Raises HarnessError where the data or a named file is missing.
    """
    parts = folds(suite, run)
    if parts != [run]:
        each = [digests(suite, part, root) for part in parts]
        return {step: _digest([part[step] for part in each]) for step in each[0]}
    model = suite.models[run.model]
    declared = {"model": as_json(dataclasses.replace(model, train={}, input=None))}
    declared["files"] = _files(model.weights, model.onnx, *_named_weights(model.args))
    if model.onnx is None:
        training = suite.training(run.dataset, run.model)
        declared["train"] = as_json(dataclasses.replace(training, seeds=()))
    data = _data(suite, run, root, run.dataset)
    trainer = _source(*builders.sources(model.build), "fit", "stopping", "validation")
    declared |= builders.digest(model.build)
    fit = _digest(data, declared, trainer, run.device, _versions("torch", "ncps"))
    exporter, built = f"models._{model.build}_onnx", _versions("onnx", "onnxscript")
    export = _digest(fit, suite.policy.threshold, _source(exporter, "export", "size"), built)
    runtime = _versions("onnxruntime-gpu", "onnxruntime")
    elsewhere = [_data(suite, run, root, name) for name in suite.datasets[run.dataset].test_on]
    predict = _digest(export, _source("predict", "guards.batches"), runtime, *elsewhere)
    score = scoring(suite, predict)
    backends = [f"backends.{name}" for name in suite.latency.backends]
    latency = dataclasses.asdict(suite.latency)
    time = _digest(export, latency, _source(*backends, "latency"), runtime)
    steps = {"fit": fit, "export": export, "predict": predict, "score": score, "time": time}
    return {"data": data, **steps}


def scoring(suite: Suite, predictions: str) -> str:
    """The digest of the score step, from that of the predictions that are scored."""
    metrics = ["metrics.majority_rate", *(f"metrics.{metric.name}" for metric in suite.metrics)]
    asked = [dataclasses.asdict(metric) for metric in suite.metrics]
    source = _source(*metrics, "score", "guards.every")
    return _digest(predictions, asked, suite.policy.measured, suite.task, source)


def _data(suite: Suite, run: Run, root: Path | None, name: str) -> str:
    """What a model of `run` is given of the dataset `name`."""
    dataset = suite.datasets[name]
    contents = shelf.load("datasets", dataset.load).fingerprint(root, **dataset.args)
    source = _source(f"datasets.{dataset.load}")
    asked = suite.input(run.dataset, run.model)
    other: dict[str, Any] = {} if asked == Input() else {"input": as_json(asked)}
    if dataset.split is not None:
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


def file_digest(path: Path) -> str:
    """sha256 of a file. Raises HarnessError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", error)
        raise HarnessError(f"{path} must be a readable file, got: {reason}") from None


def _matching(what: str, known: Sequence[str], globs: Sequence[str]) -> list[str]:
    """Those selected, in their order. Each glob must match, or a slip of the pen selects less."""
    for glob in globs:
        if not any(_selected(name, [glob]) for name in known):
            raise HarnessError(f"--{what} must match one of {', '.join(known)}, got {glob!r}")
    return [name for name in known if _selected(name, globs)]


def _selected(name: str, globs: Sequence[str]) -> bool:
    return not globs or any(fnmatch.fnmatchcase(name, glob) for glob in globs)


def _devices(asked: Sequence[str]) -> list[str]:
    for device in asked:
        if device not in ("auto", "cpu", "cuda"):
            raise HarnessError(f"--device must be auto, cpu or cuda, got {device!r}")
    from harness import environment

    auto = "cuda" if "auto" in asked and environment.cuda_is_usable() else "cpu"
    return list(dict.fromkeys(auto if device == "auto" else device for device in asked))
